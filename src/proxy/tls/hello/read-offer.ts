import type { Socket } from "node:net";
import { type ClientHello, readClientHello } from "./client-hello.ts";

/**
 * Waits for a client's whole ClientHello and puts it back into the socket; `then` gets undefined when what comes is none. `gone`: the
 * connection ended before.
 */
export function readOffer(socket: Socket, then: (hello: ClientHello | undefined) => void, gone: () => void): void {
	let bytes: Buffer = Buffer.alloc(0);
	const leave = (): void => {
		socket.off("readable", onReadable);
		socket.off("close", onGone);
		socket.off("end", onGone);
	};
	const onReadable = (): void => {
		const chunk = socket.read() as Buffer | null;
		if (chunk === null) return;
		bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
		const reading = readClientHello(bytes);
		if (reading.kind === "more") return;
		leave();
		socket.off("error", onError);
		socket.unshift(bytes);
		then(reading.kind === "found" ? reading.hello : undefined);
	};
	const onError = (): void => {
		// "close" follows.
	};
	const onGone = (): void => {
		leave();
		socket.destroy();
		gone();
	};
	socket.on("readable", onReadable);
	socket.on("close", onGone);
	socket.on("end", onGone);
	socket.on("error", onError);
	if (socket.readableLength > 0) onReadable();
}
