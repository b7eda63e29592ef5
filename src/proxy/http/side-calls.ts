import type { HeaderMap } from "./header-map.ts";

/**
 * Calls that the proxy makes on its own behalf to clusters of its configuration: authorization, rate limits, key sets. They use the
 * cluster's balancer, breakers, outlier detection, TLS and protocol, and are counted there.
 */
export interface SideCalls {
	/** One request and its whole answer; `done` is called exactly once, never before `call` has returned, and not after `cancel`. */
	call(request: SideRequest, done: (outcome: SideOutcome) => void): SideCall;
}

export interface SideRequest {
	readonly cluster: string;
	readonly method: string;
	readonly path: string;
	readonly authority: string;
	readonly headers: HeaderMap;
	readonly body: Uint8Array;
	/** For all of it; 0: none. */
	readonly timeoutMs: number;
	/** The answer's body may be at most this long. */
	readonly maxBodyBytes: number;
	/** False: the other side is not told this node's address in x-forwarded-for. */
	readonly forwardedFor?: boolean;
}

export type SideOutcome =
	| {
			readonly kind: "answer";
			readonly status: number;
			readonly headers: HeaderMap;
			readonly body: Uint8Array;
			readonly trailers: HeaderMap | undefined;
	  }
	| {
			readonly kind: "failed";
			readonly reason: "no-cluster" | "no-healthy-upstream" | "unavailable" | "reset" | "timeout" | "too-large";
			readonly detail: string;
	  };

export interface SideCall {
	cancel(): void;
}

/** Streams that the proxy opens on its own behalf and keeps open (access log services). */
export interface SideStreams {
	/** Undefined when the cluster or an endpoint is not there; `onClosed` is told once, never before `open` has returned, and not after `cancel`. */
	open(target: SideStreamTarget, onClosed: () => void): SideStream | undefined;
}

export interface SideStreamTarget extends Pick<SideRequest, "cluster" | "path" | "authority" | "headers"> {
	/** How often a connection that fails is tried again, and the pause before it. */
	readonly retries?: { readonly max: number; readonly baseMs: number; readonly maxMs: number } | undefined;
}

export interface SideStream {
	/** More waits than should. */
	readonly congested: boolean;
	send(bytes: Uint8Array): void;
	cancel(): void;
}
