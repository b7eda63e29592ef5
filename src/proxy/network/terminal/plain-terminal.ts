import type { Socket } from "node:net";
import type { StreamInfo } from "../../http/info/stream-info.ts";

/** A terminal filter that serves connections by itself. */
export interface PlainTerminal {
	/** The filters before have let the connection through; `info` is its record. */
	serve(socket: Socket, info: StreamInfo): void;
}
