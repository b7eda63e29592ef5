import type { PlainTerminal } from "./plain-terminal.ts";

/** Sends back what comes (Envoy: envoy.filters.network.echo). */
export const ECHO: PlainTerminal = {
	serve(socket, info) {
		socket.on("error", () => {});
		socket.on("data", (bytes: Buffer) => {
			info.bytesReceived += bytes.length;
			info.bytesSent += bytes.length;
			if (socket.write(bytes)) return;
			socket.pause();
			socket.once("drain", () => socket.resume());
		});
		socket.on("end", () => socket.end());
	},
};
