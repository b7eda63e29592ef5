import type { Protocol, RequestHead } from "../http/message.ts";
import { CODEC_ERRORS, type CodecError } from "./codec-error.ts";
import { bodyLength, parseConnection } from "./framing.ts";
import { DEFAULT_HEAD_LIMITS, type HeadLimits, isToken, type StartLineRules } from "./head-reader.ts";
import { SEEN } from "./known-names.ts";
import { type BodySink, MessageParser, TUNNEL } from "./message-parser.ts";

export interface RequestSink extends BodySink {
	/** The head is complete; more about it is in the parser's members. */
	onRequest(head: RequestHead): void;
}

/** A request target, taken apart (RFC 9112 3.2). */
interface Target {
	readonly path: string;
	/** From an absolute-form or authority-form target; replaces Host. */
	readonly authority: string | undefined;
	readonly scheme: "http" | "https";
}

/** Parses requests of one connection, strictly: what two readers could read in two ways is refused. */
export class RequestParser extends MessageParser {
	/** `Upgrade` protocol asked for together with `Connection: upgrade`, lower case; "" when none. */
	upgrade = "";
	/** The client waits for 100 (Continue) before it sends the body. */
	expectsContinue = false;
	/** `Connection` said close or keep-alive by name. */
	saidClose = false;
	/** The target was in absolute form: the client uses this proxy as a forward proxy. */
	absoluteForm = false;
	readonly #sink: RequestSink;
	/** Envoy's accept_http_10; without, HTTP/1.0 is answered with 426. */
	readonly #acceptHttp10: boolean;
	readonly #defaultHost: string;
	readonly #absoluteForm: boolean;
	#head: RequestHead | undefined = undefined;

	constructor(
		sink: RequestSink,
		options: {
			limits?: HeadLimits;
			acceptHttp10?: boolean;
			defaultHostForHttp10?: string;
			allowCustomMethods?: boolean;
			/** Without, a target in absolute form is a path that begins with its scheme (Envoy: allow_absolute_url). */
			allowAbsoluteUrl?: boolean;
		} = {},
	) {
		super(sink, options.limits ?? DEFAULT_HEAD_LIMITS, options.allowCustomMethods ? ANY_METHOD : KNOWN_METHODS, true);
		this.#sink = sink;
		this.#acceptHttp10 = options.acceptHttp10 ?? false;
		this.#absoluteForm = options.allowAbsoluteUrl ?? true;
		this.#defaultHost = options.defaultHostForHttp10 ?? "";
	}

	protected override acceptHead(): CodecError | "final" {
		const line = this.reader.startLine;
		const first = line.indexOf(" ");
		const second = line.indexOf(" ", first + 1);
		const method = line.slice(0, first);
		const protocol = parseVersion(line, second + 1);
		if (typeof protocol !== "string") return protocol;
		if (protocol === "HTTP/1.0" && !this.#acceptHttp10) return CODEC_ERRORS.version;
		const text = line.slice(first + 1, second);
		const target = parseTarget(method, text, this.#absoluteForm);
		if (target === undefined) return this.#refuseTarget(method, text, protocol);
		const { path, scheme } = target;
		const head: RequestHead = { method, path, authority: "", scheme, protocol, headers: this.reader.headers };
		this.#head = head;
		const authority = this.#authority(target, protocol);
		if (typeof authority !== "string") return authority;
		head.authority = authority;
		this.absoluteForm = target.authority !== undefined && method !== "CONNECT";
		return this.#acceptFields(head);
	}

	#refuseTarget(method: string, text: string, protocol: Protocol): CodecError {
		if (text.includes("#")) {
			const { headers, host, hosts, seen } = this.reader;
			const length = bodyLength(headers, seen, protocol === "HTTP/1.0");
			if (typeof length === "object") return length;
			this.#head = { method, path: text, authority: hosts > 0 ? host : "", scheme: "http", protocol, headers };
			return CODEC_ERRORS.fragment;
		}
		if (!isTargetText(text)) return CODEC_ERRORS.targetForm;
		if (text === "*" || method === "CONNECT") return CODEC_ERRORS.target;
		if (text.includes("://")) return ABSOLUTE.test(text) ? CODEC_ERRORS.target : CODEC_ERRORS.scheme;
		return CODEC_ERRORS.targetForm;
	}

	/** Of a head that was refused although it is well-formed (`CodecError.wellFormed`): what a log tells of it. */
	get refusedHead(): RequestHead | undefined {
		return this.#head;
	}

	protected override announceHead(): void {
		this.#sink.onRequest(this.#head!);
	}

	#authority(target: Target, protocol: Protocol): string | CodecError {
		const { host, hosts } = this.reader;
		if (hosts > 1) return CODEC_ERRORS.severalHosts;
		if (hosts === 1) return isAuthority(host) ? (target.authority ?? host) : CODEC_ERRORS.host;
		if (protocol !== "HTTP/1.0" || this.#defaultHost === "") return CODEC_ERRORS.noHost;
		return target.authority ?? this.#defaultHost;
	}

	#acceptFields(head: RequestHead): CodecError | "final" {
		const { headers } = head;
		const seen = this.reader.seen;
		const http10 = head.protocol === "HTTP/1.0";
		this.keepAlive = !http10;
		this.saidClose = false;
		this.upgrade = "";
		if ((seen & SEEN.connection) !== 0) {
			const refused = this.#acceptConnection(head, http10);
			if (refused) return refused;
		}
		if ((seen & SEEN.hopByHop) !== 0 && saysClose(headers.get("proxy-connection"))) this.keepAlive = false;
		this.expectsContinue =
			(seen & SEEN.expect) !== 0 && !http10 && headers.get("expect")!.toLowerCase() === "100-continue";
		const length = bodyLength(headers, seen, http10);
		if (typeof length === "object") return length;
		this.contentLength = length ?? 0;
		return head.method === "CONNECT" ? this.#acceptConnect(this.contentLength) : "final";
	}

	#acceptConnect(length: number): CodecError | "final" {
		if (length !== 0) return length < 0 ? CODEC_ERRORS.encodingOnConnect : CODEC_ERRORS.lengthOnConnect;
		this.contentLength = TUNNEL;
		return "final";
	}

	#acceptConnection(head: RequestHead, http10: boolean): CodecError | undefined {
		const { headers } = head;
		const options = parseConnection(headers.getJoined("connection")!);
		if ("status" in options) {
			if (options === CODEC_ERRORS.noHost) head.authority = "";
			return options;
		}
		this.saidClose = options.close;
		this.keepAlive = !options.close && (!http10 || options.keepAlive);
		if (options.upgrade && (this.reader.seen & SEEN.upgrade) !== 0 && !http10) {
			const protocol = headers.getJoined("upgrade")!.toLowerCase();
			// An offer that may be passed over; Envoy does the same.
			if (protocol !== "h2c") this.upgrade = protocol;
		}
		for (const name of options.nominated) headers.remove(name);
		return undefined;
	}
}

const IN_AUTHORITY = new Uint8Array(256);
for (let c = 33; c < 127; c++) IN_AUTHORITY[c] = "/?@#\\,".includes(String.fromCharCode(c)) ? 0 : 1;

const METHODS = new Set(
	`ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE MSEARCH NOTIFY OPTIONS PATCH POST
	PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE`.split(
		/\s+/,
	),
);

const METHOD_STARTS = new Set([...METHODS].map((method) => method.charCodeAt(0)));

/** Envoy's allow_custom_methods; without, only registered methods pass. */
const KNOWN_METHODS: StartLineRules = {
	refuseFirst: (char) => (METHOD_STARTS.has(char) ? undefined : CODEC_ERRORS.method),
	refuseLine: (line) => refuseRequestLine(line, (method) => METHODS.has(method)),
};
const ANY_METHOD: StartLineRules = {
	refuseFirst: (char) => (isToken(String.fromCharCode(char)) ? undefined : CODEC_ERRORS.method),
	refuseLine: (line) => refuseRequestLine(line, isToken),
};

function refuseRequestLine(line: string, isMethod: (method: string) => boolean): CodecError | undefined {
	const first = line.indexOf(" ");
	if (first <= 0) return CODEC_ERRORS.startLine;
	const method = line.slice(0, first);
	const second = line.indexOf(" ", first + 1);
	// `GET /` was all of a request in HTTP/0.9.
	if (second < 0) return isToken(method) && line[first + 1] === "/" ? CODEC_ERRORS.version : CODEC_ERRORS.startLine;
	if (!isMethod(method)) return CODEC_ERRORS.method;
	return line.length === second + 9 ? undefined : CODEC_ERRORS.startLine;
}

/** As Envoy: what is not 1.1 is taken for 1.0. */
function parseVersion(line: string, at: number): Protocol | CodecError {
	if (line.startsWith("HTTP/1.1", at)) return "HTTP/1.1";
	return /HTTP\/\d\.\d$/.test(line) ? "HTTP/1.0" : CODEC_ERRORS.startLine;
}

const ABSOLUTE = /^(https?):\/\/([^/?]*)([/?].*)?$/i;

function parseTarget(method: string, target: string, absolute: boolean): Target | undefined {
	if (!isTargetText(target)) return undefined;
	if (method === "CONNECT") return /^[^/?@]+:\d{1,5}$/.test(target) && isAuthority(target) ? tunnel(target) : undefined;
	if (target.charCodeAt(0) === 47) return { path: target, authority: undefined, scheme: "http" };
	if (target === "*") return method === "OPTIONS" ? { path: "*", authority: undefined, scheme: "http" } : undefined;
	if (!absolute) return { path: target, authority: undefined, scheme: "http" };
	const parts = ABSOLUTE.exec(target);
	if (!parts || parts[2] === "" || !isAuthority(parts[2]!)) return undefined;
	const rest = parts[3] ?? "/";
	return {
		path: rest.charCodeAt(0) === 63 ? `/${rest}` : rest,
		authority: parts[2]!,
		scheme: parts[1]!.toLowerCase() === "https" ? "https" : "http",
	};
}

function isTargetText(target: string): boolean {
	for (let i = 0; i < target.length; i++) {
		const c = target.charCodeAt(i);
		// A fragment is not part of a target (Envoy refuses it too: http_reject_path_with_fragment).
		if (c < 33 || c > 126 || c === 35) return false;
	}
	return true;
}

function tunnel(authority: string): Target {
	return { path: "", authority, scheme: "http" };
}

function saysClose(option: string | undefined): boolean {
	return option !== undefined && option.toLowerCase() === "close";
}

/** No user info, no path, no blanks: `uri-host [":" port]`. The empty Host of RFC 9112 3.2 passes here. */
function isAuthority(text: string): boolean {
	for (let i = 0; i < text.length; i++) if (IN_AUTHORITY[text.charCodeAt(i)] !== 1) return false;
	return true;
}
