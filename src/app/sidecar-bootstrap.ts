import { PORTS } from "../lib/names.ts";
import { type Problem, ProblemError, problem } from "../lib/problem.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type JsonMap = { readonly [key: string]: Json };

/** What a sidecar or gateway runs with, read from the pod's environment. */
export interface SidecarSettings {
	/** Envoy v3 bootstrap, proto3 JSON. */
	readonly bootstrap: JsonMap;
	/** Where agent, readiness and Prometheus ports are bound. */
	readonly podIp: string;
	/** Metrics of the application to merge; undefined: none. */
	readonly appMetrics: AppMetrics | undefined;
	/** How long a stopping proxy waits for its requests. */
	readonly drainMs: number;
	/** `ip:port`, or undefined for the system's. */
	readonly dnsServer: string | undefined;
}

export interface AppMetrics {
	readonly url: string;
}

export type SidecarRole = "sidecar" | "router";

const DEFAULT_DISCOVERY = `127.0.0.1:${PORTS.xds}`;
const DEFAULT_DRAIN_MS = 5000;
const XDS_CLUSTER = "xds-grpc";

/**
 * Renders the bootstrap of a pod's proxy from its environment, which injection and the pod runner set (docs/contracts.md).
 * Throws ProblemError (LTN60xx) naming every variable that is missing or wrong.
 */
export function renderSidecar(environment: Environment, role: SidecarRole): SidecarSettings {
	const problems: Problem[] = [];
	const need = (...names: string[]) => {
		const found = names.map((name) => environment[name]).find((value) => value !== undefined && value !== "");
		if (found === undefined)
			problems.push(
				problem("LTN6020", names[0]!, "the environment variable is not set", "start the sidecar by the pod runner"),
			);
		return found ?? "";
	};
	const podIp = need("LATEEN_POD_IP", "INSTANCE_IP", "POD_IP");
	const pod = need("POD_NAME", "HOSTNAME");
	const namespace = need("POD_NAMESPACE", "LATEEN_NAMESPACE");
	const proxyConfig = readJson(environment, "PROXY_CONFIG", problems);
	const discovery = readDiscovery(environment, proxyConfig, problems);
	const metadata = nodeMetadata(environment, { podIp, pod, namespace, proxyConfig, problems });
	const appMetrics = readAppMetrics(environment, problems);
	if (problems.length > 0) throw new ProblemError(problems);
	return {
		bootstrap: {
			node: {
				id: `${role}~${podIp}~${pod}.${namespace}~${namespace}.svc.cluster.local`,
				cluster: `${environment.ISTIO_META_WORKLOAD_NAME ?? pod}.${namespace}`,
				metadata,
			},
			admin: { address: socketAddress(podIp, PORTS.proxyAdmin) },
			dynamic_resources: {
				ads_config: {
					api_type: "DELTA_GRPC",
					transport_api_version: "V3",
					set_node_on_first_message_only: true,
					grpc_services: [{ envoy_grpc: { cluster_name: XDS_CLUSTER } }],
				},
				cds_config: { ads: {}, resource_api_version: "V3" },
				lds_config: { ads: {}, resource_api_version: "V3" },
			},
			static_resources: { clusters: [xdsCluster(discovery)] },
			...(podIp.startsWith("127.") && { cluster_manager: fromPodAddress(podIp) }),
		},
		podIp,
		appMetrics,
		drainMs: drainMs(proxyConfig),
		dnsServer: environment.LATEEN_DNS || undefined,
	};
}

/** On loopback the system would call every caller 127.0.0.1: peers, their logs and rules are to see the pod. */
function fromPodAddress(podIp: string): JsonMap {
	return { upstream_bind_config: { source_address: { address: podIp, port_value: 0 } } };
}

interface Place {
	readonly host: string;
	readonly port: number;
}

/** What injection wrote; on this machine the mesh's own port may have changed since, and then what the pod runner says holds. */
function readDiscovery(environment: Environment, proxyConfig: JsonMap, problems: Problem[]): Place {
	const written = parsePlace(String(proxyConfig.discoveryAddress ?? DEFAULT_DISCOVERY), problems);
	const now = environment.LATEEN_DISCOVERY_ADDRESS;
	const current = now ? parsePlace(now, problems) : written;
	return current.host === written.host ? current : written;
}

function parsePlace(text: string, problems: Problem[]): Place {
	const colon = text.lastIndexOf(":");
	const port = Number(text.slice(colon + 1));
	if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65535)
		problems.push(problem("LTN6021", "PROXY_CONFIG.discoveryAddress", `"${text}" is not host:port`));
	return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port };
}

function xdsCluster({ host, port }: Place): JsonMap {
	return {
		name: XDS_CLUSTER,
		type: /^[\d.]+$|:/.test(host) ? "STATIC" : "STRICT_DNS",
		connect_timeout: "1s",
		typed_extension_protocol_options: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
				"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
				explicit_http_config: { http2_protocol_options: {} },
			},
		},
		load_assignment: {
			cluster_name: XDS_CLUSTER,
			endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, port) } }] }],
		},
	};
}

function socketAddress(address: string, port: number): JsonMap {
	return { socket_address: { address, port_value: port } };
}

interface MetadataParts {
	readonly podIp: string;
	readonly pod: string;
	readonly namespace: string;
	readonly proxyConfig: JsonMap;
	readonly problems: Problem[];
}

const META = "ISTIO_META_";
const META_JSON = "ISTIO_METAJSON_";
/** Variables whose value is JSON although they carry the plain prefix. */
const JSON_META = new Set(["POD_PORTS"]);

/** Node metadata as Istio's agent sends it: every `ISTIO_META_X` becomes `X`, and what the pod is. */
function nodeMetadata(environment: Environment, parts: MetadataParts): JsonMap {
	const metadata: Record<string, Json> = {
		CLUSTER_ID: "Kubernetes",
		INTERCEPTION_MODE: "NONE",
		NAME: parts.pod,
		NAMESPACE: parts.namespace,
		INSTANCE_IPS: parts.podIp,
		PROXY_CONFIG: parts.proxyConfig,
	};
	if (environment.SERVICE_ACCOUNT) metadata.SERVICE_ACCOUNT = environment.SERVICE_ACCOUNT;
	if (environment.LATEEN_APP_IP) metadata.LATEEN_APP_IP = environment.LATEEN_APP_IP;
	for (const [name, value] of Object.entries(environment)) {
		if (value === undefined) continue;
		if (name.startsWith(META_JSON)) Object.assign(metadata, readJson(environment, name, parts.problems));
		else if (name.startsWith(META)) {
			const key = name.slice(META.length);
			metadata[key] = JSON_META.has(key) ? readJsonValue(environment, name, parts.problems) : value;
		}
	}
	return metadata;
}

function readJsonValue(environment: Environment, name: string, problems: Problem[]): Json {
	const text = environment[name] ?? "";
	if (text === "") return null;
	try {
		return JSON.parse(text) as Json;
	} catch (error) {
		problems.push(problem("LTN6022", name, `the value is not JSON (${(error as Error).message})`));
		return null;
	}
}

function readJson(environment: Environment, name: string, problems: Problem[]): JsonMap {
	const value = readJsonValue(environment, name, problems);
	if (value !== null && (typeof value !== "object" || Array.isArray(value)))
		problems.push(problem("LTN6022", name, "the value is not a JSON object"));
	return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonMap) : {};
}

/** `ISTIO_PROMETHEUS_ANNOTATIONS`: `{"scrape": "true", "path": "/metrics", "port": "9080"}`. */
function readAppMetrics(environment: Environment, problems: Problem[]): AppMetrics | undefined {
	if (!environment.ISTIO_PROMETHEUS_ANNOTATIONS) return undefined;
	const { scrape, path, port } = readJson(environment, "ISTIO_PROMETHEUS_ANNOTATIONS", problems);
	if (String(scrape) !== "true" || !environment.LATEEN_APP_IP) return undefined;
	return { url: `http://${environment.LATEEN_APP_IP}:${port || 80}${path || "/metrics"}` };
}

function drainMs(proxyConfig: JsonMap): number {
	const seconds = /^(\d+(?:\.\d+)?)s$/.exec(String(proxyConfig.terminationDrainDuration ?? ""));
	return seconds ? Number(seconds[1]) * 1000 : DEFAULT_DRAIN_MS;
}
