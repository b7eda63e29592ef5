import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import type {
	FaultDelay,
	FaultRateLimit,
} from "../../../xds/generated/envoy/extensions/filters/common/fault/v3/fault_pb.ts";
import type { FaultAbort, HTTPFault } from "../../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.ts";
import type { FractionalPercent } from "../../../xds/generated/envoy/type/v3/percent_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import { perMillion } from "../../router/match/fraction.ts";
import { compileHeaderMatcher, type HeaderTest } from "../../router/match/header-matcher.ts";
import type { ProblemList } from "../../router/problem-list.ts";

/** What to do to a share of the requests. */
export interface Fault {
	readonly delay: FaultAmount | undefined;
	readonly abort: Abort | undefined;
	/** Kibibytes per second at which response bodies go out. */
	readonly rateLimit: FaultAmount | undefined;
	/** All must match. */
	readonly headers: readonly HeaderTest[];
	/** Only requests on their way to this cluster; empty: all. */
	readonly upstreamCluster: string;
	/** Only requests whose x-envoy-downstream-service-node is one of these; empty: all. */
	readonly downstreamNodes: ReadonlySet<string>;
	readonly maxActive: number;
	/** Count per x-envoy-downstream-service-cluster too. */
	readonly countsPerCluster: boolean;
	/** Becomes dynamic metadata of requests that a delay or abort hits. */
	readonly metadata: Readonly<Record<string, unknown>> | undefined;
}

/** A number that the configuration or a request header gives, for a share of the requests. */
export interface FaultAmount {
	/** Undefined: this request is left alone. */
	value(headers: HeaderMap): number | undefined;
	/** Share of a million. */
	share(headers: HeaderMap): number;
}

export interface Abort {
	readonly httpStatus: FaultAmount["value"];
	/** Asked when there is no HTTP status. */
	readonly grpcStatus: FaultAmount["value"];
	readonly share: FaultAmount["share"];
	readonly body: string;
}

const PREFIX = "x-envoy-fault-";
const MAX_SAFE = Number.MAX_SAFE_INTEGER;

/** Reads a fault, of the listener or of a route. There is no runtime layer, so the runtime keys leave the configured values in force. */
export function parseFault(config: HTTPFault, at: FieldPath, problems: ProblemList): Fault {
	return {
		delay: config.delay && parseDelay(config.delay, at.field("delay"), problems),
		abort: config.abort && parseAbort(config.abort, at.field("abort"), problems),
		rateLimit:
			config.responseRateLimit && parseRateLimit(config.responseRateLimit, at.field("response_rate_limit"), problems),
		headers: config.headers.map((h, i) => compileHeaderMatcher(h, at.field("headers").index(i), problems)),
		upstreamCluster: config.upstreamCluster,
		downstreamNodes: new Set(config.downstreamNodes),
		maxActive: config.maxActiveFaults ?? Number.POSITIVE_INFINITY,
		countsPerCluster: !config.disableDownstreamClusterStats,
		metadata: config.filterMetadata,
	};
}

function parseDelay(delay: FaultDelay, at: FieldPath, problems: ProblemList): FaultAmount | undefined {
	const { faultDelaySecifier: spec } = delay;
	if (spec.case === "headerDelay") return byHeader("delay-request", delay.percentage);
	if (spec.case === undefined) {
		problems.add("missing", at, "the delay has no duration", "set fixed_delay or header_delay");
		return undefined;
	}
	const ms = durationMs(spec.value);
	if (ms <= 0) problems.add("invalid", at.field("fixed_delay"), "the delay must be more than zero");
	return fixed(ms, delay.percentage);
}

function parseRateLimit(limit: FaultRateLimit, at: FieldPath, problems: ProblemList): FaultAmount | undefined {
	const { limitType } = limit;
	if (limitType.case === "headerLimit") {
		const amount = byHeader("throughput-response", limit.percentage);
		return { ...amount, value: (headers) => amount.value(headers) || undefined };
	}
	if (limitType.case === undefined) {
		problems.add("missing", at, "the limit has no rate", "set fixed_limit or header_limit");
		return undefined;
	}
	const kibPerSecond = Number(limitType.value.limitKbps);
	if (kibPerSecond < 1)
		problems.add("invalid", at.field("fixed_limit").field("limit_kbps"), "the rate must be more than zero");
	return fixed(kibPerSecond, limit.percentage);
}

function parseAbort(abort: FaultAbort, at: FieldPath, problems: ProblemList): Abort | undefined {
	const { errorType } = abort;
	const body = abort.responseBody || "fault filter abort";
	const fixedShare = fixed(0, abort.percentage).share;
	switch (errorType.case) {
		case "httpStatus":
			if (errorType.value < 200 || errorType.value > 599)
				problems.add("invalid", at.field("http_status"), `${errorType.value} is no status of a response`);
			return { httpStatus: () => errorType.value, grpcStatus: none, share: fixedShare, body };
		case "grpcStatus":
			return { httpStatus: none, grpcStatus: () => errorType.value, share: fixedShare, body };
		case "headerAbort":
			return {
				httpStatus: (headers) => statusIn(headers, `${PREFIX}abort-request`),
				grpcStatus: (headers) => wholeNumber(headers.get(`${PREFIX}abort-grpc-request`)),
				share: byHeader("abort-request", abort.percentage).share,
				body,
			};
		default:
			problems.add("missing", at, "the abort has no status", "set http_status, grpc_status or header_abort");
			return undefined;
	}
}

const none = () => undefined;

function statusIn(headers: HeaderMap, name: string): number | undefined {
	const status = wholeNumber(headers.get(name));
	return status !== undefined && status >= 200 && status < 600 ? status : undefined;
}

function fixed(value: number, percentage: FractionalPercent | undefined): FaultAmount {
	// Without a percentage nothing is hit.
	const share = perMillion(percentage, 0);
	return { value: () => value, share: () => share };
}

/** The value is in `x-envoy-fault-<name>`; the client may lower the share with `x-envoy-fault-<name>-percentage`. */
function byHeader(name: string, percentage: FractionalPercent | undefined): FaultAmount {
	const share = perMillion(percentage, 0);
	const unit = perMillion(percentage && { ...percentage, numerator: 1 }, 0);
	return {
		value: (headers) => wholeNumber(headers.get(PREFIX + name)),
		share(headers) {
			const asked = wholeNumber(headers.get(`${PREFIX}${name}-percentage`));
			return asked === undefined ? share : Math.min(share, asked * unit);
		},
	};
}

const DIGITS = /^\s*\+?(\d+)\s*$/;

function wholeNumber(text: string | undefined): number | undefined {
	const digits = text === undefined ? undefined : DIGITS.exec(text)?.[1];
	const value = Number(digits);
	return digits !== undefined && value <= MAX_SAFE ? value : undefined;
}
