import type { RequestParser } from "../codec/request-parser.ts";
import type { Transport } from "../codec/transport.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { HcmShared } from "./hcm-shared.ts";
import type { Peer } from "./request-headers.ts";

/** A client's connection as its stream uses it. */
export interface StreamHost {
	readonly shared: HcmShared;
	readonly transport: Transport;
	readonly parser: RequestParser;
	readonly peer: Peer;
	/** `ip:port`. */
	readonly remoteAddress: string;
	readonly localAddress: string;
	/** No further request: the connection closes after the current answer. */
	closing: boolean;
	sendInterim(status: number, headers: HeaderMap): void;
	/** The stream has been answered whole. */
	onStreamDone(): void;
	/** The answer cannot be completed, and the client must see that. */
	cut(): void;
}
