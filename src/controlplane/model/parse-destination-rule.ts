import type { KubeObject } from "../../kinds/object.ts";
import { metaOf } from "./config-object.ts";
import type {
	ConsistentHash,
	DestinationRule,
	LoadBalancer,
	OutlierDetection,
	PolicyBlocks,
	SimpleLb,
	Subset,
	TrafficPolicy,
} from "./destination-rule.ts";
import { resolveHost } from "./host-name.ts";
import type { MeshConfig } from "./mesh-config.ts";
import { ObjectReader, ProblemSink } from "./object-reader.ts";
import type { Parsed } from "./parsed.ts";
import { readConnectionPool } from "./read-connection-pool.ts";
import { visibilityOf } from "./visibility.ts";

const DEFAULT_RING_SIZE = 1024;
const MAX_RING_SIZE = 8 * 1024 * 1024;

/** Reads a DestinationRule; `value` is undefined when a field is malformed. */
export function parseDestinationRule(object: KubeObject, mesh: MeshConfig): Parsed<DestinationRule> {
	const meta = metaOf(object);
	const sink = new ProblemSink();
	const r = ObjectReader.spec(object, sink);
	const host = resolveHost(r.string("host") ?? "", meta.namespace, mesh.clusterDomain);
	if (host === "") r.malformed("host", "must name a host");
	const workloadSelector = r.object("workloadSelector", (s) => s.stringMap("matchLabels"));
	// A rule for some workloads is only ever seen by its own namespace (istio-traffic-api.md 2.1).
	const exportTo = workloadSelector ? ["."] : r.strings("exportTo");
	r.ignore("exportTo");
	const value: DestinationRule = {
		meta,
		host,
		visibility: visibilityOf(exportTo, meta.namespace, mesh.defaultDestinationRuleExportTo),
		workloadSelector,
		trafficPolicy: r.object("trafficPolicy", readTrafficPolicy),
		subsets: firstOfEachName(r.list("subsets", readSubset)),
	};
	r.end();
	return { value: sink.malformed ? undefined : value, problems: sink.problems };
}

function readSubset(r: ObjectReader): Subset {
	const name = r.string("name") ?? "";
	if (name === "") r.malformed("name", "must not be empty");
	return { name, labels: r.stringMap("labels"), trafficPolicy: r.object("trafficPolicy", readTrafficPolicy) };
}

/** Of several subsets with one name the first counts. */
function firstOfEachName(subsets: readonly Subset[]): readonly Subset[] {
	const seen = new Set<string>();
	return subsets.filter((s) => !seen.has(s.name) && seen.add(s.name));
}

function readTrafficPolicy(r: ObjectReader): TrafficPolicy {
	const ports = r.list("portLevelSettings", (p) => {
		const port = p.object("port", (x) => x.number("number"));
		if (port === undefined) p.malformed("port", "must have a number");
		return [port ?? 0, readBlocks(p)] as const;
	});
	r.unsupported("tunnel", "CONNECT tunnels are not built");
	r.unsupported("proxyProtocol", "no PROXY header is sent");
	return { ...readBlocks(r), portLevel: new Map(ports) };
}

function readBlocks(r: ObjectReader): PolicyBlocks {
	return {
		loadBalancer: r.object("loadBalancer", readLoadBalancer),
		connectionPool: r.object("connectionPool", readConnectionPool),
		outlierDetection: r.object("outlierDetection", readOutlierDetection),
		tls: r.object("tls", (t) => {
			t.ignore("clientCertificate", "privateKey", "caCertificates", "credentialName", "sni", "subjectAltNames");
			t.ignore("insecureSkipVerify", "caCrl");
			const mode = t.word("mode", ["DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"]) ?? "DISABLE";
			if (mode !== "DISABLE")
				t.unsupported("mode", "calls answer 503 instead of leaving the proxy unencrypted; only DISABLE is there");
			return { mode };
		}),
		retryBudget: r.object("retryBudget", (b) => {
			b.unsupported("budgetInterval", "the budget is counted over active requests");
			return {
				percent: b.number("percent") ?? 20,
				minRetryConcurrency: b.number("minRetryConcurrency") ?? 3,
			};
		}),
	};
}

const SIMPLE: Readonly<Record<string, SimpleLb>> = {
	UNSPECIFIED: "LEAST_REQUEST",
	LEAST_REQUEST: "LEAST_REQUEST",
	LEAST_CONN: "LEAST_REQUEST",
	RANDOM: "RANDOM",
	ROUND_ROBIN: "ROUND_ROBIN",
	PASSTHROUGH: "PASSTHROUGH",
};

function readLoadBalancer(r: ObjectReader): LoadBalancer {
	const word = r.string("simple") ?? "UNSPECIFIED";
	const simple = SIMPLE[word];
	if (!simple) r.malformed("simple", `must be one of ${Object.keys(SIMPLE).join(", ")}`);
	if (simple === "PASSTHROUGH")
		r.unsupported("simple", "without traffic capture there is no original destination; calls answer 503");
	r.unsupported("zoneAwareLbSetting", "only the default failover order is there");
	const legacyWarmupMs = r.durationMs("warmupDurationSecs");
	const warmup = r.object("warmup", (w) => ({
		durationMs: w.durationMs("duration") ?? 0,
		minimumPercent: w.number("minimumPercent") ?? 10,
		aggression: w.number("aggression") ?? 1,
	}));
	return {
		simple: simple ?? "LEAST_REQUEST",
		consistentHash: r.object("consistentHash", readConsistentHash),
		warmup: warmup ?? (legacyWarmupMs ? { durationMs: legacyWarmupMs, minimumPercent: 10, aggression: 1 } : undefined),
		localityEnabled: r.object("localityLbSetting", (l) => {
			for (const field of ["distribute", "failover", "failoverPriority"])
				l.unsupported(field, "only the default failover order is there");
			return l.boolean("enabled") ?? true;
		}),
	};
}

function readConsistentHash(r: ObjectReader): ConsistentHash {
	const legacySize = readRingSize(r);
	const ring = r.object("ringHash", (x) => readRingSize(x) || DEFAULT_RING_SIZE);
	const maglev = r.object("maglev", (x) => ({ tableSize: x.number("tableSize") }));
	return {
		key: readHashKey(r),
		algorithm: maglev
			? { kind: "maglev", ...maglev }
			: { kind: "ringHash", minimumRingSize: ring ?? (legacySize || DEFAULT_RING_SIZE) },
	};
}

/** Proxies refuse larger rings, and with them the whole cluster. */
function readRingSize(r: ObjectReader): number | undefined {
	const size = r.number("minimumRingSize");
	if (size === undefined || size <= MAX_RING_SIZE) return size;
	r.unobeyed(
		"minimumRingSize",
		`a ring has at most ${MAX_RING_SIZE} entries, so it is made that large`,
		"ask for fewer",
	);
	return MAX_RING_SIZE;
}

function readHashKey(r: ObjectReader): ConsistentHash["key"] {
	const header = r.string("httpHeaderName");
	const query = r.string("httpQueryParameterName");
	const sourceIp = r.boolean("useSourceIp");
	const cookie = r.object("httpCookie", (c) => ({
		kind: "cookie" as const,
		name: c.string("name") ?? "",
		path: c.string("path") ?? "",
		ttlMs: c.durationMs("ttl"),
		attributes: c.list("attributes", (a) => ({ name: a.string("name") ?? "", value: a.string("value") ?? "" })),
	}));
	if (header !== undefined) return { kind: "header", name: header };
	if (cookie) return cookie;
	if (query !== undefined) return { kind: "query", name: query };
	if (!sourceIp) r.malformed("", "must have httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName");
	return { kind: "sourceIp" };
}

function readOutlierDetection(r: ObjectReader): OutlierDetection {
	// Istio reads the old name no more; well-known walk-throughs still use it and admission warns (acceptance S002-resilience).
	const oldName = r.number("consecutiveErrors");
	r.unsupported("outlierDetectionHttpErrorCodes", "5xx count as errors");
	return {
		consecutive5xxErrors: r.number("consecutive5xxErrors") ?? oldName,
		consecutiveGatewayErrors: r.number("consecutiveGatewayErrors"),
		intervalMs: r.durationMs("interval"),
		baseEjectionTimeMs: r.durationMs("baseEjectionTime"),
		maxEjectionPercent: r.number("maxEjectionPercent"),
		minHealthPercent: r.number("minHealthPercent") ?? 0,
		splitExternalLocalOriginErrors: r.boolean("splitExternalLocalOriginErrors") ?? false,
		consecutiveLocalOriginFailures: r.number("consecutiveLocalOriginFailures"),
	};
}
