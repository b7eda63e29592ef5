import type { StreamInfo } from "../http/info/stream-info.ts";
import type { SpanEvent } from "./span.ts";

type Instant = (info: StreamInfo) => number | undefined;

/** Envoy's names of what `verbose` tracing tells, in its order. */
const EVENTS: readonly (readonly [name: string, Instant])[] = [
	["last_downstream_rx_byte_received", (info) => info.requestReceivedMs],
	["first_upstream_tx_byte_sent", (info) => info.upstreamFirstSentMs],
	["last_upstream_tx_byte_sent", (info) => info.upstreamSentMs],
	["first_upstream_rx_byte_received", (info) => info.upstreamAnsweredMs],
	["last_upstream_rx_byte_received", (info) => info.upstreamEndMs],
	["first_downstream_tx_byte_sent", (info) => info.downstreamSentMs],
	[
		"last_downstream_tx_byte_sent",
		(info) => (info.durationMs === undefined ? undefined : info.startMs + info.durationMs),
	],
];

/** When a finished stream sent and received what; instants that it did not have are left out. */
export function verboseEvents(info: StreamInfo): SpanEvent[] {
	return EVENTS.flatMap(([name, instant]) => {
		const ms = instant(info);
		return ms === undefined ? [] : [{ name, epochMs: info.startEpochMs + ms - info.startMs }];
	});
}
