import { parseDurationMs } from "../../lib/duration.ts";
import type { Answer } from "../kit/answer.ts";
import type { AppRequest } from "../kit/request.ts";
import { sleep } from "../kit/sleep.ts";
import { describe, describeWithBody } from "./describe.ts";
import { badRequest, goJson } from "./response.ts";

const MAX_MS = 10_000;
const MAX_BYTES = 100 * 1024;

/** `/delay/{n}`: seconds or a Go duration, 10 s at most. */
export async function delay(request: AppRequest): Promise<Answer> {
	const delayMs = parseSeconds(request.params.n ?? "");
	if (delayMs === undefined || delayMs < 0 || delayMs > MAX_MS)
		return badRequest("invalid duration: not in range [0s, 10s]");
	await sleep(delayMs);
	return goJson(await describeWithBody(request));
}

/** `/stream/{n}`: n lines of JSON, 1 to 100. */
export function stream(request: AppRequest): Answer {
	const n = Number(request.params.n);
	if (!Number.isInteger(n)) return badRequest("invalid count");
	const { args, headers, origin, url } = describe(request);
	const count = Math.min(100, Math.max(1, n));
	async function* lines() {
		for (let id = 0; id < count; id++) yield `${JSON.stringify({ id, args, headers, origin, url })}\n`;
	}
	return { status: 200, headers: { "content-type": "application/json; charset=utf-8" }, body: lines() };
}

/** `/drip?duration=&numbytes=&code=&delay=`: bytes spread over the time. */
export async function drip(request: AppRequest): Promise<Answer> {
	const durationMs = parseSeconds(request.query.get("duration") ?? "2s");
	const delayMs = parseSeconds(request.query.get("delay") ?? "2s");
	const count = Number(request.query.get("numbytes") ?? 10);
	const status = Number(request.query.get("code") ?? 200);
	if (!isShort(durationMs) || !isShort(delayMs) || durationMs + delayMs > MAX_MS) return badRequest("too much time");
	if (!Number.isInteger(count) || count < 1 || count > MAX_BYTES) return badRequest("invalid numbytes");
	if (!Number.isInteger(status) || status < 100 || status > 599) return badRequest("invalid code");
	await sleep(delayMs);
	const pauseMs = count === 1 ? durationMs : durationMs / (count - 1);
	async function* bytes() {
		for (let i = 0; i < count; i++) {
			if (i > 0 || count === 1) await sleep(pauseMs);
			yield "*";
		}
	}
	return {
		status,
		headers: { "content-type": "application/octet-stream", "content-length": String(count) },
		body: bytes(),
	};
}

/** `/sse?count=&duration=&delay=`: server-sent events. */
export async function serverSentEvents(request: AppRequest): Promise<Answer> {
	const count = Number(request.query.get("count") ?? 10);
	const durationMs = parseSeconds(request.query.get("duration") ?? "5s");
	const delayMs = parseSeconds(request.query.get("delay") ?? "0s");
	if (!Number.isInteger(count) || count < 1 || count > 100) return badRequest("invalid count");
	if (!isShort(durationMs) || !isShort(delayMs) || durationMs + delayMs > MAX_MS) return badRequest("too much time");
	await sleep(delayMs);
	const pauseMs = durationMs / Math.max(1, count - 1);
	async function* events() {
		for (let id = 0; id < count; id++) {
			if (id > 0) await sleep(pauseMs);
			yield `event: ping\ndata: ${JSON.stringify({ id, timestamp: Date.now() })}\n\n`;
		}
	}
	return {
		status: 200,
		headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" },
		body: events(),
	};
}

/** A bare number is seconds. */
function parseSeconds(text: string): number | undefined {
	if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
	return parseDurationMs(text);
}

function isShort(ms: number | undefined): ms is number {
	return ms !== undefined && ms >= 0 && ms <= MAX_MS;
}
