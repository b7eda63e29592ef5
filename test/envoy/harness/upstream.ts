import type { BodySpec, Fields } from "./http1-message.ts";

/** What an upstream answers to one request. All is optional: 200 with the upstream's name as body. */
export interface Answer {
	readonly status?: number;
	readonly headers?: Fields | Readonly<Record<string, string>>;
	readonly body?: BodySpec;
	readonly trailers?: Readonly<Record<string, string>>;
	/** Before the head. */
	readonly delayMs?: number;
	/** Between head and body. */
	readonly bodyDelayMs?: number;
	/** Informational answers before it. */
	readonly informational?: readonly { readonly status: number; readonly headers?: Readonly<Record<string, string>> }[];
	/** HTTP/1: how the body is framed; "length" by default, "chunked" with trailers. */
	readonly framing?: "length" | "chunked" | "until-close";
	/** Answers when the head of the request is there, without waiting for its body. */
	readonly early?: boolean;
	/** HTTP/1 and TCP: these bytes instead of all of the above. */
	readonly raw?: string | Buffer;
	/** After the answer: "close" ends the connection, "reset" breaks it (HTTP/2: resets the stream), "hang" never ends it. */
	readonly finish?: "keep" | "close" | "reset" | "hang";
	/** HTTP/2: the request's body is shown however long it is. */
	readonly wholeBody?: boolean;
	/** HTTP/2: error code of the reset; default INTERNAL_ERROR (2). */
	readonly resetCode?: number;
	/** HTTP/1, with 101 or for CONNECT: sends back whatever comes, until the other side ends. */
	readonly tunnel?: boolean;
	/** TCP: sent as soon as the connection is there. */
	readonly greet?: string;
	/** TCP: sends back what comes. */
	readonly echo?: boolean;
}

/** What an upstream received. */
export interface UpstreamRequest {
	/** Which of the upstream's connections of this case, from 0 in order of use. */
	connection: number;
	readonly protocol: "http1" | "http2" | "tcp";
	/** HTTP/1: the request line. */
	readonly line?: string;
	readonly headers?: Fields;
	framing?: string;
	body: string;
	trailers?: Fields;
	/** False when it ended before it was whole. */
	whole: boolean;
	/** True when the proxy ended the exchange before the answer was out. */
	cut: boolean;
	/** Bytes through a tunnel. */
	tunnel?: string;
	/** With TLS. */
	readonly tls?: TlsSeen;
}

/** What an upstream knows of a TLS connection. */
export interface TlsSeen {
	readonly servername: string | false;
	readonly alpn: string | false | null;
	readonly version: string | null;
	readonly client: string | undefined;
}

export interface UpstreamTls {
	/** PEM. */
	readonly cert: string;
	readonly key: string;
	/** With it, a client certificate is asked for and checked. */
	readonly clientCa?: string;
	readonly alpn?: readonly string[];
	readonly minVersion?: "TLSv1.2" | "TLSv1.3";
	readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
}

/** An upstream of a scene. */
export interface UpstreamSpec {
	readonly protocol: "http1" | "http2" | "tcp" | "dead";
	readonly tls?: UpstreamTls;
	/** For requests that the case has no answer for. */
	readonly answer?: Answer;
	/** Address in 127/8; 127.0.0.1 by default. */
	readonly address?: string;
}

/** HTTP/1.1 over TCP or TLS. */
export const http1 = (more: Omit<UpstreamSpec, "protocol"> = {}): UpstreamSpec => ({ protocol: "http1", ...more });
/** HTTP/2 by prior knowledge, or by ALPN with TLS. */
export const http2 = (more: Omit<UpstreamSpec, "protocol"> = {}): UpstreamSpec => ({ protocol: "http2", ...more });
/** Plain bytes; sends back what comes unless the answer says something else. */
export const tcp = (more: Omit<UpstreamSpec, "protocol"> = {}): UpstreamSpec => ({ protocol: "tcp", ...more });
/** A port where nobody listens. */
export const dead = (): UpstreamSpec => ({ protocol: "dead" });

/** The books of one upstream: what it received in the running case, and what it shall answer. */
export class UpstreamBook {
	readonly name: string;
	readonly #spec: UpstreamSpec;
	#script: readonly Answer[] = [];
	#next = 0;
	#requests: UpstreamRequest[] = [];
	#connections: object[] = [];

	constructor(name: string, spec: UpstreamSpec) {
		this.name = name;
		this.#spec = spec;
	}

	get requests(): readonly UpstreamRequest[] {
		return this.#requests;
	}

	/** A new case begins. */
	begin(script: readonly Answer[]): void {
		this.#script = script;
		this.#next = 0;
		this.#requests = [];
		this.#connections = [];
	}

	/** The answer to the next request; the last one of the case stands for all that follow. */
	nextAnswer(): Answer {
		const answer = this.#script[Math.min(this.#next++, this.#script.length - 1)];
		return answer ?? this.#spec.answer ?? {};
	}

	/** Notes a request of the connection that `key` stands for. */
	note(key: object, request: Omit<UpstreamRequest, "connection">): UpstreamRequest {
		let connection = this.#connections.indexOf(key);
		if (connection < 0) connection = this.#connections.push(key) - 1;
		const noted = { connection, ...request };
		this.#requests.push(noted);
		return noted;
	}
}
