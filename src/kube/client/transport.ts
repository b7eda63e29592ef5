import type { Readable } from "node:stream";
import { KubeApiError } from "./kube-client.ts";

/** One HTTP exchange, whatever the version underneath. */
export interface ApiRequest {
	readonly method: string;
	readonly path: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body?: string | Uint8Array;
	readonly signal?: AbortSignal;
}

/** The head of an answer; the body must be read or destroyed. */
export interface ApiAnswer {
	readonly status: number;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: Readable;
}

/** Carries requests to one server and keeps its connections; `request` rejects with KubeApiError code 0 when no answer came. */
export interface Transport {
	request(request: ApiRequest): Promise<ApiAnswer>;
	close(): void;
}

/** The error for "no answer": code 0, `cause` says why. */
export function connectionFailed(server: string, cause: unknown): KubeApiError {
	if (cause instanceof KubeApiError) return cause;
	const reason = cause instanceof Error ? (cause as NodeJS.ErrnoException).code || cause.message : String(cause);
	return new KubeApiError(0, "ConnectionFailed", `no answer from ${server}: ${reason}`, undefined, { cause });
}
