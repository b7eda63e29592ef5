import type { Socket } from "node:net";
import type { ConnectionInfo } from "../http/info/connection-info.ts";

/** What secures the connections of a filter chain (a transport socket); undefined stands for plaintext. */
export interface DownstreamTransport {
	/** Shakes hands on an accepted socket, whose bytes read so far have been put back, and fills what `connection` tells of TLS. */
	accept(socket: Socket, connection: ConnectionInfo, handshake: Handshake): void;
}

/** One of the two is called, once. */
export interface Handshake {
	/** `secure` carries the plaintext. */
	onSecure(secure: Socket): void;
	/** The socket is gone or about to be; `reason` is what %DOWNSTREAM_TRANSPORT_FAILURE_REASON% prints. */
	onFailure(reason: string): void;
}
