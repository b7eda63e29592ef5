import type { AppRequest } from "../kit/request.ts";

/**
 * The headers of a child span in Zipkin's B3 form, as the tutorial's tracer sends them: same trace, new span, the
 * incoming span as its parent; without an incoming trace a new one begins, sampled.
 */
export function childSpanHeaders(request: AppRequest): Record<string, string> {
	const incoming = (name: string) => {
		const value = request.headers[name];
		return typeof value === "string" ? value : undefined;
	};
	const spanId = randomHex(8);
	const traceId = incoming("x-b3-traceid");
	if (traceId === undefined) return { "x-b3-traceid": spanId, "x-b3-spanid": spanId, "x-b3-sampled": "1" };
	return {
		"x-b3-traceid": traceId,
		"x-b3-spanid": spanId,
		"x-b3-parentspanid": incoming("x-b3-spanid") ?? traceId,
		"x-b3-sampled": incoming("x-b3-sampled") ?? "1",
	};
}

function randomHex(bytes: number): string {
	return Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(bytes))).toString("hex");
}
