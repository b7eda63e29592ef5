import { HeaderMap } from "../http/header-map.ts";
import type { LocalReply, RequestHead, ResponseHead } from "../http/message.ts";
import { isGrpc } from "../router/match/other-matchers.ts";

/** An answer that the proxy gives itself, as it goes to the client. */
export interface LocalResponse {
	readonly head: ResponseHead;
	readonly body: Buffer;
}

const NO_BODY = Buffer.alloc(0);

/** gRPC status for an HTTP status (gRPC over HTTP/2, "HTTP to gRPC status code mapping"); Unknown for the others. */
const GRPC_STATUS: Readonly<Record<number, number>> = {
	400: 13,
	401: 16,
	403: 7,
	404: 12,
	429: 14,
	502: 14,
	503: 14,
	504: 14,
};

/** What a client gets for a local reply: gRPC clients a status in the head of a 200 (Envoy: Utility::prepareLocalReply). `finalize`: the route's changes. */
export function localResponse(
	reply: LocalReply,
	request: RequestHead,
	finalize: (head: ResponseHead) => void = () => {},
): LocalResponse {
	const grpc = isGrpc(request.headers.get("content-type"));
	const headers = new HeaderMap();
	for (const [name, value] of reply.headers ?? []) if (!grpc || name !== "content-length") headers.append(name, value);
	if (grpc) {
		const response = grpcResponse(reply, request, headers);
		finalize(response.head);
		return response;
	}
	const head = { status: reply.status, headers };
	finalize(head);
	const body = reply.body === "" ? NO_BODY : Buffer.from(reply.body);
	if (body.length > 0) {
		if (!headers.has("content-length")) headers.append("content-length", String(body.length));
		if (!headers.has("content-type")) headers.append("content-type", "text/plain");
	}
	return { head, body };
}

function grpcResponse(reply: LocalReply, request: RequestHead, headers: HeaderMap): LocalResponse {
	headers.set("content-type", "application/grpc");
	headers.set("grpc-status", String(reply.grpcStatus ?? GRPC_STATUS[reply.status] ?? 2));
	if (reply.body !== "" && request.method !== "HEAD") headers.set("grpc-message", percentEncoded(reply.body));
	return { head: { status: 200, headers }, body: NO_BODY };
}

/** gRPC over HTTP/2, Percent-Encoded: bytes outside of printable ASCII, and the percent sign. */
function percentEncoded(text: string): string {
	let out = "";
	for (const byte of Buffer.from(text))
		out +=
			byte >= 0x20 && byte <= 0x7e && byte !== 0x25
				? String.fromCharCode(byte)
				: `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
	return out;
}
