/** Frame types (RFC 9113 section 6). */
export const FRAME = {
	data: 0,
	headers: 1,
	priority: 2,
	rstStream: 3,
	settings: 4,
	pushPromise: 5,
	ping: 6,
	goAway: 7,
	windowUpdate: 8,
	continuation: 9,
} as const;

/** Frame flags; `ack` and `endStream` share a bit on different frames. */
export const FLAG = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Error codes (RFC 9113 section 7). */
export const ERROR_CODE = {
	noError: 0x0,
	protocolError: 0x1,
	internalError: 0x2,
	flowControlError: 0x3,
	settingsTimeout: 0x4,
	streamClosed: 0x5,
	frameSizeError: 0x6,
	refusedStream: 0x7,
	cancel: 0x8,
	compressionError: 0x9,
	connectError: 0xa,
	enhanceYourCalm: 0xb,
	inadequateSecurity: 0xc,
	http11Required: 0xd,
} as const;

/** Settings (RFC 9113 6.5.2, RFC 8441 3). */
export const SETTING = {
	headerTableSize: 1,
	enablePush: 2,
	maxConcurrentStreams: 3,
	initialWindowSize: 4,
	maxFrameSize: 5,
	maxHeaderListSize: 6,
	enableConnectProtocol: 8,
} as const;

export const FRAME_HEADER_BYTES = 9;
/** What a peer may send us, and what it takes until its SETTINGS say more. */
export const DEFAULT_MAX_FRAME_BYTES = 16_384;
export const DEFAULT_WINDOW_BYTES = 65_535;
export const MAX_WINDOW_BYTES = 2 ** 31 - 1;

/** What a client sends first (RFC 9113 3.4). */
export const CLIENT_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Why a connection cannot go on. */
export interface Http2Error {
	/** For the GOAWAY. */
	readonly code: number;
	/** Envoy-like words for details and logs. */
	readonly reason: string;
}
