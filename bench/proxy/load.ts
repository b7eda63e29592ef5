// Load generator of the benchmark: keep-alive connections without pipelining.
// Usage: load.ts PORT CONNECTIONS SECONDS [REQUESTS_PER_SECOND]; without a rate each connection sends as soon as it was answered.
// Prints {"requests", "errors", "p50Us", "p99Us"} of what was answered after the first tenth of the time.
import { connect, type Socket } from "node:net";

const [port, connections, seconds, rate] = process.argv.slice(2).map(Number) as [number, number, number, number?];
const REQUEST = [
	"GET /productpage?u=normal HTTP/1.1",
	"Host: productpage.default.svc.cluster.local:9080",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) bench",
	"Accept: text/html,application/json",
	"Accept-Encoding: gzip, deflate",
	"Accept-Language: en-US,en;q=0.9",
	"Cookie: session=0123456789abcdef; user=jason",
	"",
	"",
].join("\r\n");

const totalMs = seconds * 1000;
const beginMs = performance.now();
const countFromMs = beginMs + totalMs / 10;
const latenciesUs: number[] = [];
let errors = 0;
const idle: Connection[] = [];

class Connection {
	readonly #socket: Socket;
	#sentMs = 0;

	constructor() {
		this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
		this.#socket.on("connect", () => (rate ? idle.push(this) : this.send()));
		this.#socket.on("data", (chunk) => this.#answered(chunk));
		this.#socket.on("error", () => {
			errors++;
		});
	}

	send(sentMs = performance.now()): void {
		this.#sentMs = sentMs;
		this.#socket.write(REQUEST, "latin1");
	}

	#answered(chunk: Buffer): void {
		// "HTTP/1.1 200": the answers of this benchmark come in one piece.
		if (chunk[9] !== 0x32) errors++;
		const now = performance.now();
		if (now >= countFromMs) latenciesUs.push((now - this.#sentMs) * 1000);
		if (now - beginMs >= totalMs) return;
		if (rate) idle.push(this);
		else this.send();
	}
}

for (let i = 0; i < connections; i++) new Connection();
if (rate) pace(rate);
setTimeout(report, totalMs + 100);

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
	console.log(JSON.stringify({ requests: latenciesUs.length, errors, p50Us: at(0.5), p99Us: at(0.99) }));
	process.exit(0);
}
