import { encodeGrpcMessage, grpcStatusOfHttp } from "../../http/grpc-status.ts";
import type { ResponseHead } from "../../http/message.ts";

/** Turns an answer that is no gRPC into a gRPC error: its body becomes the message. */
export function errorHeaders({ status, headers }: ResponseHead, body: Uint8Array): void {
	headers.set("grpc-message", encodeGrpcMessage(body));
	headers.set("grpc-status", String(grpcStatusOfHttp(status)));
	headers.set("content-length", "0");
}
