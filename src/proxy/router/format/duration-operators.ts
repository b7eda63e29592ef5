import type { StreamInfo } from "../../http/info/stream-info.ts";
import { type FormatEnvironment, type FormatOperator, OperatorError } from "./format-context.ts";

type Instant = (info: StreamInfo, nowMs: () => number) => number | undefined;

/** Instants that every stream keeps, in milliseconds of the monotonic clock ... */
const ALWAYS: Readonly<Record<string, Instant>> = {
	DS_RX_BEG: (info) => info.startMs,
	US_TX_END: (info) => info.upstreamSentMs,
	US_RX_BEG: (info) => info.upstreamAnsweredMs,
	DS_TX_END: (info, nowMs) => (info.durationMs === undefined ? nowMs() : info.startMs + info.durationMs),
};

/** ... and those that are kept where somebody asks for them. */
const ON_DEMAND: Readonly<Record<string, Instant>> = {
	DS_RX_END: (info) => info.requestReceivedMs,
	US_TX_BEG: (info) => info.upstreamFirstSentMs,
	US_RX_BODY_BEG: (info) => info.upstreamBodyMs,
	US_RX_END: (info) => info.upstreamEndMs,
	DS_TX_BEG: (info) => info.downstreamSentMs,
};

/** Named instants of filters, and connecting: nobody here keeps them. */
const UNKNOWN: Instant = () => undefined;

const DURATIONS: Readonly<Record<string, readonly [from: string, to: string]>> = {
	DURATION: ["DS_RX_BEG", "DS_TX_END"],
	REQUEST_DURATION: ["DS_RX_BEG", "DS_RX_END"],
	REQUEST_TX_DURATION: ["DS_RX_BEG", "US_TX_END"],
	RESPONSE_DURATION: ["DS_RX_BEG", "US_RX_BEG"],
	RESPONSE_TX_DURATION: ["US_RX_BEG", "DS_TX_END"],
};

/** Units of %COMMON_DURATION% per millisecond. */
const PRECISIONS: Readonly<Record<string, number>> = { ms: 1, us: 1e3, ns: 1e6 };

/** %DURATION% and its relatives, %COMMON_DURATION(from:to:unit)%; undefined for other names. */
export function durationOperator(
	name: string,
	text: string | undefined,
	env: FormatEnvironment,
): FormatOperator | undefined {
	if (name === "COMMON_DURATION") return commonDuration(text ?? "", env);
	const between = Object.hasOwn(DURATIONS, name) ? DURATIONS[name] : undefined;
	return between && duration(between, 1, env);
}

function commonDuration(text: string, env: FormatEnvironment): FormatOperator {
	const [from = "", to, unit = "ms", ...rest] = text.split(":");
	if (to === undefined || rest.length > 0)
		throw new OperatorError(`"${text}" is no use of %COMMON_DURATION%: START:END or START:END:PRECISION`);
	const perMs = Object.hasOwn(PRECISIONS, unit) ? PRECISIONS[unit] : undefined;
	if (perMs === undefined) throw new OperatorError(`"${unit}" is no precision of %COMMON_DURATION%: ms, us or ns`);
	return duration([from, to], perMs, env);
}

function duration(points: readonly [string, string], perMs: number, env: FormatEnvironment): FormatOperator {
	const [from, to] = points.map((point) => instantOf(point, env)) as [Instant, Instant];
	const { nowMs } = env;
	return ({ info }) => {
		const start = from(info, nowMs);
		const end = to(info, nowMs);
		return start === undefined || end === undefined || end < start ? undefined : Math.floor((end - start) * perMs);
	};
}

function instantOf(point: string, { metering }: FormatEnvironment): Instant {
	if (Object.hasOwn(ALWAYS, point)) return ALWAYS[point]!;
	if (!Object.hasOwn(ON_DEMAND, point)) return UNKNOWN;
	if (metering) metering.wanted = true;
	return ON_DEMAND[point]!;
}
