import { type Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { type Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { type ApiAnswer, connectionFailed, type Transport } from "./transport.ts";

/** HTTP/1.1 over a keep-alive agent: for servers without HTTP/2; each watch holds a connection of its own. */
export function h1Transport(url: URL, agent: HttpAgent | HttpsAgent): Transport {
	const send = url.protocol === "http:" ? httpRequest : httpsRequest;
	const prefix = url.pathname.replace(/\/$/, "");
	return {
		request: ({ method, path, headers, body, signal }) =>
			new Promise<ApiAnswer>((resolve, reject) => {
				const request = send(new URL(prefix + path, url), {
					method,
					agent,
					headers: body === undefined ? headers : { ...headers, "content-length": String(Buffer.byteLength(body)) },
					...(signal === undefined ? {} : { signal }),
				});
				request.once("error", (cause) => reject(connectionFailed(url.origin, cause)));
				request.once("response", (message) => resolve(answer(message)));
				request.end(body);
			}),
		close: () => agent.destroy(),
	};
}

function answer(message: IncomingMessage): ApiAnswer {
	const headers = Object.entries(message.headers).map(([name, value]) => [name, String(value)] as const);
	return { status: message.statusCode ?? 0, headers: Object.fromEntries(headers), body: message };
}
