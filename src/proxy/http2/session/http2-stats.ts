interface Count {
	inc(): void;
}

/** Codec stats of HTTP/2 (Envoy: `http2.*`, per connection manager worker-wide and `cluster.<name>.http2.*`). */
export interface Http2Stats {
	readonly headerOverflow: Count;
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
	readonly streamsActive: { add(delta: number): void };
}
