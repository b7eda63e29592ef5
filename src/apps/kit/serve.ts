import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { Duplex } from "node:stream";
import { type Answer, text } from "./answer.ts";
import { onStop } from "./lifecycle.ts";
import { http } from "./node-http.ts";
import { appRequest } from "./request.ts";
import type { Handler } from "./router.ts";
import { complain, say } from "./say.ts";

/** The environment of the container. */
export type Env = Readonly<Record<string, string | undefined>>;

export interface ServeOptions {
	readonly port: number;
	/** The container's environment: `HOST` is the address to listen on, all of them when unset. */
	readonly env: Env;
	/** Takes over connections that ask for an upgrade; without it such a request is answered as an ordinary one. */
	readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** Listens and answers until the container is told to stop; resolves once listening. */
export async function serve(name: string, handler: Handler, options: ServeOptions): Promise<Server> {
	const server = http.createServer(requestListener(handler));
	if (options.upgrade) server.on("upgrade", options.upgrade);
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(options.port, options.env.HOST, resolve);
	});
	onStop(() => drain(server));
	say(`${name} listens on port ${options.port}`);
	return server;
}

/** A Node request listener around a handler; a handler that throws is logged and answered with 500. */
export function requestListener(handler: Handler): RequestListener {
	return (message, response) => {
		answer(handler, message, response).catch((error: unknown) => {
			complain(`${message.method} ${message.url}: ${error instanceof Error ? error.stack : String(error)}`);
			if (response.headersSent) response.destroy();
			else void write(response, text("Internal Server Error\n", 500));
		});
	};
}

/** The same for Node's HTTP/2 server, whose compatibility objects have all the members that are used here. */
export function http2RequestListener(
	handler: Handler,
): (request: Http2ServerRequest, response: Http2ServerResponse) => void {
	return requestListener(handler) as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void;
}

async function answer(handler: Handler, message: IncomingMessage, response: ServerResponse): Promise<void> {
	const result = await handler(appRequest(message));
	await write(response, result);
}

async function write(response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
	for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
	response.statusCode = status;
	if (typeof body === "string" || body instanceof Uint8Array) {
		response.end(body);
		return;
	}
	response.flushHeaders();
	for await (const chunk of body) {
		if (response.destroyed) return;
		if (!response.write(chunk)) await drained(response);
	}
	response.end();
}

function drained(response: ServerResponse): Promise<void> {
	return new Promise((resolve) => {
		const done = () => {
			response.off("drain", done);
			response.off("close", done);
			resolve();
		};
		response.on("drain", done);
		response.on("close", done);
	});
}

/** Stops accepting, lets requests in flight end, closes each connection as it falls idle. */
function drain(server: Server): Promise<void> {
	return new Promise((resolve) => {
		const sweep = setInterval(() => server.closeIdleConnections(), 50);
		server.close(() => {
			clearInterval(sweep);
			resolve();
		});
		server.closeIdleConnections();
	});
}
