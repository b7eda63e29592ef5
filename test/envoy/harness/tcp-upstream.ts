import type { Socket } from "node:net";
import { bodyText } from "./http1-message.ts";
import type { TlsSeen, UpstreamBook } from "./upstream.ts";

/** Serves one connection of an upstream that speaks plain bytes. */
export function serveTcp(socket: Socket, book: UpstreamBook, tls: TlsSeen | undefined): void {
	const answer = book.nextAnswer();
	const request = book.note(socket, { protocol: "tcp", body: "", whole: false, cut: false, tls });
	const pieces: Buffer[] = [];
	const greeting = answer.greet ?? answer.raw;
	if (greeting !== undefined) socket.write(greeting);
	if (answer.finish === "close") socket.end();
	if (answer.finish === "reset") setTimeout(() => socket.resetAndDestroy(), 10);
	socket.on("data", (bytes: Buffer) => {
		pieces.push(bytes);
		request.body = bodyText(Buffer.concat(pieces));
		if ((answer.echo ?? greeting === undefined) && socket.writable) socket.write(bytes);
	});
	socket.on("end", () => {
		request.whole = true;
		if (answer.finish !== "hang") socket.end();
	});
	socket.on("error", () => {
		request.cut = true;
	});
}
