import { CHUNKED, TUNNEL } from "../codec/message-parser.ts";
import type { BytesMeter } from "../http/bytes-meter.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { TlsInfo } from "../http/info/connection-info.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import { ERROR_CODE } from "../http2/frame/frame.ts";
import type { RequestManner } from "../http2/session/client-session.ts";
import type { Http2Stream, ResetOrigin, StreamUser } from "../http2/session/http2-stream.ts";
import type { ResetReason, UpstreamChannel, UpstreamUser } from "./upstream-user.ts";

/** A connection as its streams use it. */
export interface StreamOpener {
	readonly connectionId: number;
	readonly localAddress: string;
	readonly tls: TlsInfo | undefined;
	openStream(request: RequestHead, user: StreamUser, manner: RequestManner): Http2Stream;
}

/** One request on an HTTP/2 connection. */
export class Http2ClientStream implements UpstreamChannel, StreamUser {
	readonly protocol = "HTTP/2";
	contentLength = 0;
	readonly #connection: StreamOpener;
	#user: UpstreamUser | undefined;
	#stream: Http2Stream | undefined = undefined;
	#tunnels = false;

	constructor(connection: StreamOpener, user: UpstreamUser) {
		this.#connection = connection;
		this.#user = user;
	}

	get tls(): TlsInfo | undefined {
		return this.#connection.tls;
	}

	get connectionId(): number {
		return this.#connection.connectionId;
	}

	get localAddress(): string {
		return this.#connection.localAddress;
	}

	get congested(): boolean {
		return this.#stream?.congested ?? false;
	}

	sendHead(request: RequestHead, length: number, upgrade: string): void {
		this.#tunnels = upgrade !== "";
		this.#stream = this.#connection.openStream(request, this, { endStream: length === 0, upgrade });
	}

	sendBody(buf: Buffer, start: number, end: number): void {
		this.#stream?.sendData(buf, start, end);
	}

	sendEnd(trailers: HeaderMap | undefined): void {
		this.#stream?.finish(trailers);
	}

	pauseReading(): void {
		this.#stream?.pause();
	}

	resumeReading(): void {
		this.#stream?.resume();
	}

	measure(meter: BytesMeter): void {
		const stream = this.#stream;
		if (!stream) return;
		meter.wireSent = stream.sentBytes + (stream.localEnded ? 0 : stream.pendingBytes(undefined));
		meter.headerSent = stream.sentBlockBytes;
		meter.wireReceived = stream.receivedBytes;
		meter.headerReceived = stream.receivedBlockBytes;
	}

	abandon(): void {
		this.close();
	}

	close(): void {
		this.#user = undefined;
		// The code that Envoy uses.
		this.#stream?.reset(ERROR_CODE.internalError);
	}

	onResponse(head: ResponseHead, contentLength: number): void {
		const accepted = head.status === 101 || (head.status >= 200 && head.status < 300);
		if (this.#tunnels && accepted) this.contentLength = TUNNEL;
		else this.contentLength = contentLength < 0 ? CHUNKED : contentLength;
		this.#user?.onResponse(head);
	}

	onInformational(status: number, headers: HeaderMap): void {
		this.#user?.onInformational(status, headers);
	}

	onData(buf: Buffer, start: number, end: number): void {
		this.#user?.onBody(buf, start, end);
	}

	onEnd(trailers: HeaderMap | undefined): void {
		const user = this.#user;
		this.#user = undefined;
		user?.onEnd(trailers);
		// The answer came before the request was whole: the rest of it is of no use.
		this.#stream?.reset(ERROR_CODE.noError);
	}

	onReset(code: number, origin: ResetOrigin): void {
		const user = this.#user;
		this.#user = undefined;
		user?.onReset(reasonOf(code, origin), undefined);
	}

	onDrain(): void {
		this.#user?.onUpstreamDrain();
	}
}

function reasonOf(code: number, origin: ResetOrigin): ResetReason {
	switch (origin) {
		case "unprocessed":
			return "unsent";
		case "connection":
			return "terminated";
		case "protocol":
			return "protocol-error";
		default:
			if (code === ERROR_CODE.refusedStream) return "refused";
			return code === ERROR_CODE.connectError ? "connect-error" : "remote-reset";
	}
}
