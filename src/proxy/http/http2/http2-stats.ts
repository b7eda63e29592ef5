interface Count {
	inc(by?: number): void;
}

interface Level {
	add(delta: number): void;
}

/** Where stats are bound; `StatScope` (telemetry) is one. */
export interface Http2StatSource {
	counter(name: string): Count;
	gauge(name: string): Level;
}

/** Codec stats of HTTP/2 (Envoy: `http2.*` for all listeners together, `cluster.<name>.http2.*`). */
export interface Http2Stats {
	readonly headerOverflow: Count;
	readonly headerListSizeTooLarge: Count;
	readonly inboundEmptyFramesFlood: Count;
	readonly inboundPriorityFramesFlood: Count;
	readonly inboundWindowUpdateFramesFlood: Count;
	readonly outboundControlFlood: Count;
	readonly outboundFlood: Count;
	readonly goawaySent: Count;
	readonly keepaliveTimeout: Count;
	readonly rxMessagingError: Count;
	readonly rxReset: Count;
	readonly txReset: Count;
	readonly streamRefusedErrors: Count;
	readonly trailers: Count;
	readonly txFlushTimeout: Count;
	readonly streamsActive: Level;
}

/** Binds them under `prefix` of the source. */
export function bindHttp2Stats(source: Http2StatSource, prefix: string): Http2Stats {
	const counter = (name: string) => source.counter(prefix + name);
	return {
		headerOverflow: counter("header_overflow"),
		headerListSizeTooLarge: counter("header_list_size_too_large"),
		inboundEmptyFramesFlood: counter("inbound_empty_frames_flood"),
		inboundPriorityFramesFlood: counter("inbound_priority_frames_flood"),
		inboundWindowUpdateFramesFlood: counter("inbound_window_update_frames_flood"),
		outboundControlFlood: counter("outbound_control_flood"),
		outboundFlood: counter("outbound_flood"),
		goawaySent: counter("goaway_sent"),
		keepaliveTimeout: counter("keepalive_timeout"),
		rxMessagingError: counter("rx_messaging_error"),
		rxReset: counter("rx_reset"),
		txReset: counter("tx_reset"),
		streamRefusedErrors: counter("stream_refused_errors"),
		trailers: counter("trailers"),
		txFlushTimeout: counter("tx_flush_timeout"),
		streamsActive: source.gauge(`${prefix}streams_active`),
	};
}
