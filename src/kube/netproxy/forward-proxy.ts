import {
	createServer,
	request as httpRequest,
	type IncomingMessage,
	type Server,
	type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import type { Random } from "../../lib/random.ts";
import { tunnel } from "./port-forwarders.ts";
import type { ServiceTable } from "./service-table.ts";

const UPSTREAM_TIMEOUT_MS = 300_000;
/** RFC 9110 section 7.6.1: these end at this hop. */
const HOP_BY_HOP = new Set([
	"connection",
	"proxy-connection",
	"keep-alive",
	"proxy-authorization",
	"te",
	"upgrade",
	"transfer-encoding",
]);

interface Target {
	readonly host: string;
	readonly port: number;
	readonly path: string;
	readonly namespace: string;
}

/**
 * The HTTP proxy of pods without a sidecar: names as DNS answers them, then a ready endpoint, no rules. The user name of the proxy
 * URL is the pod's namespace, which completes short names.
 */
export function createForwardProxy(table: () => ServiceTable, random: Random): Server {
	const server = createServer((request, response) => forward(request, response, { table: table(), random }));
	server.on("connect", (request: IncomingMessage, socket: Socket, head: Buffer) =>
		connectTunnel(request, socket, { table: table(), random, head }),
	);
	return server;
}

interface On {
	readonly table: ServiceTable;
	readonly random: Random;
}

function forward(request: IncomingMessage, response: ServerResponse, on: On): void {
	const target = targetOf(request);
	if (!target) {
		refuse(response, 400, "This is a proxy: it takes requests with an absolute URL (http://name:port/path).");
		return;
	}
	const endpoint = pick(target, on);
	if (typeof endpoint === "string") {
		refuse(response, endpoint.startsWith("no ready") ? 503 : 502, `lateen: ${endpoint}`);
		return;
	}
	relay(request, response, target, endpoint);
}

function relay(
	request: IncomingMessage,
	response: ServerResponse,
	target: Target,
	endpoint: { ip: string; port: number },
): void {
	const headers = request.rawHeaders.flatMap((value, i, all) =>
		i % 2 === 0 && !HOP_BY_HOP.has(value.toLowerCase()) ? [value, all[i + 1]!] : [],
	);
	const upstream = httpRequest({
		host: endpoint.ip,
		port: endpoint.port,
		path: target.path,
		method: request.method,
		headers,
		setHost: false,
		timeout: UPSTREAM_TIMEOUT_MS,
	});
	upstream.once("response", (answer) => {
		const raw = answer.rawHeaders.flatMap((v, i, all) =>
			i % 2 === 0 && !HOP_BY_HOP.has(v.toLowerCase()) ? [v, all[i + 1]!] : [],
		);
		response.writeHead(answer.statusCode ?? 502, answer.statusMessage, raw);
		answer.pipe(response);
	});
	upstream.once("timeout", () => upstream.destroy(new Error("timeout")));
	upstream.once("error", (error) => {
		if (response.headersSent) response.destroy();
		else
			refuse(
				response,
				503,
				`lateen: ${target.host}:${target.port} (${endpoint.ip}:${endpoint.port}): ${error.message}`,
			);
	});
	response.once("close", () => upstream.destroy());
	request.pipe(upstream);
}

function connectTunnel(request: IncomingMessage, socket: Socket, on: On & { readonly head: Buffer }): void {
	socket.on("error", () => socket.destroy());
	const [, host, port] = /^(.+):(\d+)$/.exec(request.url ?? "") ?? [];
	const endpoint = host
		? pick({ host, port: Number(port), path: "", namespace: namespaceOf(request) }, on)
		: "CONNECT needs host:port";
	if (typeof endpoint === "string") {
		socket.end(
			`HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nlateen: ${endpoint}\n`,
		);
		return;
	}
	if (on.head.length > 0) socket.unshift(on.head);
	tunnel(socket, endpoint.ip, endpoint.port, () => socket.write("HTTP/1.1 200 Connection Established\r\n\r\n"));
}

/** A ready endpoint, or why there is none. */
function pick({ host, port, namespace }: Target, { table, random }: On): { ip: string; port: number } | string {
	if (/^127(\.\d+){3}$/.test(host)) return { ip: host, port };
	const found = table.find(host, port, namespace);
	if (found && found.endpoints.length > 0) return found.endpoints[random.below(found.endpoints.length)]!;
	if (found) return `no ready endpoint of Service ${found.service}.${found.namespace} on port ${port}`;
	if (table.knows(host, namespace)) return `Service ${host} has no port ${port}`;
	return `no Service is named ${host} (asked from namespace ${namespace}); names outside the mesh are not reached through this proxy`;
}

function targetOf(request: IncomingMessage): Target | undefined {
	if (!URL.canParse(request.url ?? "")) return undefined;
	const url = new URL(request.url!);
	if (url.protocol !== "http:") return undefined;
	return {
		host: url.hostname,
		port: Number(url.port || 80),
		path: url.pathname + url.search,
		namespace: namespaceOf(request),
	};
}

function namespaceOf(request: IncomingMessage): string {
	const [, encoded] = /^Basic (.+)$/i.exec(request.headers["proxy-authorization"] ?? "") ?? [];
	const user = encoded ? Buffer.from(encoded, "base64").toString("utf8").split(":")[0] : "";
	return user || "default";
}

function refuse(response: ServerResponse, status: number, text: string): void {
	response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`);
}
