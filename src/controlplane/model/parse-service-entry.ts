import type { KubeObject } from "../../kinds/object.ts";
import { metaOf } from "./config-object.ts";
import type { MeshConfig } from "./mesh-config.ts";
import { ObjectReader, ProblemSink } from "./object-reader.ts";
import type { Parsed } from "./parsed.ts";
import { isHttp, type Protocol, parseProtocol } from "./protocol.ts";
import { type Endpoint, type Locality, NO_LOCALITY, type Resolution, type Service } from "./service.ts";
import { visibilityOf } from "./visibility.ts";

/** A ServiceEntry: one service per host, and the endpoints that they share. */
export interface ServiceEntry {
	readonly services: readonly Service[];
	readonly endpoints: readonly Endpoint[];
}

interface EntryPort {
	readonly number: number;
	readonly name: string;
	readonly protocol: Protocol;
	readonly targetPort: number;
}

interface EntryEndpoint {
	readonly address: string;
	readonly ports: Readonly<Record<string, number>>;
	readonly labels: Readonly<Record<string, string>>;
	readonly locality: Locality;
	readonly weight: number;
	readonly serviceAccount: string;
}

const NONE_IS_NOT_WHOLE =
	"resolution NONE needs the original destination of captured traffic; without capture only HTTP ports of whole host names work";

const RESOLUTIONS: Readonly<Record<string, Resolution>> = {
	NONE: "NONE",
	STATIC: "EDS",
	DNS: "DNS",
	DNS_ROUND_ROBIN: "DNS_ROUND_ROBIN",
};

/** Reads a ServiceEntry; `value` is undefined when a field is malformed. */
export function parseServiceEntry(object: KubeObject, mesh: MeshConfig): Parsed<ServiceEntry> {
	const meta = metaOf(object);
	const sink = new ProblemSink();
	const r = ObjectReader.spec(object, sink);
	r.unsupported("workloadSelector", "list the endpoints instead");
	r.ignore("subjectAltNames");
	const ports = r.list("ports", readPort);
	const hosts = r.strings("hosts").map((h) => h.toLowerCase());
	const resolution = readResolution(r, { ports, hosts });
	const entries = r.list("endpoints", readEndpoint);
	const common = {
		meta,
		registry: "ServiceEntry" as const,
		resolution,
		addresses: r.strings("addresses").filter((a) => !a.includes("/")),
		headless: false,
		ports,
		selector: undefined,
		external: r.word("location", ["MESH_EXTERNAL", "MESH_INTERNAL"]) !== "MESH_INTERNAL",
		visibility: visibilityOf(r.strings("exportTo"), meta.namespace, mesh.defaultServiceExportTo),
		publishNotReady: false,
		aliasOf: undefined,
	};
	if (hosts.length === 0) r.malformed("hosts", "must not be empty");
	r.end();
	const value: ServiceEntry = {
		services: hosts.map((hostname) => ({ ...common, hostname })),
		endpoints: entries.flatMap((entry) => ports.map((port) => endpointOf(entry, port))),
	};
	return { value: sink.malformed ? undefined : value, problems: sink.problems };
}

/**
 * NONE means the address that the client dialled. Through the explicit HTTP proxy a client dials a name: it is looked up for the
 * client, as DNS. What is not HTTP, and hosts that are only a pattern, would need captured traffic.
 */
function readResolution(
	r: ObjectReader,
	{ ports, hosts }: { readonly ports: readonly EntryPort[]; readonly hosts: readonly string[] },
): Resolution {
	const word = r.string("resolution") ?? "NONE";
	const resolution = RESOLUTIONS[word];
	if (!resolution) r.malformed("resolution", `must be one of ${Object.keys(RESOLUTIONS).join(", ")}`);
	if (word !== "NONE") return resolution ?? "NONE";
	const named = hosts.every((host) => !host.includes("*"));
	if (!named || ports.some(({ protocol }) => !isHttp(protocol)))
		r.unobeyed("resolution", NONE_IS_NOT_WHOLE, "set STATIC or DNS");
	return named ? "DNS" : "NONE";
}

function readPort(r: ObjectReader): EntryPort {
	const number = r.number("number") ?? 0;
	if (!Number.isInteger(number) || number < 1 || number > 65_535) r.malformed("number", "must be between 1 and 65535");
	return {
		number,
		name: r.string("name") ?? "",
		protocol: parseProtocol(r.string("protocol") ?? "") ?? "Auto",
		targetPort: r.number("targetPort") || number,
	};
}

function readEndpoint(r: ObjectReader): EntryEndpoint {
	r.unsupported("network", "there is one network");
	const [region = "", zone = "", subzone = ""] = (r.string("locality") ?? "").split("/");
	const isNumbers = (v: unknown): v is Record<string, number> =>
		typeof v === "object" && v !== null && Object.values(v).every((p) => typeof p === "number");
	return {
		address: r.string("address") ?? "",
		ports: r.raw("ports", isNumbers) ?? {},
		labels: r.stringMap("labels"),
		locality: region === "" ? NO_LOCALITY : { region, zone, subzone },
		weight: r.number("weight") || 1,
		serviceAccount: r.string("serviceAccount") ?? "",
	};
}

function endpointOf(entry: EntryEndpoint, port: EntryPort): Endpoint {
	return {
		address: entry.address,
		port: entry.ports[port.name] ?? port.targetPort,
		servicePort: port.number,
		labels: entry.labels,
		locality: entry.locality,
		health: "healthy",
		tlsMode: entry.serviceAccount === "" ? "disabled" : "istio",
		weight: entry.weight,
		workload: undefined,
	};
}
