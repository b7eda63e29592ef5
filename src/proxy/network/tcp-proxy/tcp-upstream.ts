/** A connection to an endpoint as tcp_proxy uses it: a socket, or a tunnel through one. */
export interface TcpUpstream {
	/** `ip:port` of our end. */
	readonly localAddress: string;
	/** Takes bytes; false: enough for now, `onUpstreamDrain` follows. The bytes are the upstream's from here on. */
	write(bytes: Buffer): boolean;
	/** No more bytes come from the client. */
	end(): void;
	pauseReading(): void;
	resumeReading(): void;
	/** Ends after what was written has gone out. */
	closeAfterFlush(): void;
	/** Cuts it. */
	destroy(): void;
}

/** How a connection could not be made; texts as Envoy prints them. */
export interface TcpConnectFailure {
	readonly reason: "refused" | "timeout";
	readonly detail: string;
}

/** What an upstream tells tcp_proxy: first `onUpstreamReady` or `onUpstreamFailed`, then the rest, `onUpstreamClosed` last. */
export interface TcpUpstreamUser {
	onUpstreamReady(upstream: TcpUpstream): void;
	onUpstreamFailed(failure: TcpConnectFailure): void;
	/** The bytes are the receiver's from here on. */
	onUpstreamData(bytes: Buffer): void;
	onUpstreamEnd(): void;
	onUpstreamDrain(): void;
	/** `reset`: the endpoint cut it (RST). */
	onUpstreamClosed(reset: boolean): void;
}
