import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from "node:http2";
import { connect as connectTls } from "node:tls";
import { within } from "./client-socket.ts";
import type { Http2Conversation, Http2Request } from "./conversation.ts";
import { bodyBytes, bodyText, type Fields, fieldsOf } from "./http1-message.ts";

/** What came back on one stream. */
interface Http2Answer {
	readonly informational: readonly Fields[];
	readonly headers: Fields;
	readonly body: string;
	readonly trailers: Fields;
	/** Error code of RST_STREAM, 0 when the stream ended in order. */
	readonly code: number;
	readonly ended: boolean;
}

/** What a client of HTTP/2 saw on one connection. */
export interface Http2Seen {
	readonly answers: readonly Http2Answer[];
	/** Error code of GOAWAY, if one came. */
	readonly goaway: number | undefined;
	readonly connection: "open" | "closed";
}

export async function talkHttp2(script: Http2Conversation, port: number): Promise<Http2Seen> {
	const session = open(script, port);
	let goaway: number | undefined;
	session.on("goaway", (code) => {
		goaway = code;
	});
	session.on("error", () => {
		// The streams tell what happened to them.
	});
	const closed = new Promise<void>((resolve) => session.once("close", resolve));
	try {
		const withinMs = script.withinMs ?? 3000;
		const answers: Http2Answer[] = [];
		if (script.parallel)
			answers.push(...(await Promise.all(script.requests.map((r) => exchange(session, r, withinMs)))));
		else for (const request of script.requests) answers.push(await exchange(session, request, withinMs));
		const ended = await within(script.settleMs ?? 15, closed);
		return { answers, goaway, connection: ended ? "closed" : "open" };
	} finally {
		session.destroy();
	}
}

function open({ tls }: Http2Conversation, port: number): ClientHttp2Session {
	if (!tls) return connect(`http://127.0.0.1:${port}`);
	const { alpn = ["h2"], ...rest } = tls;
	return connect(`https://127.0.0.1:${port}`, {
		createConnection: () =>
			connectTls({
				host: "127.0.0.1",
				port,
				...rest,
				rejectUnauthorized: tls.ca !== undefined,
				ALPNProtocols: [...alpn],
			}),
	});
}

const flat = (headers: object): Fields =>
	Object.entries(headers).flatMap(([name, value]) =>
		(Array.isArray(value) ? value : [value]).map((one) => [name, String(one)] as const),
	);

function headersOf(request: Http2Request): OutgoingHttpHeaders {
	const { method = "GET", path = "/", authority = "test.local", scheme = "http" } = request;
	const headers: Record<string, string | string[]> = {
		":method": method,
		":path": path,
		":authority": authority,
		":scheme": scheme,
	};
	if (method === "CONNECT" && !fieldsOf(request.headers).some(([name]) => name === ":protocol")) {
		delete headers[":path"];
		delete headers[":scheme"];
	}
	for (const [name, value] of fieldsOf(request.headers)) {
		const had = headers[name];
		if (name.startsWith(":") && value === "") delete headers[name];
		else headers[name] = had === undefined || name.startsWith(":") ? value : [had, value].flat();
	}
	return headers;
}

async function exchange(session: ClientHttp2Session, request: Http2Request, withinMs: number): Promise<Http2Answer> {
	if (session.destroyed || session.closed)
		return { informational: [], headers: [], body: "", trailers: [], code: -1, ended: false };
	const headers = headersOf(request);
	// Node asks for the server's permission before it sends an extended CONNECT.
	if (headers[":protocol"] !== undefined && !session.remoteSettings?.enableConnectProtocol)
		await within(withinMs, new Promise((resolve) => session.once("remoteSettings", resolve)));
	const { body, trailers, cancel } = request;
	const withBody = body !== undefined || trailers !== undefined;
	const stream = session.request(headers, {
		endStream: !withBody && request.method !== "CONNECT",
		waitForTrailers: trailers !== undefined,
	});
	if (trailers) stream.on("wantTrailers", () => stream.sendTrailers({ ...trailers }));
	if (withBody) stream.end(bodyBytes(body ?? ""));
	const timer = cancel && setTimeout(() => stream.close(cancel.code), cancel.afterMs);
	const answer = await observe(stream, withinMs);
	clearTimeout(timer);
	return answer;
}

async function observe(stream: ClientHttp2Stream, withinMs: number): Promise<Http2Answer> {
	const informational: Fields[] = [];
	const pieces: Buffer[] = [];
	let headers: Fields = [];
	let trailers: Fields = [];
	let ended = false;
	stream.on("headers", (fields) => informational.push(flat(fields)));
	stream.on("response", (fields) => {
		headers = flat(fields);
	});
	stream.on("trailers", (fields) => {
		trailers = flat(fields);
	});
	stream.on("data", (bytes: Buffer) => pieces.push(bytes));
	stream.on("end", () => {
		ended = true;
	});
	stream.on("error", () => {
		// Told by the code.
	});
	const closed = new Promise<void>((resolve) => stream.once("close", resolve));
	await within(withinMs, closed);
	return {
		informational,
		headers,
		body: bodyText(Buffer.concat(pieces)),
		trailers,
		code: stream.rstCode ?? -1,
		ended,
	};
}
