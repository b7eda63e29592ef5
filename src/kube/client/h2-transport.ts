import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { TLSSocket } from "node:tls";
import { type ApiAnswer, type ApiRequest, connectionFailed, type Transport } from "./transport.ts";

const PING_EVERY_MS = 30_000;
const PING_TIMEOUT_MS = 15_000;
const STREAM_WINDOW_BYTES = 1 << 20;
const CONNECTION_WINDOW_BYTES = 16 << 20;

/** All requests and watches of one client on one HTTP/2 connection; a lost connection is opened again by the next request. */
export function h2Transport(url: URL, first: TLSSocket, reconnect: () => Promise<TLSSocket>): Transport {
	let session: Promise<ClientHttp2Session> | undefined = Promise.resolve(openSession(url, first, forget));
	let closed = false;
	function forget(): void {
		session = undefined;
	}
	const usable = async (): Promise<ClientHttp2Session> => {
		if (closed) throw new Error("the client is closed");
		session ??= reconnect().then((socket) => openSession(url, socket, forget));
		try {
			const open = await session;
			if (!open.closed && !open.destroyed) return open;
			forget();
			return usable();
		} catch (cause) {
			forget();
			throw cause;
		}
	};
	return {
		async request(request) {
			try {
				return await exchange(await usable(), url, request);
			} catch (cause) {
				throw connectionFailed(url.origin, cause);
			}
		},
		close() {
			closed = true;
			session?.then(
				(open) => open.destroy(),
				() => undefined, // never opened: whoever asked was told
			);
		},
	};
}

function openSession(url: URL, socket: TLSSocket, onGone: () => void): ClientHttp2Session {
	const session = connect(url.origin, {
		createConnection: () => socket,
		settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
	});
	// One slow reader must not hold up the others: the connection's window is far larger than a stream's.
	session.once("connect", () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
	const pinger = setInterval(() => ping(session), PING_EVERY_MS);
	pinger.unref();
	const gone = () => {
		clearInterval(pinger);
		onGone();
	};
	session.once("close", gone);
	session.once("goaway", onGone);
	session.on("error", onGone); // each stream reports the cause to its own caller
	return session;
}

/** A connection whose peer vanished without a FIN is noticed here. */
function ping(session: ClientHttp2Session): void {
	if (session.destroyed || session.closed) return;
	const late = setTimeout(() => session.destroy(new Error("the server does not answer pings")), PING_TIMEOUT_MS);
	late.unref();
	session.ping(() => clearTimeout(late));
}

function exchange(session: ClientHttp2Session, url: URL, request: ApiRequest): Promise<ApiAnswer> {
	return new Promise((resolve, reject) => {
		const { method, path, headers, body, signal } = request;
		if (signal?.aborted) return reject(abortReason(signal));
		const prefix = url.pathname.replace(/\/$/, "");
		const stream = session.request(
			{ ":method": method, ":path": prefix + path, ":authority": url.host, ":scheme": "https", ...headers },
			{ endStream: body === undefined },
		);
		const onAbort = () => {
			stream.close(constants.NGHTTP2_CANCEL);
			stream.destroy(signal && abortReason(signal));
		};
		signal?.addEventListener("abort", onAbort, { once: true });
		stream.once("close", () => signal?.removeEventListener("abort", onAbort));
		stream.once("error", reject);
		stream.once("close", () => reject(new Error(`the stream was closed (${stream.rstCode})`)));
		stream.once("response", (head) => resolve(answer(stream, head)));
		if (body !== undefined) stream.end(body);
	});
}

function answer(stream: ClientHttp2Stream, head: Readonly<Record<string, unknown>>): ApiAnswer {
	const headers = Object.entries(head).filter(([name]) => !name.startsWith(":"));
	return {
		status: Number(head[":status"]),
		headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
		body: stream,
	};
}

function abortReason(signal: AbortSignal): Error {
	return signal.reason instanceof Error ? signal.reason : new Error("aborted", { cause: signal.reason });
}
