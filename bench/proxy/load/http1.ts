// Load over HTTP/1.1 connections without pipelining. Usage: http1.ts OPTIONS (JSON of `Http1Load`); without a rate each connection sends as soon as it was answered.
// Prints {"requests", "errors", "bytes", "p50Us", "p99Us"} of what was answered after the first tenth of the time.
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Http1Load } from "../load-options.ts";

const options = JSON.parse(process.argv[2]!) as Http1Load;
const { port, connections, seconds, rate } = options;
const REQUEST = [
	"GET /productpage?u=normal HTTP/1.1",
	"Host: productpage.default.svc.cluster.local:9080",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) bench",
	"Accept: text/html,application/json",
	"Accept-Encoding: gzip, deflate",
	"Accept-Language: en-US,en;q=0.9",
	"Cookie: session=0123456789abcdef; user=jason",
	...(options.newConnections ? ["Connection: close"] : []),
	"",
	"",
].join("\r\n");
const tls: ConnectionOptions | undefined = options.tls && {
	ca: readFileSync(options.tls.ca),
	cert: readFileSync(options.tls.certificate),
	key: readFileSync(options.tls.key),
	servername: "localhost",
	ALPNProtocols: ["http/1.1"],
};

const totalMs = seconds * 1000;
const beginMs = performance.now();
const countFromMs = beginMs + totalMs / 10;
const latenciesUs: number[] = [];
let errors = 0;
let bytes = 0;
const idle: Connection[] = [];

class Connection {
	#socket!: Socket;
	#sentMs = 0;
	/** Bytes of the answer that are still to come; undefined: its head is. */
	#left: number | undefined = undefined;

	constructor() {
		this.#open(() => (rate ? idle.push(this) : this.send()));
	}

	send(sentMs = performance.now()): void {
		this.#sentMs = sentMs;
		if (options.newConnections && this.#socket.destroyed) this.#open(() => this.#write());
		else this.#write();
	}

	#write(): void {
		this.#left = undefined;
		this.#socket.write(REQUEST, "latin1");
	}

	#open(onOpen: () => void): void {
		const socket = tls ? connectTls({ ...tls, port, host: "127.0.0.1" }) : connect({ port, host: "127.0.0.1" });
		this.#socket = socket;
		socket.setNoDelay(true);
		socket.once(tls ? "secureConnect" : "connect", onOpen);
		socket.on("data", (chunk) => this.#read(chunk));
		socket.on("error", () => {
			errors++;
		});
	}

	#read(chunk: Buffer): void {
		bytes += chunk.length;
		if (this.#left === undefined) {
			const end = chunk.indexOf("\r\n\r\n");
			const head = chunk.toString("latin1", 0, end < 0 ? chunk.length : end);
			if (!head.startsWith("HTTP/1.1 200")) errors++;
			this.#left = Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0) - (chunk.length - end - 4);
		} else this.#left -= chunk.length;
		if (this.#left <= 0) this.#answered();
	}

	#answered(): void {
		const now = performance.now();
		if (now >= countFromMs) latenciesUs.push((now - this.#sentMs) * 1000);
		if (options.newConnections) this.#socket.destroy();
		if (now - beginMs >= totalMs) return;
		if (rate) idle.push(this);
		else this.send();
	}
}

for (let i = 0; i < connections; i++) new Connection();
if (rate) pace(rate);
setTimeout(report, totalMs + 200);

/** Sends on a schedule; a request that waits for a free connection counts its wait. */
function pace(perSecond: number): void {
	let sent = 0;
	const timer = setInterval(() => {
		const now = performance.now();
		const due = Math.floor(((now - beginMs) / 1000) * perSecond);
		while (sent < due && idle.length > 0) idle.shift()!.send(beginMs + (++sent / perSecond) * 1000);
		if (now - beginMs >= totalMs) clearInterval(timer);
	}, 1);
}

function report(): void {
	latenciesUs.sort((a, b) => a - b);
	const at = (share: number) => Math.round(latenciesUs[Math.floor(latenciesUs.length * share)] ?? Number.NaN);
	console.log(JSON.stringify({ requests: latenciesUs.length, errors, bytes, p50Us: at(0.5), p99Us: at(0.99) }));
	process.exit(0);
}
