import type { Socket } from "node:net";
import { resetSocket } from "../codec/transport.ts";

/** Ends a connection at once; as the system does for bytes that nobody read, its peer gets a RST then. */
export function cutSocket(socket: Socket): void {
	if (socket.readableLength > 0) resetSocket(socket);
	else socket.destroy();
}
