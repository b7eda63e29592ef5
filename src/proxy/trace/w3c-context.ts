import type { HeaderMap } from "../http/header-map.ts";
import type { Span } from "./span.ts";

/** Where in a trace a request comes from. */
export interface ParentContext {
	readonly traceId: string;
	readonly spanId: string;
	/** The parent's own parent; empty: none. */
	readonly parentId: string;
	readonly sampled: boolean;
	readonly traceState: string;
}

const TRACEPARENT = /^([0-9a-fA-F]{2})-([0-9a-fA-F]{32})-([0-9a-fA-F]{16})-([0-9a-fA-F]{2})$/;
const ZEROS = /^0+$/;

/** Reads traceparent and tracestate (W3C Trace Context); undefined: there is none, "invalid": it cannot be read. */
export function readW3cContext(headers: HeaderMap): ParentContext | "invalid" | undefined {
	const text = headers.get("traceparent");
	if (text === undefined) return undefined;
	const parts = TRACEPARENT.exec(text);
	if (!parts || ZEROS.test(parts[2]!) || ZEROS.test(parts[3]!)) return "invalid";
	return {
		traceId: parts[2]!.toLowerCase(),
		spanId: parts[3]!.toLowerCase(),
		parentId: "",
		sampled: (Number.parseInt(parts[4]!, 16) & 1) === 1,
		traceState: headers.get("tracestate") ?? "",
	};
}

export function writeW3cContext(headers: HeaderMap, span: Span): void {
	headers.remove("traceparent");
	headers.append("traceparent", `00-${span.traceId.padStart(32, "0")}-${span.spanId}-${span.sampled ? "01" : "00"}`);
}
