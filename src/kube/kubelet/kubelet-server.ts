import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../client/log.ts";
import { serveAttach } from "./attach-session.ts";
import { parseExecQuery, serveExec } from "./exec-session.ts";
import { isAuthorized } from "./kubelet-token.ts";
import { serveLogs } from "./log-endpoint.ts";
import type { PodWorker } from "./pod-worker.ts";
import { Refusal } from "./refusal.ts";
import { parseStreams, STREAM_PROTOCOLS } from "./stream-channels.ts";

export interface KubeletServerOptions {
	readonly host: string;
	readonly port: number;
	readonly token: string;
	findPod(namespace: string, name: string): PodWorker | undefined;
	readonly log: Log;
	readonly clock: Clock;
}

export interface KubeletServer {
	readonly port: number;
	close(): Promise<void>;
}

const MAX_MESSAGE_BYTES = 1 << 20;

/** The kubelet's HTTP API as far as the API server uses it: `/healthz`, `/containerLogs/...`, `/exec/...`, `/attach/...`. */
export async function startKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
	const server = createServer((request, answer) => {
		respond(options, request, answer).catch((error: unknown) => refuse(answer, error, options.log));
	});
	const sockets = new WebSocketServer({
		noServer: true,
		maxPayload: MAX_MESSAGE_BYTES,
		handleProtocols: (offered) => STREAM_PROTOCOLS.find((protocol) => offered.has(protocol)) ?? false,
	});
	server.on("upgrade", (request, socket, head) => {
		try {
			const serve = sessionOf(options, request);
			sockets.handleUpgrade(request, socket, head, (webSocket) => {
				serve(webSocket).catch((error: unknown) => {
					options.log.error({ err: error }, "an exec or attach session failed");
					webSocket.terminate();
				});
			});
		} catch (error) {
			refuseUpgrade(socket, error, options.log);
		}
	});
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(options.port, options.host, resolve);
	});
	return {
		port: (server.address() as AddressInfo).port,
		close: () =>
			new Promise((resolve) => {
				for (const socket of sockets.clients) socket.terminate();
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
}

/** What an upgrade asks for; throws a Refusal. */
function sessionOf(options: KubeletServerOptions, request: IncomingMessage): (socket: WebSocket) => Promise<void> {
	const { worker, runner, url } = find(options, request);
	const page = url.pathname.split("/")[1];
	if (page !== "exec" && page !== "attach") throw new Refusal(404, `/${page} takes no upgrade`);
	const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
	if (!STREAM_PROTOCOLS.some((protocol) => offered.includes(protocol)))
		throw new Refusal(400, `none of the protocols ${offered.join(", ")} is supported; use ${STREAM_PROTOCOLS[0]}`);
	if (page === "exec") {
		const query = parseExecQuery(url.searchParams);
		return (socket) => serveExec(socket, runner, query);
	}
	const logPath = worker.logPath(runner.container.name, runner.record.runs - 1);
	return (socket) => serveAttach(socket, { runner, logPath, clock: options.clock }, parseStreams(url.searchParams));
}

async function respond(options: KubeletServerOptions, request: IncomingMessage, answer: ServerResponse): Promise<void> {
	if (request.url === "/healthz") {
		answer.end("ok");
		return;
	}
	const { worker, runner, url } = find(options, request);
	if (url.pathname.startsWith("/containerLogs/"))
		return serveLogs({ worker, runner, query: url.searchParams, clock: options.clock }, answer);
	if (/^\/(exec|attach)\//.test(url.pathname)) throw new Refusal(400, "exec and attach need an upgrade to WebSocket");
	throw new Refusal(404, "no such page; there are /healthz, /containerLogs, /exec and /attach");
}

/** The container that `/<what>/{namespace}/{pod}/{container}` names. */
function find(options: KubeletServerOptions, request: IncomingMessage) {
	if (!isAuthorized(request.headers.authorization, options.token)) throw new Refusal(401, "Unauthorized");
	const url = new URL(request.url ?? "", "http://kubelet");
	const [, , namespace = "", pod = "", container = ""] = url.pathname.split("/").map(decodeURIComponent);
	const worker = options.findPod(namespace, pod);
	if (!worker) throw new Refusal(404, `pod "${pod}" is not on this node`);
	const runner = worker.runner(container);
	if (!runner) throw new Refusal(404, `container ${container} is not valid for pod ${pod}`);
	return { worker, runner, url };
}

function refuse(answer: ServerResponse, error: unknown, log: Log): void {
	const status = error instanceof Refusal ? error.status : 500;
	if (status === 500) log.error({ err: error }, "a request to the kubelet failed");
	if (answer.headersSent) return void answer.destroy();
	answer.writeHead(status, { "content-type": "text/plain" });
	answer.end(error instanceof Error ? error.message : String(error));
}

function refuseUpgrade(socket: Duplex, error: unknown, log: Log): void {
	const status = error instanceof Refusal ? error.status : 500;
	if (status === 500) log.error({ err: error }, "an upgrade of the kubelet failed");
	const text = error instanceof Error ? error.message : String(error);
	socket.on("error", () => socket.destroy()); // the peer left without waiting for the answer
	const head = `HTTP/1.1 ${status} Refused\r\nContent-Type: text/plain\r\nConnection: close\r\n`;
	socket.end(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}
