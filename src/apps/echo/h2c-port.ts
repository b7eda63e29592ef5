import type { Server } from "node:net";
import { http } from "../kit/node-http.ts";
import type { Handler } from "../kit/router.ts";
import { http2RequestListener } from "../kit/serve.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n");

/** A server for HTTP/2 without TLS (prior knowledge); a request in HTTP/1 is told so with 400. */
export function h2cServer(handler: Handler): Server {
	const { createServer } = process.getBuiltinModule("node:net");
	const refusing = http.createServer((_, response) => {
		response.writeHead(400, { "content-type": "text/plain; charset=utf-8", connection: "close" });
		response.end("Expected h2c request\n");
	});
	let http2: ReturnType<typeof http2Server> | undefined;
	return createServer((socket) => {
		socket.on("error", () => socket.destroy());
		socket.once("data", (chunk: Buffer) => {
			socket.pause();
			socket.unshift(chunk);
			const isHttp2 = chunk.subarray(0, PREFACE.length).equals(PREFACE.subarray(0, chunk.length));
			if (isHttp2) http2 ??= http2Server(handler);
			(isHttp2 ? http2! : refusing).emit("connection", socket);
			process.nextTick(() => socket.resume());
		});
	});
}

/** Made by the first HTTP/2 connection: the module takes longer to load than all the rest of the start. */
function http2Server(handler: Handler) {
	return process.getBuiltinModule("node:http2").createServer(http2RequestListener(handler));
}
