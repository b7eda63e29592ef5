import type { Socket } from "node:net";

/** Ends a connection at once; as the system does for bytes that nobody read, its peer gets a RST then. */
export function cutSocket(socket: Socket): void {
	if (socket.readableLength > 0) socket.resetAndDestroy();
	else socket.destroy();
}
