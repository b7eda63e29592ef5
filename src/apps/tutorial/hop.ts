import { type Answer, json, text } from "../kit/answer.ts";
import { CallTimeout, call } from "../kit/call.ts";
import type { AppRequest } from "../kit/request.ts";
import { type Handler, router } from "../kit/router.ts";
import { complain } from "../kit/say.ts";
import { childSpanHeaders } from "./b3.ts";

/** One link of the tutorial's chain: customer and preference are the same program with other words. */
export interface Hop {
	readonly name: string;
	/** Where `GET /` asks next, `http://name:port/`. */
	readonly upstream: string;
	/** Resolves a host name, rejecting as `dns.lookup` does. */
	readonly lookup?: (hostname: string) => Promise<unknown>;
	/** Whether a good answer is trimmed before it is handed on. */
	readonly trims: boolean;
	/** Headers that go on, besides tracing. */
	headers(request: AppRequest): Record<string, string | string[]>;
}

const HEALTH = { status: "UP", checks: [] } as const;
/** A Java client's: a rule on the browser's `user-agent` further down the chain must not match. */
const USER_AGENT = "Apache-HttpClient/4.5.13 (Java/11.0.15)";
const TIMEOUT_MS = 60_000;

/** `GET /` asks the next service and prefixes its answer; whatever goes wrong is told in a 503. */
export function hop(options: Hop): Handler {
	let requests = 0;
	return router({
		"GET /": (request) => {
			requests++;
			return ask(options, request);
		},
		"GET /health": () => json(HEALTH),
		"GET /health/live": () => json(HEALTH),
		"GET /health/ready": () => json(HEALTH),
		"GET /metrics": () => text(metrics(options.name, requests)),
	});
}

async function ask(options: Hop, request: AppRequest): Promise<Answer> {
	const { name, upstream } = options;
	const headers = {
		...childSpanHeaders(request),
		...options.headers(request),
		"user-agent": USER_AGENT,
		accept: "text/plain",
	};
	try {
		await (options.lookup ?? resolveName)(new URL(upstream).hostname);
		const answer = await call(upstream, { headers, timeoutMs: TIMEOUT_MS });
		if (answer.status >= 200 && answer.status < 300)
			return text(`${name} => ${options.trims ? answer.body.trim() : answer.body}\n`, 200, {
				"content-type": "text/plain",
			});
		return failed(name, `Error: ${answer.status} - ${answer.body}`);
	} catch (error) {
		return failed(name, javaException(error));
	}
}

function failed(name: string, message: string): Answer {
	complain(`${name} => ${message}`);
	return text(`${name} => ${message}\n`, 503, { "content-type": "text/plain" });
}

/** The caller resolves the name itself, also when the request then goes by the sidecar's proxy: as Java's client does. */
function resolveName(hostname: string): Promise<unknown> {
	return process.getBuiltinModule("node:dns").promises.lookup(hostname);
}

/** Node's network errors in the words of the Java program, which people know from the tutorial. */
function javaException(error: unknown): string {
	if (error instanceof CallTimeout) return "SocketTimeoutException: Read timed out";
	const { code, hostname, message } = error as { code?: string; hostname?: string; message: string };
	switch (code) {
		case "ENOTFOUND":
		case "EAI_AGAIN":
			return `UnknownHostException: ${hostname}`;
		case "ECONNREFUSED":
			return "ConnectException: Connection refused (Connection refused)";
		case "ETIMEDOUT":
			return "ConnectException: Connection timed out (Connection timed out)";
		case "ECONNRESET":
			return "SocketException: Connection reset";
		default:
			return `IOException: ${message}`;
	}
}

function metrics(name: string, requests: number): string {
	return [
		"# TYPE application_requests_total counter",
		`application_requests_total{service="${name}"} ${requests}`,
		"# TYPE base_jvm_uptime_seconds gauge",
		`base_jvm_uptime_seconds ${process.uptime().toFixed(3)}`,
		"# TYPE base_memory_usedHeap_bytes gauge",
		`base_memory_usedHeap_bytes ${process.memoryUsage().heapUsed}`,
		"",
	].join("\n");
}
