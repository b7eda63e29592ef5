import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { packAny } from "../../../xds/any.ts";
import type { CircuitBreakersSchema } from "../../../xds/generated/envoy/config/cluster/v3/circuit_breaker_pb.ts";
import type { UpstreamConnectionOptionsSchema } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { OutlierDetectionSchema } from "../../../xds/generated/envoy/config/cluster/v3/outlier_detection_pb.ts";
import { HttpProtocolOptionsSchema } from "../../../xds/generated/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts";
import type { ConnectionPool, OutlierDetection, PolicyBlocks } from "../../model/destination-rule.ts";
import { isHttp, isHttp2, type Protocol } from "../../model/protocol.ts";
import { optionalDuration } from "../duration.ts";

/** Istio's "no limit" for circuit breakers, instead of Envoy's 1024 and 3. */
const NO_LIMIT = 0xffff_ffff;
const HTTP_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** Thresholds of one cluster; 0 and absent both mean no limit (istio-traffic-api.md 2.7). */
export function circuitBreakers(policy: PolicyBlocks): MessageInitShape<typeof CircuitBreakersSchema> {
	const pool = policy.connectionPool ?? {};
	const budget = policy.retryBudget;
	return {
		thresholds: [
			{
				maxConnections: pool.maxConnections || NO_LIMIT,
				maxPendingRequests: pool.http1MaxPendingRequests || NO_LIMIT,
				maxRequests: pool.http2MaxRequests || NO_LIMIT,
				maxRetries: pool.maxRetries || NO_LIMIT,
				retryBudget: budget && {
					budgetPercent: { value: budget.percent },
					minRetryConcurrency: budget.minRetryConcurrency,
				},
			},
		],
	};
}

/** Ejection settings; success-rate ejection is always off, and 0 turns a counter off (istio-traffic-api.md 2.8). */
export function outlierDetection(settings: OutlierDetection): MessageInitShape<typeof OutlierDetectionSchema> {
	const gateway = settings.consecutiveGatewayErrors;
	const split = settings.splitExternalLocalOriginErrors;
	return {
		consecutive5xx: settings.consecutive5xxErrors || undefined,
		enforcingConsecutive5xx: settings.consecutive5xxErrors === 0 ? 0 : undefined,
		consecutiveGatewayFailure: gateway || undefined,
		enforcingConsecutiveGatewayFailure: gateway ? 100 : undefined,
		interval: optionalDuration(settings.intervalMs),
		baseEjectionTime: optionalDuration(settings.baseEjectionTimeMs),
		maxEjectionPercent: settings.maxEjectionPercent || undefined,
		// Istio documents that one host may always be ejected; Envoy's own default is no.
		alwaysEjectOneHost: true,
		enforcingSuccessRate: 0,
		splitExternalLocalOriginErrors: split,
		consecutiveLocalOriginFailure: split ? settings.consecutiveLocalOriginFailures || undefined : undefined,
		enforcingConsecutiveLocalOriginFailure: split ? 100 : undefined,
		enforcingLocalOriginSuccessRate: split ? 0 : undefined,
	};
}

/** Protocol towards the upstream; absent means HTTP/1.1 with Envoy's defaults. A proxy without HTTP/2 gets nothing about it. */
export function protocolOptions(
	protocol: Protocol,
	{ useClientProtocol, h2Upgrade, ...pool }: ConnectionPool = {},
	canHttp2 = true,
): Record<string, Any> {
	const clientProtocol = canHttp2 && useClientProtocol === true;
	const upgrade = canHttp2 && h2Upgrade === "UPGRADE" && protocol !== "TCP" && !clientProtocol;
	const http2 = isHttp2(protocol) || upgrade;
	const common = {
		idleTimeout: optionalDuration(pool.httpIdleTimeoutMs ?? pool.tcpIdleTimeoutMs),
		maxConnectionDuration: optionalDuration(pool.maxConnectionDurationMs),
		maxRequestsPerConnection: pool.maxRequestsPerConnection || undefined,
	};
	const hasCommon = Object.values(common).some((value) => value !== undefined);
	const usesHttp = isHttp(protocol) || protocol === "Auto";
	if (!http2 && !clientProtocol && !(hasCommon && usesHttp)) return {};
	const options = packAny(HttpProtocolOptionsSchema, {
		commonHttpProtocolOptions: hasCommon ? common : undefined,
		upstreamProtocolOptions: upstreamProtocol(http2, clientProtocol, pool),
	});
	return { [HTTP_PROTOCOL_OPTIONS]: options };
}

function upstreamProtocol(
	http2: boolean,
	clientProtocol: boolean,
	pool: ConnectionPool,
): MessageInitShape<typeof HttpProtocolOptionsSchema>["upstreamProtocolOptions"] {
	const http2Options = { maxConcurrentStreams: pool.maxConcurrentStreams || undefined };
	if (clientProtocol)
		return {
			case: "useDownstreamProtocolConfig",
			value: { httpProtocolOptions: {}, http2ProtocolOptions: http2Options },
		};
	return {
		case: "explicitHttpConfig",
		value: {
			protocolConfig: http2
				? { case: "http2ProtocolOptions", value: http2Options }
				: { case: "httpProtocolOptions", value: {} },
		},
	};
}

/** Keep-alive probes on upstream connections; undefined leaves the socket as it is. */
export function keepalive(
	pool: ConnectionPool | undefined,
): MessageInitShape<typeof UpstreamConnectionOptionsSchema> | undefined {
	const settings = pool?.tcpKeepalive;
	if (!settings) return undefined;
	const seconds = (ms: number | undefined) => (ms === undefined ? undefined : Math.ceil(ms / 1000));
	return {
		tcpKeepalive: {
			keepaliveProbes: settings.probes,
			keepaliveTime: seconds(settings.timeMs),
			keepaliveInterval: seconds(settings.intervalMs),
		},
	};
}
