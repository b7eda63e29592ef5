import type { Readable } from "node:stream";
import { KubeApiError } from "./kube-client.ts";

/** Largest JSON document that is taken from a server: two hundred times etcd's limit for one object. */
const MAX_BODY_BYTES = 256 << 20;
/** Largest single watch event. */
const MAX_LINE_BYTES = 32 << 20;

/** Reads a whole body as text; throws when it is larger than any list should be. */
export async function readText(body: Readable): Promise<string> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of body as AsyncIterable<Buffer>) {
		size += chunk.length;
		if (size > MAX_BODY_BYTES) throw new Error(`an answer of more than ${MAX_BODY_BYTES} bytes`);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}

/** Cuts a body into lines without their ends; bytes of a last, unfinished line are dropped (the stream broke). */
export async function* readLines(body: Readable): AsyncGenerator<string> {
	let pending: Buffer[] = [];
	let size = 0;
	for await (const chunk of body as AsyncIterable<Buffer>) {
		let from = 0;
		for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
			const line = Buffer.concat([...pending, chunk.subarray(from, end)]).toString("utf8");
			pending = [];
			size = 0;
			from = end + 1;
			if (line !== "") yield line;
		}
		if (from < chunk.length) pending.push(chunk.subarray(from));
		size += chunk.length - from;
		if (size > MAX_LINE_BYTES) throw new Error(`a watch event of more than ${MAX_LINE_BYTES} bytes`);
	}
}

/** The error that an answer with status ≥ 400 stands for; its text is the server's own. */
export function apiError(httpStatus: number, text: string): KubeApiError {
	const status = parseStatus(text);
	return new KubeApiError(
		status?.code ?? httpStatus,
		status?.reason ?? "",
		status?.message || text.trim().slice(0, 500) || `HTTP status ${httpStatus}`,
		status,
	);
}

interface Status {
	readonly kind: "Status";
	readonly code?: number;
	readonly reason?: string;
	readonly message?: string;
}

function parseStatus(text: string): Status | undefined {
	try {
		const value: unknown = JSON.parse(text);
		return isStatus(value) ? value : undefined;
	} catch {
		return undefined; // a proxy's own page: its text is the message
	}
}

function isStatus(value: unknown): value is Status {
	return typeof value === "object" && value !== null && "kind" in value && value.kind === "Status";
}
