import type { WorkloadMetadata } from "../../filter/workload-metadata.ts";

/** A connection to an endpoint as tcp_proxy uses it: a socket, or a tunnel through one. */
export interface TcpUpstream {
	/** `ip:port` of our end. */
	readonly localAddress: string;
	/** It takes less than it is sent: hold back, `onUpstreamDrain` follows. */
	readonly congested: boolean;
	/** `buf` is valid during the call only. */
	write(buf: Buffer, start: number, end: number): void;
	/** No more bytes come from the client. */
	end(): void;
	pauseReading(): void;
	resumeReading(): void;
	/** Ends after what was written has gone out; true when something still has to. No more events but `onUpstreamClosed`. */
	closeAfterFlush(): boolean;
	/** Cuts it; with a RST when the client did so. */
	destroy(reset: boolean): void;
}

/** How a connection could not be made; texts as Envoy prints them. */
export interface TcpConnectFailure {
	readonly reason: "refused" | "timeout" | "overflow";
	readonly detail: string;
}

/** What an upstream tells tcp_proxy: first `onUpstreamReady` or `onUpstreamFailed`, then the rest, `onUpstreamClosed` last. */
export interface TcpUpstreamUser {
	onUpstreamReady(upstream: TcpUpstream): void;
	onUpstreamFailed(failure: TcpConnectFailure): void;
	/** `buf` is valid during the call only. */
	onUpstreamData(buf: Buffer, start: number, end: number): void;
	/** The other proxy said who its workload is. */
	onUpstreamPeer?(peer: WorkloadMetadata): void;
	onUpstreamEnd(): void;
	onUpstreamDrain(): void;
	/** `reset`: the endpoint cut it (RST). */
	onUpstreamClosed(reset: boolean): void;
}

/** A connection that is being made, or one that was; `abandon` ends it in either state without more events. */
export interface TcpDial {
	abandon(reset: boolean): void;
}
