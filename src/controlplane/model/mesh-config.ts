import { fieldPath } from "../../lib/field-path.ts";
import { CLUSTER_DOMAIN, SYSTEM_NAMESPACE, TRUST_DOMAIN } from "../../lib/names.ts";
import type { Problem } from "../../lib/problem.ts";
import { ObjectReader, ProblemSink } from "./object-reader.ts";
import { type RetryPolicy, readRetryPolicy } from "./retry-policy.ts";

/** The mesh-wide settings that Lateen obeys (`ConfigMap istio-system/istio`, key `mesh`; istio-traffic-api.md 11). */
export interface MeshConfig {
	readonly rootNamespace: string;
	readonly trustDomain: string;
	readonly clusterDomain: string;
	readonly connectTimeoutMs: number;
	/** Empty: no access log. */
	readonly accessLogFile: string;
	/** Empty: the default format. */
	readonly accessLogFormat: string;
	readonly accessLogEncoding: "TEXT" | "JSON";
	readonly enableTracing: boolean;
	/** Share of new traces that are sampled, percent. */
	readonly tracingSamplingPercent: number;
	readonly outboundTrafficPolicy: "ALLOW_ANY" | "REGISTRY_ONLY";
	readonly defaultServiceExportTo: readonly string[];
	readonly defaultVirtualServiceExportTo: readonly string[];
	readonly defaultDestinationRuleExportTo: readonly string[];
	/** Undefined: the built-in policy (istio-traffic-api.md 1.8). */
	readonly defaultHttpRetryPolicy: RetryPolicy | undefined;
	/** Locality failover applies only to clusters with outlier detection. */
	readonly localityLbEnabled: boolean;
	readonly pathNormalization: "NONE" | "BASE" | "MERGE_SLASHES" | "DECODE_AND_MERGE_SLASHES";
	readonly discoveryAddress: string;
	/** Lateen's own: an ejected weighted destination gives its share to the others (design D4). */
	readonly weightedFailover: boolean;
}

export const DEFAULT_MESH_CONFIG: MeshConfig = Object.freeze({
	rootNamespace: SYSTEM_NAMESPACE,
	trustDomain: TRUST_DOMAIN,
	clusterDomain: CLUSTER_DOMAIN,
	connectTimeoutMs: 10_000,
	accessLogFile: "",
	accessLogFormat: "",
	accessLogEncoding: "TEXT",
	enableTracing: true,
	tracingSamplingPercent: 1,
	outboundTrafficPolicy: "ALLOW_ANY",
	defaultServiceExportTo: ["*"],
	defaultVirtualServiceExportTo: ["*"],
	defaultDestinationRuleExportTo: ["*"],
	defaultHttpRetryPolicy: undefined,
	localityLbEnabled: true,
	pathNormalization: "BASE",
	discoveryAddress: "127.0.0.1:15010",
	weightedFailover: true,
});

/**
 * Reads a mesh configuration document (already parsed YAML) over `base`. A malformed field keeps the base's value;
 * unknown and unsupported fields are told. Never throws.
 */
export function parseMeshConfig(
	document: unknown,
	base: MeshConfig = DEFAULT_MESH_CONFIG,
): { readonly config: MeshConfig; readonly problems: readonly Problem[] } {
	const sink = new ProblemSink();
	const r = new ObjectReader(document, fieldPath("mesh"), sink);
	const config: MeshConfig = Object.freeze({ ...readConfig(r, base), ...readProxyConfig(r, base) });
	r.end();
	return { config, problems: sink.problems };
}

type ProxySettings = Pick<MeshConfig, "discoveryAddress" | "tracingSamplingPercent">;

function readConfig(r: ObjectReader, base: MeshConfig): Omit<MeshConfig, keyof ProxySettings> {
	return {
		rootNamespace: r.string("rootNamespace") ?? base.rootNamespace,
		trustDomain: r.string("trustDomain") ?? base.trustDomain,
		clusterDomain: base.clusterDomain,
		connectTimeoutMs: r.durationMs("connectTimeout") ?? base.connectTimeoutMs,
		accessLogFile: r.string("accessLogFile") ?? base.accessLogFile,
		accessLogFormat: r.string("accessLogFormat") ?? base.accessLogFormat,
		accessLogEncoding: r.word("accessLogEncoding", ["TEXT", "JSON"]) ?? base.accessLogEncoding,
		enableTracing: r.boolean("enableTracing") ?? base.enableTracing,
		outboundTrafficPolicy:
			r.object("outboundTrafficPolicy", (p) => p.word("mode", ["ALLOW_ANY", "REGISTRY_ONLY"]) ?? "REGISTRY_ONLY") ??
			base.outboundTrafficPolicy,
		...readExportTo(r, base),
		defaultHttpRetryPolicy: r.object("defaultHttpRetryPolicy", readRetryPolicy) ?? base.defaultHttpRetryPolicy,
		localityLbEnabled:
			r.object("localityLbSetting", (l) => {
				l.unsupported("distribute", "only the default failover order is there");
				l.unsupported("failover", "only the default failover order is there");
				l.unsupported("failoverPriority", "only the default failover order is there");
				return l.boolean("enabled") ?? true;
			}) ?? base.localityLbEnabled,
		pathNormalization: readNormalization(r) ?? base.pathNormalization,
		weightedFailover: r.boolean("weightedFailover") ?? base.weightedFailover,
	};
}

function readExportTo(r: ObjectReader, base: MeshConfig) {
	const list = (name: string, fallback: readonly string[]) => (r.has(name) ? r.strings(name) : fallback);
	return {
		defaultServiceExportTo: list("defaultServiceExportTo", base.defaultServiceExportTo),
		defaultVirtualServiceExportTo: list("defaultVirtualServiceExportTo", base.defaultVirtualServiceExportTo),
		defaultDestinationRuleExportTo: list("defaultDestinationRuleExportTo", base.defaultDestinationRuleExportTo),
	};
}

function readNormalization(r: ObjectReader): MeshConfig["pathNormalization"] | undefined {
	const words = ["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"] as const;
	const word = r.object("pathNormalization", (p) => p.word("normalization", words));
	return word === "DEFAULT" ? "BASE" : word;
}

function readProxyConfig(r: ObjectReader, base: MeshConfig): ProxySettings {
	const settings = r.object("defaultConfig", (p) => ({
		discoveryAddress: p.string("discoveryAddress"),
		tracingSamplingPercent: p.object("tracing", (t) => {
			t.unsupported("zipkin", "spans are not reported");
			return t.number("sampling");
		}),
	}));
	return {
		discoveryAddress: settings?.discoveryAddress ?? base.discoveryAddress,
		tracingSamplingPercent: settings?.tracingSamplingPercent ?? base.tracingSamplingPercent,
	};
}
