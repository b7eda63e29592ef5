// Upstream of the benchmark. Usage: upstream.ts KIND [TLS files as JSON]; prints its port. Kinds: http1 (body of BODY_BYTES), http2 (1 kB), grpc (unary), stream (bytes without end).
import { readFileSync } from "node:fs";
import { createServer as createHttp2Server, createSecureServer, type Http2Server } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Certificates } from "./certificates.ts";

const [kind, tlsText] = process.argv.slice(2) as [string, string | undefined];
const BODY = Buffer.alloc(Number(process.env.BODY_BYTES ?? 1024), "x");
const HEAD_END = Buffer.from("\r\n\r\n");
const HEAD = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY.length}\r\nx-powered-by: bench\r\n\r\n`;
const ANSWER = Buffer.concat([Buffer.from(HEAD), BODY]);
const GRPC_MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(100, "x")]);

const SERVERS: Readonly<Record<string, () => Server | Http2Server>> = {
	http1: () =>
		tlsText
			? createTlsServer({ ...tls(), ALPNProtocols: ["http/1.1"] }, http1)
			: createServer({ noDelay: true }, http1),
	http2: () => http2Server(false),
	grpc: () => http2Server(true),
	stream: () => createServer(stream),
};

const server = SERVERS[kind]!();
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));

function http1(socket: Socket): void {
	socket.on("data", (chunk) => {
		// One request per read: clients here do not pipeline and their heads are small.
		if (chunk.subarray(-4).equals(HEAD_END)) socket.write(ANSWER);
	});
	socket.on("error", () => socket.destroy());
}

function stream(socket: Socket): void {
	const piece = Buffer.alloc(256 * 1024, "x");
	const fill = () => {
		while (socket.write(piece));
	};
	socket.on("drain", fill);
	socket.on("error", () => socket.destroy());
	fill();
}

function http2Server(grpc: boolean): Http2Server {
	const created = tlsText ? createSecureServer(tls()) : createHttp2Server();
	created.on("stream", (stream) => {
		stream.on("error", () => {});
		stream.resume();
		if (!grpc) {
			stream.respond({ ":status": 200, "content-type": "text/plain", "content-length": BODY.length });
			stream.end(BODY);
			return;
		}
		stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
		stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
		stream.end(GRPC_MESSAGE);
	});
	return created;
}

function tls() {
	const { ca, certificate, key } = JSON.parse(tlsText!) as Certificates;
	const options = { ca: readFileSync(ca), cert: readFileSync(certificate), key: readFileSync(key) };
	return { ...options, requestCert: true, rejectUnauthorized: true };
}
