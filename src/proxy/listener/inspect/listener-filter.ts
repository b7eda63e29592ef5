import type { Socket } from "node:net";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";

/** An accepted connection while listener filters look at it. */
export interface InspectedConnection {
	readonly socket: Socket;
	readonly connection: ConnectionInfo;
	/** Application protocols in the client's order (ALPN), or what was found in plaintext. */
	offeredProtocols: readonly string[];
	/** A filter has told raw bytes from TLS (`connection.transportProtocol`). */
	transportKnown: boolean;
	/** Where the client meant to go was restored: it may belong to another listener. */
	destinationRestored: boolean;
	/** What %DOWNSTREAM_TRANSPORT_FAILURE_REASON% prints; "" for nothing. */
	transportFailure: string;
	/** Takes bytes off the front: later filters and the filter chain do not see them. */
	drain(bytes: number): void;
}

/** "more": called again with all bytes once more of them came; "close": the connection ends here. */
export type Inspected = "done" | "more" | "close";

/** One listener filter on one connection. */
export interface ListenerFilter {
	/** Before a byte is read; "more" asks for `onData`. */
	onAccept(on: InspectedConnection): Inspected;
	/** Everything that has come and was not drained, at least one byte. */
	onData?(on: InspectedConnection, bytes: Buffer): Inspected;
}

/** A listener filter as configured; `create` once per connection (return a shared object where there is no state). */
export interface ListenerFilterConfig {
	readonly name: string;
	/** True: this connection passes the filter by (`filter_disabled`). */
	disabled?(connection: ConnectionInfo): boolean;
	create(): ListenerFilter;
}
