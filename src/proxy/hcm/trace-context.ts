import { randomBytes } from "node:crypto";
import type { Random } from "../../lib/random.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { TracingSettings } from "./hcm-config.ts";

const MILLION = 1_000_000;

/** Why a request is traced or not, as character 14 of x-request-id says it (Envoy: UUID request id extension). */
const REASON = { none: "4", sampled: "9", forced: "a", client: "b" } as const;

/**
 * Decides whether this request is traced and writes the decision into its id. A decision that is already in the id stays, so that
 * all proxies of a trace decide alike.
 */
export function decideTracing(headers: HeaderMap, settings: TracingSettings, random: Random): boolean {
	const id = headers.get("x-request-id");
	if (id === undefined || id.length !== 36) return false;
	let reason = id.charAt(14);
	if (reason === REASON.none) {
		if (headers.has("x-client-trace-id") && random.below(MILLION) < settings.clientSampling) reason = REASON.client;
		else if (headers.has("x-envoy-force-trace")) reason = REASON.forced;
		else if (sampledById(id, settings.randomSampling)) reason = REASON.sampled;
	}
	const traced = reason === REASON.sampled || reason === REASON.forced || reason === REASON.client;
	const kept = traced && random.below(MILLION) < settings.overallSampling;
	const final = kept ? reason : REASON.none;
	if (final !== id.charAt(14)) headers.set("x-request-id", id.slice(0, 14) + final + id.slice(15));
	return kept;
}

/** The id itself is the dice: every proxy throws the same. */
function sampledById(id: string, perMillion: number): boolean {
	if (perMillion >= MILLION) return true;
	return Number.parseInt(id.slice(0, 8), 16) % MILLION < perMillion;
}

/**
 * Makes this proxy's span the parent of what comes next: B3 fields are made when absent, else they get a new span id below the one
 * that came; a W3C traceparent or single b3 field that came is kept in step.
 */
export function propagateTrace(headers: HeaderMap, sampled: boolean): void {
	const spanId = hex(8);
	const parent = readParent(headers);
	const traceId = parent?.traceId ?? hex(16);
	const decision = parent?.sampled ?? sampled;
	headers.set("x-b3-traceid", traceId);
	headers.set("x-b3-spanid", spanId);
	if (parent) headers.set("x-b3-parentspanid", parent.spanId);
	headers.set("x-b3-sampled", decision ? "1" : "0");
	headers.set("traceparent", `00-${traceId.padStart(32, "0")}-${spanId}-${decision ? "01" : "00"}`);
	if (headers.has("b3")) headers.set("b3", `${traceId}-${spanId}-${decision ? "1" : "0"}`);
}

interface ParentSpan {
	readonly traceId: string;
	readonly spanId: string;
	/** Undefined: not decided yet. */
	readonly sampled: boolean | undefined;
}

const HEX_ID = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const SINGLE_B3 = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d]))?(?:-[0-9a-f]{16})?$/;

function readParent(headers: HeaderMap): ParentSpan | undefined {
	const traceId = headers.get("x-b3-traceid");
	const spanId = headers.get("x-b3-spanid");
	if (traceId !== undefined && spanId !== undefined && HEX_ID.test(traceId) && HEX_ID.test(spanId)) {
		const flag = headers.get("x-b3-flags") === "1" ? "1" : headers.get("x-b3-sampled");
		return { traceId, spanId, sampled: flag === undefined ? undefined : flag === "1" || flag === "true" };
	}
	const single = SINGLE_B3.exec(headers.get("b3") ?? "");
	if (single)
		return {
			traceId: single[1]!,
			spanId: single[2]!,
			sampled: single[3] === undefined ? undefined : single[3] !== "0",
		};
	const w3c = TRACEPARENT.exec(headers.get("traceparent") ?? "");
	if (!w3c || /^0+$/.test(w3c[1]!) || /^0+$/.test(w3c[2]!)) return undefined;
	return { traceId: w3c[1]!, spanId: w3c[2]!, sampled: (Number.parseInt(w3c[3]!, 16) & 1) === 1 };
}

function hex(bytes: number): string {
	return randomBytes(bytes).toString("hex");
}
