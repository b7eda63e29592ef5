import type { FormatContext } from "./format-context.ts";

/** The gRPC status of a response, from the trailers or, for a response without body, the head; undefined when there is none. */
export function grpcStatusOf(ctx: Pick<FormatContext, "response" | "trailers">): number | undefined {
	const text = ctx.trailers?.get("grpc-status") ?? ctx.response?.headers.get("grpc-status");
	return text !== undefined && /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}
