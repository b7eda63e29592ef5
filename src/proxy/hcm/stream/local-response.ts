import { encodeGrpcMessage, grpcStatusOfHttp } from "../../http/grpc-status.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { LocalReply, RequestHead, ResponseHead } from "../../http/message.ts";
import type { RewrittenBody } from "./local-reply-rules.ts";

/** An answer that the proxy gives itself, as it goes to the client. */
export interface LocalResponse {
	readonly head: ResponseHead;
	readonly body: Buffer;
}

export interface LocalResponseChanges {
	readonly finalize?: (head: ResponseHead) => void;
	readonly rewrite?: ((head: ResponseHead, body: string) => RewrittenBody) | undefined;
}

const NO_BODY = Buffer.alloc(0);

/**
 * What a client gets for a local reply (Envoy: Utility::prepareLocalReply): gRPC clients a status in the head of a 200. `asked.grpc`: what the
 * client spoke, whatever filters made of its request. `finalize`: the route's changes; `rewrite`: the connection manager's.
 */
export function localResponse(
	reply: LocalReply,
	asked: { readonly request: RequestHead; readonly grpc: boolean },
	changes: LocalResponseChanges,
): LocalResponse {
	const { request, grpc } = asked;
	const headers = new HeaderMap();
	for (const [name, value] of reply.headers ?? []) if (!grpc || name !== "content-length") headers.append(name, value);
	const head = { status: reply.status, headers };
	changes.finalize?.(head);
	const before = headers.get("content-type");
	const rewritten = changes.rewrite?.(head, reply.body);
	const final = rewritten ? { ...reply, status: head.status, body: rewritten.body } : reply;
	if (grpc) return grpcResponse(withoutLineEnd(final, rewritten?.contentType), request, headers);
	if (final.body === "") return { head, body: NO_BODY };
	const body = Buffer.from(final.body);
	if (rewritten || !headers.has("content-length")) headers.set("content-length", String(body.length));
	nameType(headers, before, rewritten?.contentType);
	return { head, body };
}

/** JSON formats end with a line end, which a header value cannot carry. */
function withoutLineEnd(reply: LocalReply, contentType: string | undefined): LocalReply {
	const trims = contentType === "application/json" && reply.body.endsWith("\n");
	return trims ? { ...reply, body: reply.body.slice(0, -1) } : reply;
}

/** A type that the changes have set stays; then comes the format's, then plain text. */
function nameType(headers: HeaderMap, before: string | undefined, ofFormat: string | undefined): void {
	if (ofFormat !== undefined && headers.get("content-type") === before) headers.set("content-type", ofFormat);
	else if (!headers.has("content-type")) headers.append("content-type", "text/plain");
}

function grpcResponse(reply: LocalReply, request: RequestHead, headers: HeaderMap): LocalResponse {
	headers.set("content-type", "application/grpc");
	headers.set("grpc-status", String(reply.grpcStatus ?? grpcStatusOfHttp(reply.status)));
	if (reply.body !== "" && request.method !== "HEAD")
		headers.set("grpc-message", encodeGrpcMessage(Buffer.from(reply.body)));
	return { head: { status: 200, headers }, body: NO_BODY };
}
