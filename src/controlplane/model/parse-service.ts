import type { KubeObject } from "../../kinds/object.ts";
import { fieldPath } from "../../lib/field-path.ts";
import { metaOf } from "./config-object.ts";
import type { MeshConfig } from "./mesh-config.ts";
import { ObjectReader, ProblemSink } from "./object-reader.ts";
import type { Parsed } from "./parsed.ts";
import { selectProtocol } from "./protocol.ts";
import type { Service, ServicePort } from "./service.ts";
import { visibilityOf } from "./visibility.ts";

const EXPORT_TO = "networking.istio.io/exportTo";

/** Reads a core/v1 Service. UDP ports are left out: the mesh does not carry them. */
export function parseService(object: KubeObject, mesh: MeshConfig): Parsed<Service> {
	const meta = metaOf(object);
	const sink = new ProblemSink(true);
	const r = ObjectReader.spec(object, sink);
	const selector = r.stringMap("selector");
	const clusterIps = [r.string("clusterIP") ?? "", ...r.strings("clusterIPs")];
	// A client behind an explicit proxy may call the load balancer's address as well.
	const ips = [...clusterIps, ...r.strings("externalIPs"), ...loadBalancerIps(object)];
	const addresses = [...new Set(ips.filter((ip) => ip !== "" && ip !== "None"))];
	const externalName = r.string("type") === "ExternalName" ? r.string("externalName") : undefined;
	const exportTo = (meta.annotations[EXPORT_TO] ?? "").split(",").map((e) => e.trim());
	const value: Service = {
		meta,
		hostname: `${meta.name}.${meta.namespace}.svc.${mesh.clusterDomain}`,
		registry: "Kubernetes",
		resolution: "EDS",
		addresses,
		headless: clusterIps.includes("None"),
		ports: r.list("ports", readPort).filter((p) => p.protocol !== "UDP"),
		selector: Object.keys(selector).length === 0 ? undefined : selector,
		external: false,
		visibility: visibilityOf(
			exportTo.filter((e) => e !== ""),
			meta.namespace,
			mesh.defaultServiceExportTo,
		),
		publishNotReady: r.boolean("publishNotReadyAddresses") ?? false,
		aliasOf: externalName?.toLowerCase(),
	};
	return { value: sink.malformed ? undefined : value, problems: sink.problems };
}

function readPort(r: ObjectReader): ServicePort {
	const number = r.number("port") ?? 0;
	const name = r.string("name") ?? "";
	const protocol = selectProtocol({
		number,
		name,
		appProtocol: r.string("appProtocol"),
		transport: r.string("protocol"),
	});
	return { number, name, protocol, targetPort: r.raw("targetPort", isTargetPort) ?? number };
}

function isTargetPort(value: unknown): value is number | string {
	return typeof value === "number" || (typeof value === "string" && value !== "");
}

function loadBalancerIps(object: KubeObject): readonly string[] {
	const r = new ObjectReader(object.status, fieldPath("status"), new ProblemSink(true));
	const ingress = r.object("loadBalancer", (lb) => lb.list("ingress", (i) => i.string("ip") ?? ""));
	return ingress ?? [];
}
