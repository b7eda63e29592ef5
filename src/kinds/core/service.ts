import { builtinKind } from "../builtin-kind.ts";
import { formatLabels } from "../label-selector.ts";
import type { KubeObject } from "../object.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { AGE, at, listAt, text, textAt, wide } from "../table/columns.ts";
import { objectsIn, setDefault, setText } from "./pod-defaults.ts";
import { fieldText } from "./pod-status.ts";
import { validateService } from "./service-validation.ts";

interface ServicePort {
	readonly port: number;
	readonly nodePort?: number;
	readonly protocol?: string;
}

/** Service of the core group. Cluster addresses and node ports are allocated by the API server. */
export const Service = builtinKind({
	group: "",
	kind: "Service",
	nameFormat: "label1035",
	columns: [
		text("Type", (service) => textAt(service, "spec.type")),
		text(
			"Cluster-IP",
			(service) => listAt<string>(service, "spec.clusterIPs")[0] || textAt(service, "spec.clusterIP") || "<none>",
		),
		text("External-IP", externalAddress),
		text("Port(s)", (service) => listAt<ServicePort>(service, "spec.ports").map(formatPort).join(",") || "<none>"),
		AGE,
		wide(text("Selector", (service) => formatLabels(at(service, "spec.selector") as Record<string, string>))),
	],
	fields: {
		"spec.clusterIP": (service) => fieldText(service, "spec.clusterIP"),
		"spec.type": (service) => fieldText(service, "spec.type"),
	},
	applyDefaults(service) {
		if (isObject(service.spec)) applyServiceDefaults(service.spec);
	},
	validate: (service, old) => ({ errors: validateService(service, old), warnings: [] }),
});

function formatPort({ port, nodePort, protocol = "TCP" }: ServicePort): string {
	return nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`;
}

function externalAddress(service: KubeObject): string {
	const external = listAt<string>(service, "spec.externalIPs");
	const type = textAt(service, "spec.type");
	if (type === "ExternalName") return textAt(service, "spec.externalName");
	if (type !== "LoadBalancer") return external.join(",") || "<none>";
	const balancer = listAt<{ ip?: string; hostname?: string }>(service, "status.loadBalancer.ingress")
		.map(({ ip, hostname }) => ip || hostname || "")
		.filter((address) => address !== "");
	return [...[...new Set(balancer)].sort(), ...external].join(",") || "<pending>";
}

function applyServiceDefaults(spec: JsonObject): void {
	setText(spec, "type", "ClusterIP");
	setText(spec, "sessionAffinity", "None");
	if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
	if (spec.sessionAffinity === "ClientIP") applyAffinityTimeout(spec);
	for (const port of objectsIn(spec, "ports")) {
		setText(port, "protocol", "TCP");
		if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "") port.targetPort = port.port;
	}
	if (spec.type === "ExternalName") return;
	setText(spec, "internalTrafficPolicy", "Cluster");
	const isReachable = spec.type === "NodePort" || spec.type === "LoadBalancer" || objectsOrTexts(spec.externalIPs) > 0;
	if (isReachable) setText(spec, "externalTrafficPolicy", "Cluster");
	if (spec.type === "LoadBalancer") setDefault(spec, "allocateLoadBalancerNodePorts", true);
	if (objectsOrTexts(spec.ipFamilies) === 0) spec.ipFamilies = ["IPv4"];
	setText(spec, "ipFamilyPolicy", "SingleStack");
}

const AFFINITY_SECONDS = 10_800;

function applyAffinityTimeout(spec: JsonObject): void {
	const config = objectIn(spec, "sessionAffinityConfig");
	const clientIp = objectIn(config, "clientIP");
	setDefault(clientIp, "timeoutSeconds", AFFINITY_SECONDS);
	spec.sessionAffinityConfig = { ...config, clientIP: clientIp };
}

function objectsOrTexts(list: unknown): number {
	return Array.isArray(list) ? list.length : 0;
}
