import type { BodySpec, Fields } from "./http1-message.ts";

/** What one connection of a client does. */
export type Conversation = Http1Conversation | Http2Conversation | TcpConversation;

interface ToListener {
	/** Name of the listener; the scene's first one by default. */
	readonly to?: string;
	readonly tls?: ClientTls;
	/** How long to wait for what is expected, 3000 by default. */
	readonly withinMs?: number;
	/** How long to look whether the connection ends after the last answer: 15 ms, or 400 when the answer said `connection: close`. */
	readonly settleMs?: number;
}

type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

export interface ClientTls {
	readonly servername?: string;
	readonly alpn?: readonly string[];
	/** PEM. */
	readonly ca?: string;
	readonly cert?: string;
	readonly key?: string;
	readonly minVersion?: TlsVersion;
	readonly maxVersion?: TlsVersion;
	readonly ciphers?: string;
	readonly ecdhCurve?: string;
	readonly sigalgs?: string;
}

/** A request in words; host is "test.local" unless the headers say something. */
export interface Request {
	readonly method?: string;
	readonly path?: string;
	readonly version?: "1.0" | "1.1";
	readonly headers?: Fields | Readonly<Record<string, string>>;
	readonly body?: BodySpec;
	/** In chunks instead of with a length; implied by trailers. */
	readonly chunked?: boolean;
	readonly trailers?: Fields | Readonly<Record<string, string>>;
}

/** Bytes as they are, a request in words, a pause, or waiting for the answers to all that was sent so far (`await`: also for an informational one). */
export type Piece =
	| string
	| Buffer
	| Request
	| { readonly pauseMs: number }
	| { readonly await: "answer" | "informational" };

export interface Http1Conversation extends ToListener {
	readonly protocol?: "http1";
	/** A request in words is awaited before the next piece is sent, unless `pipelined`. */
	readonly send: Piece | readonly Piece[];
	readonly pipelined?: boolean;
	/** How many final answers to wait for; by default one for each request in words, and one if there are only bytes. */
	readonly expect?: number;
	/** At the end: half-close before the answers are awaited, or hang up without waiting for them. */
	readonly end?: "half-close" | "hang-up" | "reset";
	/** Bytes that are sent once an answer switched protocols (101, or 200 to CONNECT). */
	readonly tunnel?: string;
}

export interface Http2Request {
	readonly method?: string;
	readonly path?: string;
	readonly authority?: string;
	readonly scheme?: string;
	/** Pairs where a name occurs twice; a pseudo header here replaces the usual one, "" leaves it out. */
	readonly headers?: Fields | Readonly<Record<string, string>>;
	readonly body?: BodySpec;
	readonly trailers?: Readonly<Record<string, string>>;
	/** Resets the stream with this code after so many milliseconds. */
	readonly cancel?: { readonly afterMs: number; readonly code: number };
}

export interface Http2Conversation extends ToListener {
	readonly protocol: "http2";
	readonly requests: readonly Http2Request[];
	/** All at once instead of one after the other. */
	readonly parallel?: boolean;
}

export interface TcpConversation extends ToListener {
	readonly protocol: "tcp";
	readonly send?: readonly (string | Buffer | { readonly pauseMs: number } | { readonly awaitBytes: number })[];
	/** Waits for so many bytes before it looks whether the connection ends; by default until the connection ends. */
	readonly expectBytes?: number;
	readonly end?: "half-close" | "reset";
}
