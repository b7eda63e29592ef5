import { HeaderMap } from "../http/header-map.ts";
import { HTTP2_DEFAULTS, type Http2Options } from "../http/http2/http2-options.ts";
import { bindHttp2Stats, type Http2Stats } from "../http/http2/http2-stats.ts";
import type { ResponseHead } from "../http/message.ts";
import type { Http2Error } from "./frame/frame.ts";
import type { Http2Request } from "./message/read-head.ts";
import type { Http2Output } from "./session/http2-output.ts";
import type { Http2Stream, ResetOrigin, StreamUser } from "./session/http2-stream.ts";
import type { ServerSession, ServerSessionUser } from "./session/server-session.ts";
import type { SessionSetup } from "./session/session-core.ts";

/** Tests only: stats that count under their names. */
export function countingStats(): Http2Stats & { readonly counts: Record<string, number> } {
	const counts: Record<string, number> = {};
	const counter = (name: string) => ({
		inc: () => {
			counts[name] = (counts[name] ?? 0) + 1;
		},
		add: (delta: number) => {
			counts[name] = (counts[name] ?? 0) + delta;
		},
	});
	return { counts, ...bindHttp2Stats({ counter, gauge: counter }, "") };
}

/** Tests only: keeps what a session sends until it is taken. */
export class MemoryOutput implements Http2Output {
	beforeFlush: (() => void) | undefined = undefined;
	#text = "";
	congested = false;
	/** Stands for bytes that the peer has not read. */
	stuckBytes = 0;

	/** What has been sent; asking ends the turn. */
	get text(): string {
		this.beforeFlush?.();
		return this.#text;
	}

	get backlogBytes(): number {
		return this.#text.length + this.stuckBytes;
	}

	wake(): void {
		// Whoever looks at the text ends the turn.
	}

	send(text: string): void {
		this.#text += text;
	}

	sendBytes(buf: Buffer, start: number, end: number): void {
		this.#text += buf.toString("latin1", start, end);
	}

	take(): Buffer {
		const bytes = Buffer.from(this.text, "latin1");
		this.#text = "";
		return bytes;
	}
}

/** Tests only. */
export function sessionSetup(output: Http2Output, options: Partial<Http2Options> = {}): SessionSetup {
	return {
		options: { ...HTTP2_DEFAULTS, ...options },
		limits: { maxBytes: 60 * 1024, maxFields: 100 },
		output,
		stats: countingStats(),
		streamBufferBytes: 64 * 1024,
	};
}

/** Tests only: writes down what a stream's user is told; pieces of a body that follow each other are one event. */
export class Recorder implements StreamUser {
	readonly events: string[];
	readonly #name: string;
	#bodyAt = -1;

	constructor(events: string[], name: string) {
		this.events = events;
		this.#name = name;
	}

	onResponse(head: ResponseHead, contentLength: number): void {
		this.#note(`response ${head.status} ${formatFields(head.headers)} length ${contentLength}`);
	}

	onInformational(status: number, headers: HeaderMap): void {
		this.#note(`interim ${status} ${formatFields(headers)}`);
	}

	onData(buf: Buffer, start: number, end: number): void {
		const text = buf.toString("latin1", start, end);
		if (this.#bodyAt >= 0) this.events[this.#bodyAt] += text;
		else {
			this.#note(`data ${text}`);
			this.#bodyAt = this.events.length - 1;
		}
	}

	onEnd(trailers: HeaderMap | undefined): void {
		this.#note(`end${trailers ? ` ${formatFields(trailers)}` : ""}`);
	}

	onReset(code: number, origin: ResetOrigin): void {
		this.#note(`reset ${code} ${origin}`);
	}

	onDrain(): void {
		this.#note("drain");
	}

	#note(event: string): void {
		this.#bodyAt = -1;
		this.events.push(`${this.#name} ${event}`);
	}
}

/** Tests only: a server that writes down what comes and lets `answer` do the rest. */
export class RecordingServer implements ServerSessionUser {
	readonly events: string[] = [];
	readonly streams: Http2Stream[] = [];
	readonly answer: ((stream: Http2Stream, request: Http2Request) => void) | undefined;

	constructor(answer?: (stream: Http2Stream, request: Http2Request) => void) {
		this.answer = answer;
	}

	onRequest(stream: Http2Stream, request: Http2Request, endStream: boolean): void {
		const { head, upgrade } = request;
		stream.user = new Recorder(this.events, String(stream.id));
		this.streams.push(stream);
		const target = `${head.method} ${head.scheme}://${head.authority}${head.path}`;
		this.events.push(
			`${stream.id} request ${target} ${formatFields(head.headers)}${upgrade && ` upgrade ${upgrade}`} ${endStream}`,
		);
		this.answer?.(stream, request);
	}

	onBadRequest(): void {
		// What follows tells.
	}

	onSettings(): void {
		this.events.push("settings");
	}

	onGoAway(code: number): void {
		this.events.push(`goaway ${code}`);
	}

	onPingAck(): void {
		this.events.push("ping ack");
	}

	onStreamClosed(): void {
		// The streams' own events tell enough.
	}

	onSessionError({ code, reason }: Http2Error): void {
		this.events.push(`error ${code} ${reason}`);
	}
}

/** Answers each request when it has come whole: 200 with `body`. */
export function answerWhole(session: () => ServerSession, body: string): (stream: Http2Stream) => void {
	return (stream) => {
		const before = stream.user!;
		stream.user = {
			onResponse: () => undefined,
			onInformational: () => undefined,
			onData: (buf, start, end) => before.onData(buf, start, end),
			onReset: (code, origin) => before.onReset(code, origin),
			onDrain: () => before.onDrain(),
			onEnd: (trailers) => {
				before.onEnd(trailers);
				const headers = HeaderMap.of(["content-type", "text/plain"], ["content-length", String(body.length)]);
				session().respond(stream, { status: 200, headers }, false);
				stream.sendText(body, true);
			},
		};
	};
}

function formatFields(headers: HeaderMap): string {
	return `{${headers.names.map((name, i) => `${name}: ${headers.values[i]}`).join("; ")}}`;
}
