import type { StreamInfo } from "../../http/stream-info.ts";
import { type FormatEnvironment, type FormatOperator, OperatorError } from "./format-context.ts";

type Instant = (info: StreamInfo, nowMs: () => number) => number | undefined;

/** Envoy's points in time that are known here, in milliseconds of the monotonic clock. */
const INSTANTS: Readonly<Record<string, Instant>> = {
	DS_RX_BEG: (info) => info.startMs,
	DS_RX_END: (info) => info.requestReceivedMs,
	US_TX_END: (info) => info.upstreamSentMs,
	US_RX_BEG: (info) => info.upstreamAnsweredMs,
	DS_TX_END: (info, nowMs) => (info.durationMs === undefined ? nowMs() : info.startMs + info.durationMs),
};

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
	if (between && env.metering && between.includes("DS_RX_END")) env.metering.wanted = true;
	return between && duration(INSTANTS[between[0]]!, INSTANTS[between[1]]!, 1, env);
}

function commonDuration(text: string, env: FormatEnvironment): FormatOperator {
	const [from = "", to = "", unit = "ms", ...rest] = text.split(":");
	const perMs = PRECISIONS[unit];
	if (perMs === undefined || rest.length > 0) throw new OperatorError(`"${text}" is no use of %COMMON_DURATION%`);
	for (const point of [from, to])
		if (!Object.hasOwn(INSTANTS, point))
			throw new OperatorError(
				`%COMMON_DURATION% does not know "${point}": ${Object.keys(INSTANTS).join(", ")} are known`,
			);
	return duration(INSTANTS[from]!, INSTANTS[to]!, perMs, env);
}

function duration(from: Instant, to: Instant, perMs: number, { nowMs }: FormatEnvironment): FormatOperator {
	return ({ info }) => {
		const start = from(info, nowMs);
		const end = to(info, nowMs);
		return start === undefined || end === undefined ? undefined : Math.max(0, Math.floor((end - start) * perMs));
	};
}
