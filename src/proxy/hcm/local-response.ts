import { encodeGrpcMessage, grpcStatusOfHttp } from "../http/grpc-status.ts";
import { HeaderMap } from "../http/header-map.ts";
import type { LocalReply, RequestHead, ResponseHead } from "../http/message.ts";

/** An answer that the proxy gives itself, as it goes to the client. */
export interface LocalResponse {
	readonly head: ResponseHead;
	readonly body: Buffer;
}

const NO_BODY = Buffer.alloc(0);

/**
 * What a client gets for a local reply (Envoy: Utility::prepareLocalReply): gRPC clients a status in the head of a 200. `asked.grpc`: what the
 * client spoke, whatever filters made of its request. `finalize`: the route's changes.
 */
export function localResponse(
	reply: LocalReply,
	{ request, grpc }: { request: RequestHead; grpc: boolean },
	finalize: (head: ResponseHead) => void = () => {},
): LocalResponse {
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
	headers.set("grpc-status", String(reply.grpcStatus ?? grpcStatusOfHttp(reply.status)));
	if (reply.body !== "" && request.method !== "HEAD")
		headers.set("grpc-message", encodeGrpcMessage(Buffer.from(reply.body)));
	return { head: { status: 200, headers }, body: NO_BODY };
}
