import {
	createServer,
	request as httpRequest,
	type IncomingHttpHeaders,
	type OutgoingHttpHeaders,
	type Server,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Handler } from "../../src/apps/kit/router.ts";
import { requestListener } from "../../src/apps/kit/serve.ts";

export interface TestAnswer {
	readonly status: number;
	readonly headers: IncomingHttpHeaders;
	readonly body: string;
}

export interface TestServer extends AsyncDisposable {
	readonly port: number;
	readonly url: string;
	get(path: string, headers?: OutgoingHttpHeaders): Promise<TestAnswer>;
	send(method: string, path: string, body?: string, headers?: OutgoingHttpHeaders): Promise<TestAnswer>;
}

/** A sample app's handler behind a real socket on 127.0.0.1. */
export async function serveHandler(handler: Handler): Promise<TestServer> {
	const server = createServer(requestListener(handler));
	await new Promise<void>((resolve) => {
		server.listen(0, "127.0.0.1", resolve);
	});
	const { port } = server.address() as AddressInfo;
	const url = `http://127.0.0.1:${port}`;
	const send: TestServer["send"] = (method, path, body, headers) =>
		exchange(`${url}${path}`, { method, headers }, body);
	return {
		port,
		url,
		get: (path, headers) => send("GET", path, undefined, headers),
		send,
		[Symbol.asyncDispose]: () => stopServer(server),
	};
}

/** One HTTP exchange on a connection of its own. */
export function exchange(
	url: string,
	options: { method?: string; headers?: OutgoingHttpHeaders | undefined },
	body?: string,
): Promise<TestAnswer> {
	return new Promise((resolve, reject) => {
		const request = httpRequest(url, { ...options, headers: options.headers ?? {}, agent: false }, (response) => {
			response.setEncoding("utf8");
			let text = "";
			response.on("data", (chunk: string) => {
				text += chunk;
			});
			response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
			response.on("error", reject);
		});
		request.on("error", reject);
		request.end(body);
	});
}

/** Closes a server and every connection to it. */
export function stopServer(server: Server): Promise<void> {
	return new Promise((resolve) => {
		server.close(() => resolve());
		server.closeAllConnections();
	});
}
