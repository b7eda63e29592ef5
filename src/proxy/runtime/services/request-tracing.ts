import type { FieldPath } from "../../../lib/field-path.ts";
import { VERSION } from "../../../lib/names.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type { ClusterLookup } from "../../cluster/cluster.ts";
import type { HcmConfig } from "../../hcm/hcm-config.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { SideCalls } from "../../http/side-calls.ts";
import type { FormatEnvironment } from "../../router/format/format-context.ts";
import { RequestTracing } from "../../trace/request-spans.ts";
import { compileTracing } from "../../trace/tracing-config.ts";
import { nodeAddress } from "../bootstrap/node-address.ts";
import type { DataPlaneDeps } from "../data-plane.ts";

interface TracingParts extends DataPlaneDeps {
	readonly at: FieldPath;
	/** The listener is for outbound calls. */
	readonly egress: boolean;
	readonly env: FormatEnvironment;
	readonly sideCalls: SideCalls;
	/** A stat of the connection manager. */
	counter(name: string): Counter;
}

/** The tracing of one connection manager; undefined: it has none. Throws ProblemError. */
export function compileRequestTracing(hcm: HcmConfig, parts: TracingParts): RequestTracing | undefined {
	if (!hcm.tracing) return undefined;
	const { node, clock, random, clusters, counter } = parts;
	const provider = {
		clock,
		random,
		calls: parts.sideCalls,
		metrics: parts.metrics,
		node: { cluster: node.cluster, ip: nodeAddress() },
		version: VERSION,
		environment: (name: string) => parts.environment[name],
	};
	const scope = {
		provider,
		env: parts.env,
		egress: parts.egress,
		requestId: hcm.requestIdRules,
		defaultProvider: parts.defaultTracer,
	};
	return new RequestTracing(compileTracing(hcm.tracing, scope, parts.at), {
		clock,
		random,
		counter,
		node: { id: node.id, zone: node.locality?.zone ?? "" },
		metadataOf: (kind, info) => upstreamMetadata(clusters, kind, info),
	});
}

/** Metadata of the cluster or the endpoint that a request went to. */
function upstreamMetadata(clusters: ClusterLookup, kind: "cluster" | "host", info: StreamInfo) {
	const cluster = info.upstreamCluster === undefined ? undefined : clusters.get(info.upstreamCluster);
	if (kind === "cluster") return cluster?.info.metadata;
	return cluster?.hosts().find(({ address }) => address === info.upstreamHost)?.metadata;
}
