import type { IncomingMessage } from "node:http";
import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { ProblemError, problem } from "../../../lib/problem.ts";
import type { KeyPair } from "../auth/certificates.ts";
import type { RawRequest, RawResponse } from "./exchange.ts";

/** What the listener is made of. */
export interface ListenerOptions {
	readonly bind: string;
	/** 0: any free port. */
	readonly port: number;
	readonly caPem: string;
	readonly certificate: KeyPair;
	onRequest(request: RawRequest, response: RawResponse): void;
	/** An HTTP/1.1 upgrade (exec, attach); the handler owns the socket from then on. */
	onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** A listening HTTPS server, HTTP/2 and HTTP/1.1 on one port. */
export interface Listener {
	readonly port: number;
	/** Stops listening and closes every connection. */
	close(): Promise<void>;
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** Opens the port. Throws ProblemError LTN2003 for an address beyond loopback and LTN2004 when the port cannot be had. */
export async function listen(options: ListenerOptions): Promise<Listener> {
	if (!LOOPBACK.test(options.bind)) {
		const text = `the Kubernetes API would listen on ${options.bind}, which others can reach`;
		throw new ProblemError([problem("LTN2003", "bind", text, "use a loopback address such as 127.0.0.1")]);
	}
	const server = createSecureServer({
		allowHTTP1: true,
		cert: options.certificate.certificatePem,
		key: options.certificate.keyPem,
		ca: options.caPem,
		requestCert: true,
		rejectUnauthorized: false, // a client without a certificate may still have a token
		minVersion: "TLSv1.2",
		// One connection of a busy client carries all its watches and lists.
		maxSessionMemory: 256,
		settings: { maxConcurrentStreams: 1000, initialWindowSize: 1024 * 1024 },
	});
	const connections = trackConnections(server);
	server.on("request", options.onRequest);
	server.on("upgrade", options.onUpgrade);
	server.on("sessionError", () => {}); // the session is closed by Node; its requests end with it
	server.on("tlsClientError", () => {}); // a scanner or a client that does not trust us
	server.setTimeout(0); // watches are silent for long
	await open(server, options);
	return {
		port: (server.address() as AddressInfo).port,
		async close() {
			const closed = new Promise<void>((resolve) => server.close(() => resolve()));
			for (const connection of connections) connection.destroy();
			await closed;
		},
	};
}

function trackConnections(server: Http2SecureServer): Set<Duplex> {
	const connections = new Set<Duplex>();
	const track = (socket: Duplex) => {
		connections.add(socket);
		socket.on("close", () => connections.delete(socket));
	};
	server.on("connection", (socket) => {
		socket.setNoDelay(true);
		track(socket);
	});
	server.on("secureConnection", track);
	return connections;
}

async function open(server: Http2SecureServer, { bind, port }: ListenerOptions): Promise<void> {
	try {
		await new Promise<void>((resolve, reject) => {
			server.once("error", reject);
			server.listen(port, bind, () => {
				server.off("error", reject);
				resolve();
			});
		});
	} catch (cause) {
		const { code, message } = cause as NodeJS.ErrnoException;
		const why = code === "EADDRINUSE" ? "another process listens there" : message;
		const text = `the Kubernetes API cannot listen on ${bind}:${port}: ${why}`;
		throw new ProblemError([problem("LTN2004", "port", text, "stop that process or choose another port")], { cause });
	}
}
