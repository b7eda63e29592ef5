import { RequestParser } from "../../src/proxy/codec/request-parser.ts";
import { ResponseParser } from "../../src/proxy/codec/response-parser.ts";
import { HeaderMap } from "../../src/proxy/http/header-map.ts";
import type { RequestHead } from "../../src/proxy/http/message.ts";
import {
	answerWhole,
	MemoryOutput,
	Recorder,
	RecordingServer,
	sessionSetup,
} from "../../src/proxy/http2/http2-fixture.ts";
import { ClientSession } from "../../src/proxy/http2/session/client-session.ts";
import { ServerSession } from "../../src/proxy/http2/session/server-session.ts";
import { readProxyHeader } from "../../src/proxy/listener/inspect/proxy-header.ts";
import { readClientHello } from "../../src/proxy/tls/hello/client-hello.ts";
import { CLIENT_HELLO } from "./client-hello-sample.ts";

/** Something that reads bytes from strangers. */
export interface FuzzTarget {
	readonly name: string;
	/** Valid and nearly valid inputs to start from. */
	readonly samples: readonly Buffer[];
	/** Feeds the pieces to a fresh reader; what it says, in a form that does not depend on the cuts. */
	run(pieces: readonly Buffer[]): string;
}

const text = (...lines: readonly string[]) => Buffer.from(lines.join("\r\n"), "latin1");

const REQUESTS = [
	text("GET / HTTP/1.1", "Host: a", "", ""),
	text(
		"GET http://a:80/p?q#f HTTP/1.1",
		"Host: b",
		"Cookie: a=1",
		"X-Empty:",
		"",
		"GET /2 HTTP/1.1",
		"Host: a",
		"",
		"",
	),
	text("POST /x HTTP/1.1", "Host: a", "Content-Length: 5", "Expect: 100-continue", "", "hello"),
	text(
		"POST /x HTTP/1.1",
		"Host: a",
		"Transfer-Encoding: chunked",
		"Trailer: t",
		"",
		"5;ext=1",
		"hello",
		"0",
		"t: 1",
		"",
		"",
	),
	text("GET /chat HTTP/1.1", "Host: a", "Connection: Upgrade, keep-alive", "Upgrade: websocket", "", ""),
	text("CONNECT a:443 HTTP/1.1", "Host: a:443", "", "bytes"),
	text("GET / HTTP/1.0", "Connection: close", "", ""),
	text("OPTIONS * HTTP/1.1", "Host: [::1]:8080", "TE: trailers", "Content-Length: 0", "Content-Length: 0", "", ""),
	text("PRI * HTTP/2.0", "", "SM", "", ""),
];

const RESPONSES = [
	text("HTTP/1.1 200 OK", "Content-Length: 5", "", "hello"),
	text("HTTP/1.1 100 Continue", "", "HTTP/1.1 103 Early Hints", "Link: </a>", "", "HTTP/1.1 204 No Content", "", ""),
	text("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "", "3", "abc", "0", "grpc-status: 0", "", ""),
	text("HTTP/1.0 200", "", "until the end"),
	text("HTTP/1.1 304 Not Modified", "ETag: x", "Content-Length: 7", "", ""),
	text("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket", "", "bytes"),
];

const IDLE = {
	onSettings: () => undefined,
	onGoAway: () => undefined,
	onPingAck: () => undefined,
	onStreamClosed: () => undefined,
	onSessionError: () => undefined,
};

const PROXY_HEADERS = [
	text("PROXY TCP4 127.0.0.1 127.0.0.2 1000 80", "rest"),
	text("PROXY TCP6 ::1 2001:db8::1 65535 1", ""),
	text("PROXY UNKNOWN", ""),
	Buffer.from("0d0a0d0a000d0a515549540a2111000c7f0000017f00000203e80050", "hex"),
	Buffer.from("0d0a0d0a000d0a515549540a21110013 7f0000017f00000203e80050 0200040a0b0c0d".replaceAll(" ", ""), "hex"),
	Buffer.from("0d0a0d0a000d0a515549540a20000000", "hex"),
];

/** Every codec of the proxy that is fed by clients or endpoints. */
export const TARGETS: readonly FuzzTarget[] = [
	{ name: "HTTP/1 requests", samples: REQUESTS, run: readRequests },
	{ name: "HTTP/1 responses", samples: RESPONSES, run: readResponses },
	{ name: "HTTP/2 from clients", samples: [http2Requests()], run: serveHttp2 },
	{ name: "HTTP/2 from endpoints", samples: [http2Answers()], run: callHttp2 },
	{ name: "PROXY protocol", samples: PROXY_HEADERS, run: (pieces) => growing(pieces, readProxyHeader) },
	{ name: "TLS client hello", samples: [CLIENT_HELLO], run: (pieces) => growing(pieces, readClientHello) },
];

function readRequests(pieces: readonly Buffer[]): string {
	const log = new EventLog();
	let broken = false;
	const parser: RequestParser = new RequestParser({
		onRequest: ({ method, path, authority, protocol, headers }) => {
			log.add(`${method} ${path} ${authority} ${protocol} ${headers.names}|${headers.values} ${parser.contentLength}`);
		},
		onBody: (buf, start, end) => log.body(buf.toString("latin1", start, end)),
		onEnd: (trailers) => log.add(`end ${trailers?.names}|${trailers?.values}`),
		onCodecError: (error) => {
			broken = true;
			log.add(`error ${error.status} ${error.details}`);
		},
	});
	for (const buf of pieces) {
		for (let at = 0; at < buf.length && !broken; ) {
			at = parser.execute(buf, at, buf.length);
			if (parser.ended) parser.next();
		}
		buf.fill(0xff);
	}
	return log.toString();
}

function readResponses(pieces: readonly Buffer[]): string {
	const log = new EventLog();
	const parser: ResponseParser = new ResponseParser({
		onResponse: ({ status, headers }) =>
			log.add(`${status} ${headers.names}|${headers.values} ${parser.contentLength} ${parser.keepAlive}`),
		onInformational: (status, headers) => log.add(`interim ${status} ${headers.names}`),
		onBody: (buf, start, end) => log.body(buf.toString("latin1", start, end)),
		onEnd: (trailers) => log.add(`end ${trailers?.names}|${trailers?.values}`),
		onCodecError: (error) => log.add(`error ${error.details}`),
	});
	parser.expect("GET", true);
	let over = false;
	for (const buf of pieces) {
		if (over) break;
		over = parser.execute(buf, 0, buf.length) < buf.length;
		buf.fill(0xff);
	}
	if (!over) parser.finish();
	return log.toString();
}

/** Readers that look again at all bytes so far, until they are satisfied. */
function growing(pieces: readonly Buffer[], read: (bytes: Buffer) => unknown): string {
	let bytes = Buffer.alloc(0);
	let reading: unknown = "more";
	for (const piece of pieces) {
		bytes = Buffer.concat([bytes, piece]);
		reading = read(bytes);
		if (reading !== "more" && (reading as { readonly kind?: string }).kind !== "more") break;
	}
	return JSON.stringify(reading);
}

class EventLog {
	readonly #events: string[] = [];
	#inBody = false;

	add(event: string): void {
		this.#events.push(event);
		this.#inBody = false;
	}

	/** Pieces of one body are one event. */
	body(piece: string): void {
		if (this.#inBody) this.#events.push(`${this.#events.pop()}${piece}`);
		else this.#events.push(`body ${piece}`);
		this.#inBody = true;
	}

	toString(): string {
		return this.#events.join("\n");
	}
}

function request(method: string, path: string, headers: HeaderMap): RequestHead {
	return { method, path, authority: "example.com", scheme: "http", protocol: "HTTP/2", headers };
}

/** A client that asks for three things and is told what `recorder` is told. */
function client(output: MemoryOutput, recorder: Recorder): ClientSession {
	const session = new ClientSession(sessionSetup(output), IDLE);
	session.start();
	session.request(request("GET", "/a", HeaderMap.of(["accept", "*/*"])), recorder, { endStream: true, upgrade: "" });
	const post = HeaderMap.of(["content-length", "5"]);
	const body = session.request(request("POST", "/b", post), recorder, { endStream: false, upgrade: "" });
	body.sendText("hello", false);
	body.finish(HeaderMap.of(["x-trailer", "t"]));
	session.ping("12345678");
	const long = HeaderMap.of(["x-long", "l".repeat(20_000)]);
	session.request(request("PUT", "/c", long), recorder, { endStream: true, upgrade: "" }).reset(8);
	return session;
}

function http2Requests(): Buffer {
	const output = new MemoryOutput();
	client(output, new Recorder([], ""));
	return output.take();
}

function http2Answers(): Buffer {
	const output = new MemoryOutput();
	const session: ServerSession = new ServerSession(
		sessionSetup(output),
		new RecordingServer(answerWhole(() => session, "answer")),
	);
	const asked = http2Requests();
	session.receive(asked, 0, asked.length);
	return output.take();
}

function serveHttp2(pieces: readonly Buffer[]): string {
	const output = new MemoryOutput();
	const user = new RecordingServer(answerWhole(() => session, "answer"));
	const session: ServerSession = new ServerSession(sessionSetup(output), user);
	for (const piece of pieces) {
		session.receive(piece, 0, piece.length);
		piece.fill(0xff);
	}
	return untilReset(user.events);
}

function callHttp2(pieces: readonly Buffer[]): string {
	const output = new MemoryOutput();
	const events: string[] = [];
	const session = client(output, new Recorder(events, ""));
	for (const piece of pieces) {
		session.receive(piece, 0, piece.length);
		piece.fill(0xff);
	}
	return untilReset(events);
}

/** Of a body that breaks its promise, a part may have been passed on before that was seen. */
function untilReset(events: readonly string[]): string {
	return events.filter((event, i) => !(event.includes(" data ") && events[i + 1]?.includes(" reset "))).join("\n");
}
