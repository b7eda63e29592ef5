/** Settings of one side of an HTTP/2 connection (Envoy: config.core.v3.Http2ProtocolOptions), read and checked. */
export interface Http2Options {
	/** Highest size of both compression tables. */
	readonly hpackTableBytes: number;
	/** Streams that the peer may have open; for a client also its own. */
	readonly maxConcurrentStreams: number;
	readonly initialStreamWindowBytes: number;
	readonly initialConnectionWindowBytes: number;
	/** Extended CONNECT (RFC 8441). */
	readonly allowConnect: boolean;
	/** Frames that may wait to be written, of all kinds and of those that answer the peer. */
	readonly maxOutboundFrames: number;
	readonly maxOutboundControlFrames: number;
	readonly maxConsecutiveEmptyFrames: number;
	readonly maxPriorityFramesPerStream: number;
	readonly maxWindowUpdatesPerDataFrame: number;
	/** A malformed message costs its stream only; otherwise the connection. */
	readonly streamErrorOnInvalidMessage: boolean;
	/** Further settings to announce. */
	readonly customSettings: readonly (readonly [id: number, value: number])[];
	readonly keepalive: KeepaliveOptions | undefined;
}

/** PINGs that show whether the peer still answers (Envoy: KeepaliveSettings). */
export interface KeepaliveOptions {
	/** 0: only `idleIntervalMs` counts. */
	readonly intervalMs: number;
	readonly timeoutMs: number;
	/** Percent of the interval that is added by chance. */
	readonly jitterPercent: number;
	/** A connection that was quiet for so long is asked before it gets a new stream; 0 turns that off. */
	readonly idleIntervalMs: number;
}

/** What Envoy 1.40 announces and allows when nothing is configured. */
export const HTTP2_DEFAULTS: Http2Options = {
	hpackTableBytes: 4096,
	maxConcurrentStreams: 1024,
	initialStreamWindowBytes: 16 * 1024 * 1024,
	initialConnectionWindowBytes: 24 * 1024 * 1024,
	allowConnect: false,
	maxOutboundFrames: 10_000,
	maxOutboundControlFrames: 1_000,
	maxConsecutiveEmptyFrames: 1,
	maxPriorityFramesPerStream: 100,
	maxWindowUpdatesPerDataFrame: 10,
	streamErrorOnInvalidMessage: false,
	customSettings: [],
	keepalive: undefined,
};
