import type { HeaderMap } from "../../http/header-map.ts";
import type { Span } from "../span.ts";
import type { ParentContext } from "../w3c-context.ts";

const HEX = /^[0-9a-fA-F]{1,16}$/;
const LONG_HEX = /^(?:[0-9a-fA-F]{1,16}|[0-9a-fA-F]{32})$/;
const SINGLE = /^([0-9a-fA-F]{16}|[0-9a-fA-F]{32})-([0-9a-fA-F]{16})(?:-([01d])(?:-([0-9a-fA-F]{16}))?)?$/;

/** What B3 fields say about being wanted; undefined: nothing. */
export function readB3Sampled(headers: HeaderMap): boolean | undefined {
	const single = headers.get("b3");
	if (single !== undefined) {
		const flag = single.length === 1 ? single : SINGLE.exec(single)?.[3];
		return flag === "0" || flag === "1" || flag === "d" ? flag !== "0" : undefined;
	}
	const flag = headers.get("x-b3-sampled");
	return flag === undefined ? undefined : flag === "1" || flag === "true";
}

/** Reads the B3 context, single or multiple fields (openzipkin/b3-propagation); undefined: there is none, "invalid": it cannot be read. */
export function readB3Context(headers: HeaderMap, sampled: boolean): ParentContext | "invalid" | undefined {
	const single = headers.get("b3");
	if (single !== undefined) return readSingle(single, sampled);
	const traceId = headers.get("x-b3-traceid");
	const spanId = headers.get("x-b3-spanid");
	if (traceId === undefined || spanId === undefined) return undefined;
	const parentId = headers.get("x-b3-parentspanid") ?? "";
	if (!LONG_HEX.test(traceId) || !HEX.test(spanId) || (parentId !== "" && !HEX.test(parentId))) return "invalid";
	return context(traceId, spanId, parentId, sampled);
}

function readSingle(text: string, sampled: boolean): ParentContext | "invalid" | undefined {
	if (/^[01d]$/.test(text)) return undefined;
	const parts = SINGLE.exec(text);
	return parts ? context(parts[1]!, parts[2]!, parts[4] ?? "", sampled) : "invalid";
}

function context(traceId: string, spanId: string, parentId: string, sampled: boolean): ParentContext {
	return {
		traceId: traceId.toLowerCase().padStart(16, "0"),
		spanId: spanId.toLowerCase().padStart(16, "0"),
		parentId: parentId === "" ? "" : parentId.toLowerCase().padStart(16, "0"),
		sampled,
		traceState: "",
	};
}

/** Writes the span as the parent of what comes next, in the form in which the context came. As in Envoy, what is replaced moves to the end. */
export function writeB3Context(headers: HeaderMap, span: Span): void {
	const sampled = span.sampled ? "1" : "0";
	if (headers.has("b3")) {
		const parent = span.parentId === "" ? "" : `-${span.parentId}`;
		put(headers, "b3", `${span.traceId}-${span.spanId}-${sampled}${parent}`);
		return;
	}
	put(headers, "x-b3-traceid", span.traceId);
	put(headers, "x-b3-spanid", span.spanId);
	if (span.parentId !== "") put(headers, "x-b3-parentspanid", span.parentId);
	put(headers, "x-b3-sampled", sampled);
}

/** Sets a field; it becomes the last one. */
export function put(headers: HeaderMap, name: string, value: string): void {
	headers.remove(name);
	headers.append(name, value);
}
