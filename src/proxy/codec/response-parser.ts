import type { HeaderMap } from "../http/header-map.ts";
import type { ResponseHead } from "../http/message.ts";
import { CODEC_ERRORS, type CodecError } from "./codec-error.ts";
import { bodyLength, parseConnection } from "./framing.ts";
import { DEFAULT_HEAD_LIMITS, type HeadLimits, type StartLineRules } from "./head-reader.ts";
import { SEEN } from "./known-names.ts";
import { type BodySink, MessageParser, TUNNEL, UNTIL_CLOSE } from "./message-parser.ts";

export interface ResponseSink extends BodySink {
	onResponse(head: ResponseHead): void;
	/** A 1xx other than 101. */
	onInformational(status: number, headers: HeaderMap): void;
}

/** Interim answers in a row that a server may send before it counts as broken. */
const MAX_INTERIM = 10;

const LETTER_H = 72;

const STATUS_LINE: StartLineRules = {
	refuseFirst: (char) => (char === LETTER_H ? undefined : CODEC_ERRORS.startLine),
	refuseLine: (line) =>
		(line.startsWith("HTTP/1.1 ") || line.startsWith("HTTP/1.0 ")) && parseStatus(line) >= 0
			? undefined
			: CODEC_ERRORS.startLine,
};

/** Parses the answers on one upstream connection. */
export class ResponseParser extends MessageParser {
	/** The server announced that the connection ends with this answer: by `Connection`, or by speaking HTTP/1.0. */
	saidClose = false;
	readonly #sink: ResponseSink;
	#method = "";
	#upgrade = false;
	#status = 0;
	#interim = 0;

	constructor(sink: ResponseSink, limits: HeadLimits = DEFAULT_HEAD_LIMITS) {
		super(sink, limits, STATUS_LINE);
		this.#sink = sink;
	}

	/** Says which request the next answer is for: its method decides the framing (RFC 9112 6.3). */
	expect(method: string, upgrade: boolean): void {
		this.#method = method;
		this.#upgrade = upgrade;
		this.#interim = 0;
		this.next();
	}

	protected override acceptHead(): CodecError | "final" | "interim" {
		const line = this.reader.startLine;
		const http10 = line.startsWith("HTTP/1.0 ");
		const status = parseStatus(line);
		this.#status = status;
		if (status < 200 && status !== 101) return ++this.#interim > MAX_INTERIM ? CODEC_ERRORS.startLine : "interim";
		if (status === 101 && !this.#upgrade) return CODEC_ERRORS.startLine;
		return this.#acceptFields(status, http10);
	}

	protected override announceHead(interim: boolean): void {
		const headers = this.reader.headers;
		if (interim) this.#sink.onInformational(this.#status, headers);
		else this.#sink.onResponse({ status: this.#status, headers });
	}

	#acceptFields(status: number, http10: boolean): CodecError | "final" {
		const { headers, seen } = this.reader;
		this.keepAlive = !http10;
		if ((seen & SEEN.connection) !== 0) {
			const refused = this.#acceptConnection(headers, http10);
			if (refused) return refused;
		}
		this.saidClose = !this.keepAlive;
		const length = bodyLength(headers, seen, http10);
		if (typeof length === "object") return length;
		this.contentLength = this.#framing(status, length);
		if (this.contentLength === UNTIL_CLOSE || this.contentLength === TUNNEL) this.keepAlive = false;
		return "final";
	}

	#framing(status: number, length: number | undefined): number {
		if (status === 101 || (this.#method === "CONNECT" && status < 300)) return TUNNEL;
		if (this.#method === "HEAD" || status === 204 || status === 304) return 0;
		return length ?? UNTIL_CLOSE;
	}

	#acceptConnection(headers: HeaderMap, http10: boolean): CodecError | undefined {
		const options = parseConnection(headers.getJoined("connection")!);
		if ("status" in options) return options;
		// Fields that the upstream nominates stay, as with Envoy.
		this.keepAlive = !options.close && (!http10 || options.keepAlive);
		return undefined;
	}
}

function parseStatus(line: string): number {
	const behind = line.charCodeAt(12);
	if (line.length > 12 && behind !== 32) return -1;
	const a = line.charCodeAt(9) - 48;
	const b = line.charCodeAt(10) - 48;
	const c = line.charCodeAt(11) - 48;
	if (!(a >= 1 && a <= 9 && b >= 0 && b <= 9 && c >= 0 && c <= 9)) return -1;
	return a * 100 + b * 10 + c;
}
