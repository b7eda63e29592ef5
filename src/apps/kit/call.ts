import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { http } from "./node-http.ts";
import { readBody } from "./request.ts";

export interface CallOptions {
	readonly headers?: OutgoingHttpHeaders;
	/** From the start of the call to the last byte of the answer. */
	readonly timeoutMs?: number;
	/** False closes the connection after the answer, as clients do that open one per call. */
	readonly keepAlive?: boolean;
}

export interface CallAnswer {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly body: string;
}

/** Thrown when the whole answer is not there in time. */
export class CallTimeout extends Error {
	readonly code = "ETIMEDOUT";
	constructor(url: string, timeoutMs: number) {
		super(`GET ${url} took longer than ${timeoutMs} ms`);
		this.name = "CallTimeout";
	}
}

/**
 * GETs a plain `http://name:port/path`. The global agent is used on purpose: under NODE_USE_ENV_PROXY it is the one
 * that goes through `http_proxy`, which is the way into the sidecar. Rejects with Node's error (`code`) or `CallTimeout`.
 */
export function call(url: string, options: CallOptions = {}): Promise<CallAnswer> {
	const { headers = {}, timeoutMs, keepAlive = true } = options;
	return new Promise((resolve, reject) => {
		const request = http.get(url, { headers: keepAlive ? headers : { ...headers, connection: "close" } }, (message) => {
			readBody(message)
				.then((body) => resolve({ status: message.statusCode ?? 0, headers: message.headers, body: body.toString() }))
				.catch(reject)
				.finally(() => clearTimeout(timer));
		});
		const timer =
			timeoutMs === undefined
				? undefined
				: setTimeout(() => request.destroy(new CallTimeout(url, timeoutMs)), timeoutMs);
		request.on("error", (error) => {
			clearTimeout(timer);
			reject(error);
		});
	});
}
