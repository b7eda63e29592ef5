import type { JsonObject } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Problem } from "../../../lib/problem.ts";
import type { Metadata } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	UpstreamConnectMode as ConnectMode,
	ProxyProtocolTlvMergePolicy as MergePolicy,
	type TcpProxy,
} from "../../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import { compileMetadataMatch } from "../../http/info/metadata-match.ts";
import type { FormatEnvironment } from "../../router/format/format-context.ts";
import { ProblemList } from "../../router/problem-list.ts";
import { invalid, missing } from "../network-problems.ts";
import { parseTunneling } from "./parse-tunneling.ts";
import type { TcpLogging, TcpProxyConfig, TlvSettings, WeightedTarget } from "./tcp-proxy-config.ts";

/** What format strings are filled with, of the process. */
export type TcpFormatEnvironment = FormatEnvironment;

const MAX_EARLY_BYTES = 1_048_576;

/** Envoy: an hour without a byte. */
const DEFAULT_IDLE_MS = 3_600_000;

/** Reads and checks tcp_proxy; throws ProblemError with every path below `at`. */
export function parseTcpProxy(message: TcpProxy, at: FieldPath, env: FormatEnvironment): TcpProxyConfig {
	const list = new ProblemList();
	const { problems } = list;
	if (message.statPrefix === "") problems.push(missing(at.field("stat_prefix")));
	const clusters = parseTargets(message, at, problems);
	const attempts = message.maxConnectAttempts ?? 1;
	if (attempts < 1) problems.push(invalid(at.field("max_connect_attempts"), "it is 0", "set at least 1"));
	const config: TcpProxyConfig = {
		statPrefix: message.statPrefix,
		clusters,
		idleTimeoutMs: message.idleTimeout ? durationMs(message.idleTimeout) : DEFAULT_IDLE_MS,
		maxDurationMs: parseMaxDuration(message, at, problems),
		maxDurationJitterPercent: message.maxDownstreamConnectionDurationJitterPercentage?.value ?? 0,
		maxConnectAttempts: attempts,
		backoff: parseBackoff(message, at.field("backoff_options"), problems),
		hashPolicy: parseHashPolicy(message, at.field("hash_policy"), problems),
		tlvs: parseTlvs(message, at.field("proxy_protocol_tlvs"), list),
		waitsForData: parseConnectMode(message, at, problems),
		closesOnDrain: message.checkDrainClose ?? false,
		tunneling: parseTunneling(message.tunnelingConfig, at.field("tunneling_config"), env, list),
		logging: parseLogging(message, at, problems),
	};
	list.throwIfAny();
	return config;
}

function parseTargets(message: TcpProxy, at: FieldPath, problems: Problem[]): WeightedTarget[] {
	const { clusterSpecifier: target } = message;
	const base = compileMetadataMatch(lbMetadata(message.metadataMatch));
	if (target.case === "cluster") {
		if (target.value === "") problems.push(missing(at.field("cluster")));
		return [{ name: target.value, weight: 1, metadataMatch: base }];
	}
	if (target.case === undefined) {
		problems.push(missing(at.field("cluster")));
		return [];
	}
	const where = at.field("weighted_clusters").field("clusters");
	if (target.value.clusters.length === 0) problems.push(missing(where));
	return target.value.clusters.map(({ name, weight, metadataMatch }, i) => {
		if (name === "") problems.push(missing(where.index(i).field("name")));
		if (weight < 1) problems.push(invalid(where.index(i).field("weight"), "it is 0", "set at least 1"));
		return { name, weight, metadataMatch: compileMetadataMatch(lbMetadata(metadataMatch), base) };
	});
}

function lbMetadata(metadata: Metadata | undefined): JsonObject | undefined {
	return metadata?.filterMetadata["envoy.lb"];
}

function parseMaxDuration(message: TcpProxy, at: FieldPath, problems: Problem[]): number {
	const { maxDownstreamConnectionDuration: duration } = message;
	if (!duration) return 0;
	const ms = durationMs(duration);
	if (ms < 1) problems.push(invalid(at.field("max_downstream_connection_duration"), "it is shorter than 1 ms"));
	return ms;
}

function parseBackoff(message: TcpProxy, at: FieldPath, problems: Problem[]): TcpProxyConfig["backoff"] {
	const { backoffOptions: options } = message;
	if (!options) return undefined;
	if (!options.baseInterval) problems.push(missing(at.field("base_interval")));
	const baseMs = options.baseInterval ? durationMs(options.baseInterval) : 0;
	const maxMs = options.maxInterval ? durationMs(options.maxInterval) : baseMs * 10;
	if (maxMs < baseMs) problems.push(invalid(at.field("max_interval"), "it is shorter than base_interval"));
	return { baseMs, maxMs };
}

function parseHashPolicy(message: TcpProxy, at: FieldPath, problems: Problem[]): TcpProxyConfig["hashPolicy"] {
	const { hashPolicy } = message;
	const first = hashPolicy[0]?.policySpecifier;
	if (hashPolicy.length > 1) problems.push(invalid(at.index(1), "there is one hash policy at most", "remove it"));
	if (first?.case === "sourceIp") return { kind: "source-ip" };
	if (first?.case === "filterState") return { kind: "filter-state", key: first.value.key };
	if (hashPolicy.length > 0) problems.push(missing(at.index(0).field("source_ip")));
	return undefined;
}

const POLICIES: Readonly<Record<MergePolicy, TlvSettings["policy"]>> = {
	[MergePolicy.ADD_IF_ABSENT]: "absent",
	[MergePolicy.OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD]: "replace",
	[MergePolicy.APPEND_IF_EXISTS_OR_ADD]: "append",
};

function parseTlvs(message: TcpProxy, at: FieldPath, problems: ProblemList): TlvSettings | undefined {
	if (message.proxyProtocolTlvs.length === 0) return undefined;
	const added = message.proxyProtocolTlvs.map(({ type, value, formatString }, i) => {
		const here = at.index(i);
		if (formatString) problems.notImplemented(here.field("format_string"), "a value that is formatted per connection");
		if (type > 255) problems.problems.push(invalid(here.field("type"), "a type is a number from 0 to 255"));
		return { type, value };
	});
	return { added, policy: POLICIES[message.proxyProtocolTlvMergePolicy] };
}

/** After the handshake is when filters are asked here in any case. */
function parseConnectMode(message: TcpProxy, at: FieldPath, problems: Problem[]): boolean {
	const waits = message.upstreamConnectMode === ConnectMode.ON_DOWNSTREAM_DATA;
	if (waits && message.maxEarlyDataBytes === undefined) problems.push(missing(at.field("max_early_data_bytes")));
	if ((message.maxEarlyDataBytes ?? 0) > MAX_EARLY_BYTES)
		problems.push(invalid(at.field("max_early_data_bytes"), `it is more than ${MAX_EARLY_BYTES}`));
	return waits;
}

function parseLogging(message: TcpProxy, at: FieldPath, problems: Problem[]): TcpLogging {
	const options = message.accessLogOptions;
	const interval = options?.accessLogFlushInterval ?? message.accessLogFlushInterval;
	const flushIntervalMs = interval ? durationMs(interval) : 0;
	if (interval && flushIntervalMs < 1)
		problems.push(invalid(at.field("access_log_flush_interval"), "it is shorter than 1 ms"));
	return {
		accessLogs: message.accessLog,
		flushIntervalMs,
		onStart: options?.flushAccessLogOnStart ?? false,
		onConnected: options?.flushAccessLogOnConnected ?? message.flushAccessLogOnConnected,
	};
}
