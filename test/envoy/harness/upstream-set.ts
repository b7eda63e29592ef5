import { once } from "node:events";
import { createServer as createHttp2, createSecureServer } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTls, type TLSSocket } from "node:tls";
import { serveHttp1 } from "./http1-upstream.ts";
import { serveHttp2 } from "./http2-upstream.ts";
import { serveTcp } from "./tcp-upstream.ts";
import {
	type Answer,
	type TlsSeen,
	UpstreamBook,
	type UpstreamRequest,
	type UpstreamSpec,
	type UpstreamTls,
} from "./upstream.ts";

interface RunningUpstream {
	readonly book: UpstreamBook;
	readonly address: string;
	readonly port: number;
	close(): void;
}

/** All upstreams of a scene, for one proxy (or for both, one after the other). */
export class UpstreamSet {
	readonly #running = new Map<string, RunningUpstream>();

	async start(specs: Readonly<Record<string, UpstreamSpec>>): Promise<void> {
		let dead = 0;
		for (const [name, spec] of Object.entries(specs)) {
			const upstream = spec.protocol === "dead" ? deadUpstream(name, spec, dead++) : await startUpstream(name, spec);
			this.#running.set(name, upstream);
		}
	}

	port(name: string): number {
		const upstream = this.#running.get(name);
		if (!upstream) throw new Error(`the scene has no upstream "${name}"`);
		return upstream.port;
	}

	/** Address and port → name, for what is compared. */
	names(): ReadonlyMap<string, string> {
		return new Map([...this.#running].map(([name, { address, port }]) => [`${address}:${port}`, name]));
	}

	/** A new case begins: empty books, and these answers in order of the requests. */
	begin(answers: Readonly<Record<string, readonly Answer[]>>): void {
		for (const name of Object.keys(answers)) this.port(name);
		for (const [name, { book }] of this.#running) book.begin(answers[name] ?? []);
	}

	received(): Readonly<Record<string, readonly UpstreamRequest[]>> {
		const some = [...this.#running].filter(([, { book }]) => book.requests.length > 0);
		return Object.fromEntries(some.map(([name, { book }]) => [name, book.requests.map((request) => ({ ...request }))]));
	}

	close(): void {
		for (const upstream of this.#running.values()) upstream.close();
	}
}

/** Ports that belong to nobody (a free one of the system's choice may be taken by a neighbour in the next moment). */
const UNUSED_PORTS = [2, 3, 4, 5, 6, 8, 10, 12, 14, 16];

function deadUpstream(name: string, spec: UpstreamSpec, index: number): RunningUpstream {
	const port = UNUSED_PORTS[index];
	if (port === undefined) throw new Error("no scene has so many dead upstreams");
	return { book: new UpstreamBook(name, spec), address: spec.address ?? "127.0.0.1", port, close: () => {} };
}

async function startUpstream(name: string, spec: UpstreamSpec): Promise<RunningUpstream> {
	const book = new UpstreamBook(name, spec);
	const sockets = new Set<Socket>();
	const server = serverOf(spec, book);
	server.on("connection", (socket: Socket) => {
		socket.setNoDelay(true);
		sockets.add(socket);
		socket.once("close", () => sockets.delete(socket));
	});
	const address = spec.address ?? "127.0.0.1";
	server.listen(0, address);
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	const close = () => {
		server.close();
		for (const socket of sockets) socket.destroy();
	};
	return { book, address, port, close };
}

function serverOf({ protocol, tls }: UpstreamSpec, book: UpstreamBook): Server {
	const alpn = tls?.alpn ?? (protocol === "http2" ? ["h2"] : ["http/1.1"]);
	if (protocol === "http2") {
		const server = tls ? createSecureServer({ ...secure(tls), ALPNProtocols: [...alpn] }) : createHttp2();
		serveHttp2(server as ReturnType<typeof createHttp2>, book, tlsSeen);
		return server as unknown as Server;
	}
	const serve = (socket: Socket, seen: TlsSeen | undefined) => {
		if (protocol === "http1") void serveHttp1(socket, book, seen);
		else serveTcp(socket, book, seen);
	};
	if (!tls) return createServer({ allowHalfOpen: true }, (socket) => serve(socket, undefined));
	const options = { ...secure(tls), ALPNProtocols: [...alpn], allowHalfOpen: true };
	const server = createTls(options, (socket) => serve(socket, tlsSeen(socket)));
	server.on("tlsClientError", () => {
		// The proxy under test says what went wrong.
	});
	return server;
}

function secure({ cert, key, clientCa, minVersion, maxVersion }: UpstreamTls) {
	const asked = clientCa ? { ca: clientCa, requestCert: true, rejectUnauthorized: true } : {};
	return { cert, key, minVersion, maxVersion, ...asked };
}

function tlsSeen(socket: TLSSocket): TlsSeen {
	const { servername } = socket as TLSSocket & { servername?: string | false };
	return {
		servername: servername ?? false,
		alpn: socket.alpnProtocol,
		version: socket.getProtocol(),
		client: socket.getPeerCertificate()?.subject?.CN?.toString(),
	};
}
