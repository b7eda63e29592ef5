import {
	type ClientRequest,
	createServer,
	request as httpRequest,
	type IncomingMessage,
	type ServerResponse,
} from "node:http";
import { type AddressInfo, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { AddressPlan } from "../../lib/address-plan.ts";
import type { Log } from "../client/log.ts";
import { findService, type ServiceTable, type Target } from "./service-table.ts";
import { connectFirst, createRoundRobin, join, type RoundRobin } from "./tcp-relay.ts";

export interface ForwardProxyOptions {
	readonly address: string;
	readonly port: number;
	readonly addressPlan: AddressPlan;
	readonly log: Log;
	table(): ServiceTable;
}

export interface ForwardProxy {
	/** The one that was chosen for port 0. */
	readonly port: number;
	close(): Promise<void>;
}

/** Of the hop between client and proxy, not of the request (RFC 9110 7.6.1). */
const HOP_HEADERS = ["connection", "proxy-connection", "keep-alive", "proxy-authorization", "te", "upgrade"];
const DEFAULT_NAMESPACE = "default";

/** A host and port that cannot be reached, with the sentence for the caller. */
class Unreachable extends Error {
	readonly status: number;
	constructor(status: number, message: string) {
		super(message);
		this.status = status;
	}
}

/** The HTTP proxy of pods without a sidecar: absolute-form requests and CONNECT to Services, pods and nothing else. */
export async function startForwardProxy(options: ForwardProxyOptions): Promise<ForwardProxy> {
	const turns = new Map<string, RoundRobin>();
	const targetsOf: TargetsOf = (host, port, request) => {
		const namespace = namespaceOf(request);
		const targets = resolve(options, host, port, namespace);
		const key = `${namespace}/${host}:${port}`;
		const turn = turns.get(key) ?? createRoundRobin();
		if (turns.size > 10_000) turns.clear(); // names are the clients' words: bounded
		turns.set(key, turn);
		return turn.order(targets);
	};
	const sockets = new Set<Duplex>();
	const server = createServer((request, answer) => {
		forward(request, targetsOf).then(
			(upstream) => relay(request, answer, upstream),
			(error: unknown) => refuse(answer, error),
		);
	});
	server.on("connection", (socket) => {
		sockets.add(socket);
		socket.once("close", () => sockets.delete(socket));
	});
	server.on("connect", (request, socket, head) => {
		const [host = "", port = ""] = splitAuthority(request.url ?? "");
		tunnel(
			() => connectFirst(targetsOf(host, Number(port), request)),
			socket as Socket,
			(upstream) => {
				socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
				if (head.length > 0) upstream.write(head);
			},
		);
	});
	server.on("upgrade", (request, socket, head) => {
		const dial = () => {
			const url = absoluteUrl(request);
			return connectFirst(targetsOf(url.hostname, Number(url.port || 80), request));
		};
		tunnel(dial, socket as Socket, (upstream) => {
			upstream.write(requestHead(request));
			if (head.length > 0) upstream.write(head);
		});
	});
	server.on("clientError", (_, socket) => socket.destroy());
	await new Promise<void>((ready, reject) => {
		server.once("error", reject);
		server.listen(options.port, options.address, ready);
	});
	server.on("error", (error) => options.log.warn({ err: error }, "the forward proxy failed"));
	return {
		port: (server.address() as AddressInfo).port,
		close: () =>
			new Promise((done) => {
				server.close(() => done());
				for (const socket of sockets) socket.destroy();
			}),
	};
}

/** Where a host and port lead. Names as DNS answers them; addresses only inside this machine's mesh. */
function resolve(options: ForwardProxyOptions, host: string, port: number, namespace: string): readonly Target[] {
	if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Unreachable(400, `"${port}" is no port`);
	if (isIP(host) !== 0) {
		if (!options.addressPlan.contains(host))
			throw new Unreachable(403, `${host} is outside this mesh, and nothing is sent beyond it`);
		return [{ address: host, port }];
	}
	const table = options.table();
	const service = findService(table, host, namespace)?.service;
	if (service?.externalName !== undefined) return resolve(options, service.externalName, port, namespace);
	if (!service) throw new Unreachable(502, `no such host: ${host}`);
	const found = service.ports.find((each) => each.port === port);
	if (found) {
		if (found.targets.length === 0)
			throw new Unreachable(503, `Service ${service.namespace}/${service.name} has no ready endpoint`);
		return found.targets;
	}
	// A headless name stands for its pods, whatever the port.
	if (service.clusterIp === undefined) return service.hosts.map(({ address }) => ({ address, port }));
	throw new Unreachable(503, `Service ${service.namespace}/${service.name} has no port ${port}`);
}

type TargetsOf = (host: string, port: number, request: IncomingMessage) => readonly Target[];

/** The user name of the proxy's URL is the pod's namespace (docs/contracts.md). */
function namespaceOf(request: IncomingMessage): string {
	const [, encoded = ""] = /^Basic (.+)$/i.exec(request.headers["proxy-authorization"] ?? "") ?? [];
	return Buffer.from(encoded, "base64").toString("utf8").split(":")[0] || DEFAULT_NAMESPACE;
}

async function forward(request: IncomingMessage, targetsOf: TargetsOf): Promise<ClientRequest> {
	const url = absoluteUrl(request);
	if (url.protocol !== "http:") throw new Unreachable(400, `${url.protocol} cannot be forwarded; use CONNECT`);
	const upstream = await connectFirst(targetsOf(url.hostname, Number(url.port || 80), request));
	const sent = httpRequest({
		method: request.method,
		path: `${url.pathname}${url.search}`,
		headers: forwardedHeaders(request),
		createConnection: () => upstream,
	});
	return sent;
}

function relay(request: IncomingMessage, answer: ServerResponse, upstream: ClientRequest): void {
	upstream.once("response", (response) => {
		const headers = response.rawHeaders.filter((_, i) => !isHopHeader(response.rawHeaders[i - (i % 2)] ?? ""));
		answer.writeHead(response.statusCode ?? 502, response.statusMessage, headers);
		response.pipe(answer);
		response.once("error", () => answer.destroy());
	});
	upstream.once("error", (error) => refuse(answer, error));
	answer.once("close", () => upstream.destroy());
	request.once("error", () => upstream.destroy());
	request.pipe(upstream);
}

function absoluteUrl(request: IncomingMessage): URL {
	const url = request.url ?? "";
	if (!/^http:\/\//i.test(url) || !URL.canParse(url))
		throw new Unreachable(
			400,
			"this is a forward proxy: the request line must name a whole http:// URL, or use CONNECT",
		);
	return new URL(url);
}

function isHopHeader(name: string): boolean {
	return HOP_HEADERS.includes(name.toLowerCase());
}

function forwardedHeaders(request: IncomingMessage): string[] {
	return request.rawHeaders.filter((_, i) => !isHopHeader(request.rawHeaders[i - (i % 2)] ?? ""));
}

/** The head of an upgrade request as the origin wants it: origin-form, Connection and Upgrade kept. */
function requestHead(request: IncomingMessage): string {
	const url = absoluteUrl(request);
	const lines = [`${request.method} ${url.pathname}${url.search} HTTP/1.1`];
	for (let i = 0; i < request.rawHeaders.length; i += 2) {
		const name = request.rawHeaders[i] ?? "";
		if (!/^proxy-/i.test(name)) lines.push(`${name}: ${request.rawHeaders[i + 1]}`);
	}
	return `${lines.join("\r\n")}\r\n\r\n`;
}

function splitAuthority(authority: string): [string | undefined, string | undefined] {
	const match = /^\[?([^\]]*?)\]?:(\d+)$/.exec(authority);
	return [match?.[1], match?.[2]];
}

function tunnel(dial: () => Promise<Socket>, client: Socket, begin: (upstream: Socket) => void): void {
	client.on("error", () => client.destroy()); // it left before it was joined
	const run = async () => {
		const upstream = await dial();
		begin(upstream);
		join(client, upstream);
	};
	run().catch((error: unknown) => {
		const { status, text } = explain(error);
		client.end(
			`HTTP/1.1 ${status} Unreachable\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
		);
	});
}

function explain(error: unknown): { status: number; text: string } {
	const status = error instanceof Unreachable ? error.status : 503;
	return { status, text: `${error instanceof Error ? error.message : String(error)}\n` };
}

function refuse(answer: ServerResponse, error: unknown): void {
	if (answer.headersSent) return void answer.destroy();
	const { status, text } = explain(error);
	answer.writeHead(status, { "content-type": "text/plain" });
	answer.end(text);
}
