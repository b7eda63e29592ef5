import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { complain } from "./say.ts";

const MAX_MESSAGE_BYTES = 1024 * 1024;

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Takes WebSocket upgrades of one path and sends every message back; other upgrades get 404. */
export function webSocketEcho(path: string): Upgrade {
	return (request, socket, head) => {
		socket.on("error", () => socket.destroy());
		if ((request.url ?? "").split("?")[0] !== path) {
			socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
			return;
		}
		accept(request, socket, head).catch((error: unknown) => {
			complain(`WebSocket upgrade failed: ${String(error)}`);
			socket.destroy();
		});
	};
}

async function accept(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
	// Loaded by the first upgrade: most runs never see one, and start-up time matters.
	const { WebSocketServer } = await import("ws");
	const server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
	server.handleUpgrade(request, socket, head, (peer) => {
		peer.on("message", (data, isBinary) => peer.send(data, { binary: isBinary }));
		peer.on("error", () => peer.terminate());
	});
}
