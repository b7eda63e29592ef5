import type { Metrics, StatScope } from "../../../telemetry/metric-registry.ts";
import type { Inspected, InspectedConnection, ListenerFilter } from "./listener-filter.ts";
import {
	couldStartWith,
	type ProxyReading,
	readProxyHeader,
	type Tlv,
	V1_SIGNATURE,
	V2_SIGNATURE,
} from "./proxy-header.ts";

export interface ProxyProtocolConfig {
	readonly statPrefix: string;
	/** Connections without a header pass as they are. */
	readonly optional: boolean;
	readonly allowV1: boolean;
	readonly allowV2: boolean;
	/** TLV type → where its value goes in the connection's dynamic metadata, or filter state. */
	readonly rules: ReadonlyMap<number, TlvRule>;
	readonly rulesInto: "metadata" | "filter-state";
	/** TLVs that an upstream PROXY protocol header passes on. */
	passesThrough(type: number): boolean;
}

export interface TlvRule {
	readonly namespace: string;
	readonly key: string;
	/** The value's bytes as text or as base64. */
	readonly base64: boolean;
}

/** Filter state key of the TLVs that are passed on, `readonly Tlv[]`. */
export const PASSED_TLVS = "envoy.network.proxy_protocol_options";

/** Takes the PROXY protocol header off a connection and believes it (Envoy: envoy.filters.listener.proxy_protocol). Without state. */
export function createProxyProtocol(config: ProxyProtocolConfig, metrics: Pick<Metrics, "scope">): ListenerFilter {
	const stats = proxyStats(metrics.scope(`proxy_proto.${config.statPrefix === "" ? "" : `${config.statPrefix}.`}`));
	return {
		onAccept: () => "more",
		onData(on, bytes): Inspected {
			if (config.optional && !couldBeAllowed(config, bytes)) {
				stats.notFoundAllowed.inc();
				return "done";
			}
			const reading = readProxyHeader(bytes);
			return judge(reading, config, stats) ?? take(on, reading, config);
		},
	};
}

function couldBeAllowed({ allowV1, allowV2 }: ProxyProtocolConfig, bytes: Buffer): boolean {
	return (allowV2 && couldStartWith(bytes, V2_SIGNATURE)) || (allowV1 && couldStartWith(bytes, V1_SIGNATURE));
}

/** Counts the reading; undefined when the header is good. */
function judge(reading: ProxyReading, config: ProxyProtocolConfig, stats: ProxyStats): Inspected | undefined {
	if (reading === "more") return "more";
	if (reading === "absent") {
		stats.notFoundDisallowed.inc();
		return "close";
	}
	const version = "broken" in reading ? reading.broken : reading.version;
	const counted = stats.versions[version];
	if ("broken" in reading) counted.error.inc();
	else counted.found.inc();
	if ("broken" in reading) return "close";
	if (version === 1 ? config.allowV1 : config.allowV2) return undefined;
	counted.disallowed.inc();
	return "close";
}

function take(on: InspectedConnection, reading: ProxyReading, config: ProxyProtocolConfig): Inspected {
	if (typeof reading === "string" || "broken" in reading) return "close";
	const { connection } = on;
	const { addresses, tlvs } = reading;
	if (addresses) {
		const { destinationIp, destinationPort } = addresses;
		if (connection.localIp !== destinationIp || connection.localPort !== destinationPort) on.destinationRestored = true;
		connection.localIp = destinationIp;
		connection.localPort = destinationPort;
		connection.sourceIp = addresses.sourceIp;
		connection.sourcePort = addresses.sourcePort;
	}
	for (const tlv of tlvs) applyRule(on, tlv, config);
	const passed = tlvs.filter(({ type }) => config.passesThrough(type));
	connection.filterState.set(PASSED_TLVS, passed);
	on.drain(reading.length);
	return "done";
}

function applyRule({ connection }: InspectedConnection, { type, value }: Tlv, config: ProxyProtocolConfig): void {
	const rule = config.rules.get(type);
	if (!rule) return;
	const text = value.toString(rule.base64 ? "base64" : "utf8");
	if (config.rulesInto === "metadata") {
		const before = connection.dynamicMetadata.get(rule.namespace) ?? {};
		connection.dynamicMetadata.set(rule.namespace, { ...before, [rule.key]: text });
		return;
	}
	const key = "envoy.network.proxy_protocol.tlv";
	const before = (connection.filterState.get(key) ?? {}) as Record<string, string>;
	connection.filterState.set(key, { ...before, [rule.key]: text });
}

function proxyStats(scope: StatScope) {
	const version = (name: string) => ({
		found: scope.counter(`versions.${name}.found`),
		disallowed: scope.counter(`versions.${name}.disallowed`),
		error: scope.counter(`versions.${name}.error`),
	});
	return {
		notFoundAllowed: scope.counter("not_found_allowed"),
		notFoundDisallowed: scope.counter("not_found_disallowed"),
		versions: { 1: version("v1"), 2: version("v2") } as const,
	};
}

type ProxyStats = ReturnType<typeof proxyStats>;
