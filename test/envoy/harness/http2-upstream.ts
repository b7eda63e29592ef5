import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import { pause } from "./client-socket.ts";
import { bodyBytes, bodyText, type Fields, fieldsOf } from "./http1-message.ts";
import type { Answer, TlsSeen, UpstreamBook, UpstreamRequest } from "./upstream.ts";

/** Serves the streams of an HTTP/2 upstream. */
export function serveHttp2(server: Http2Server, book: UpstreamBook, tlsOf: (socket: TLSSocket) => TlsSeen): void {
	server.on("sessionError", () => {
		// The streams tell.
	});
	server.on("stream", (stream, _headers, _flags, raw) => {
		const { session } = stream;
		const tls = session?.encrypted ? tlsOf(session.socket as TLSSocket) : undefined;
		void serveStream(stream, book, { headers: pairs(raw as unknown as readonly string[]), tls });
	});
}

const pairs = (raw: readonly string[]): Fields =>
	Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i]!, raw[2 * i + 1]!] as const);

const flat = (headers: IncomingHttpHeaders): Fields =>
	Object.entries(headers).map(([name, value]) => [name, String(value)]);

async function serveStream(
	stream: ServerHttp2Stream,
	book: UpstreamBook,
	{ headers, tls }: { headers: Fields; tls: TlsSeen | undefined },
): Promise<void> {
	const answer = book.nextAnswer();
	const key = stream.session ?? stream;
	const request = book.note(key, { protocol: "http2", headers, body: "", trailers: [], whole: false, cut: false, tls });
	stream.on("error", () => {
		request.cut = true;
	});
	stream.on("aborted", () => {
		request.cut = true;
	});
	const body = readRequest(stream, request, answer.wholeBody ?? false);
	if (!answer.early) await body;
	if (!stream.destroyed) await reply(stream, answer, book);
}

function readRequest(stream: ServerHttp2Stream, request: UpstreamRequest, whole: boolean): Promise<void> {
	const pieces: Buffer[] = [];
	stream.on("trailers", (trailers) => {
		request.trailers = flat(trailers);
	});
	stream.on("data", (bytes: Buffer) => {
		pieces.push(bytes);
		const body = Buffer.concat(pieces);
		request.body = whole ? body.toString("latin1") : bodyText(body);
	});
	return new Promise((resolve) => {
		stream.on("end", () => {
			request.whole = true;
			resolve();
		});
		stream.on("close", resolve);
	});
}

async function reply(stream: ServerHttp2Stream, answer: Answer, book: UpstreamBook): Promise<void> {
	const { status = 200, delayMs = 0, bodyDelayMs = 0, trailers, resetCode = 2 } = answer;
	for (const one of answer.informational ?? []) stream.additionalHeaders({ ":status": one.status, ...one.headers });
	if (delayMs > 0) await pause(delayMs);
	if (stream.destroyed || (answer.finish === "hang" && answer.status === undefined)) return;
	if (answer.finish === "reset" && answer.status === undefined) return stream.close(resetCode);
	const bytes = bodyBytes(answer.body ?? book.name);
	if (trailers) stream.on("wantTrailers", () => !stream.destroyed && stream.sendTrailers({ ...trailers }));
	const fields = Object.fromEntries(fieldsOf(answer.headers));
	const endStream = bytes.length === 0 && !trailers && answer.finish !== "hang" && answer.finish !== "reset";
	stream.respond({ ":status": status, ...fields }, { endStream, waitForTrailers: trailers !== undefined });
	if (endStream) return;
	if (bodyDelayMs > 0) await pause(bodyDelayMs);
	if (stream.destroyed) return;
	if (answer.finish === "hang" || answer.finish === "reset") {
		stream.write(bytes);
		if (answer.finish === "reset") {
			await pause(10);
			stream.close(resetCode);
		}
		return;
	}
	stream.end(bytes);
	if (answer.finish === "close") stream.session?.close();
}
