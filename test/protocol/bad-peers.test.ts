import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectHttp2, constants } from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import type { RunningEnvoy } from "../support/envoy.ts";
import { eventually } from "../support/eventually.ts";
import { startLateenProxy } from "../support/lateen-proxy.ts";
import { badPeersBootstrap } from "./bad-peers-bootstrap.ts";

/** What the process may hold more after all of this than before; one unbounded buffer of the tests below would be far more. */
const GROWTH_MB = 150;

const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;

describe("Bad peers of a running proxy", () => {
	let upstream: Server;
	let proxy: RunningEnvoy;
	let port = 0;
	let rssBefore = 0;

	before(async () => {
		upstream = createServer({ allowHalfOpen: true }, misbehave).listen(0, "127.0.0.1");
		await once(upstream, "listening");
		proxy = await startLateenProxy(badPeersBootstrap((upstream.address() as AddressInfo).port));
		port = await eventually("the listener", async () => {
			const text = await (await fetch(`${proxy.adminUrl}/listeners`)).text();
			return Number(/^bad-peers::.*:(\d+)$/m.exec(text)?.[1]) || undefined;
		});
		await stillServes();
		rssBefore = rssMb(proxy.pid);
	});
	after(async () => {
		await proxy?.stop();
		upstream?.close();
	});

	/** Nothing of what was done may outlive it: the next client is served, and nothing is counted as active. */
	async function stillServes(): Promise<void> {
		const { text } = await send(get("/ok", "Connection: close\r\n"));
		assert.match(text, /^HTTP\/1\.1 200 OK/);
		const names = /^(http\.bad\.downstream_rq_active|cluster\.(app|plain)\.upstream_rq_active)$/;
		await eventually("all requests to be over", async () =>
			Object.values(await proxy.stats(names)).every((value) => value === 0),
		);
	}

	/** Sends raw bytes and collects what comes until the proxy closes, or until `enough`. */
	function send(bytes: string | Buffer, enough?: RegExp): Promise<{ text: string; closed: boolean }> {
		return new Promise((resolve, reject) => {
			const socket = connect({ port, host: "127.0.0.1" });
			let text = "";
			const settle = (closed: boolean) => {
				clearTimeout(timer);
				socket.destroy();
				resolve({ text, closed });
			};
			const timer = setTimeout(() => reject(new Error(`nothing happened after ${text.slice(0, 200)}`)), 8000);
			socket.setEncoding("latin1").on("data", (piece: string) => {
				text += piece;
				if (enough?.test(text)) settle(false);
			});
			socket.on("error", () => {});
			socket.on("close", () => settle(true));
			socket.on("end", () => settle(true));
			socket.write(bytes);
		});
	}

	/** Input, and how the answer begins; the connection is closed after it. */
	const REFUSED: readonly (readonly [string, string, RegExp])[] = [
		["a thousand fields", get("/ok", "X-Field: y\r\n".repeat(1000)), /^HTTP\/1\.1 431 /],
		["a field of 200 kB", get("/ok", `X-Long: ${"y".repeat(200_000)}\r\n`), /^HTTP\/1\.1 431 /],
		["a request line of 200 kB", get(`/${"y".repeat(200_000)}`), /^HTTP\/1\.1 431 /],
		["a head without an end", `GET /ok HTTP/1.1\r\nX: ${"y".repeat(100_000)}`, /^HTTP\/1\.1 431 /],
		["bare CR in a value", get("/ok", "X-Cr: a\rb\r\n"), /^HTTP\/1\.1 400 /],
		["NUL in a value", get("/ok", "X-Nul: a\0b\r\n"), /^HTTP\/1\.1 400 /],
		["a folded line", get("/ok", "X-Fold: a\r\n b\r\n"), /^HTTP\/1\.1 400 /],
		[
			"two lengths",
			"POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
			/^HTTP\/1\.1 400 /,
		],
		[
			"length and chunks",
			"POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			/^HTTP\/1\.1 400 /,
		],
		[
			"a chunk size that is none",
			"POST /ok HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
			/^HTTP\/1\.1 400 /,
		],
		[
			"a chunk size beyond all numbers",
			"POST /ok HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
			/^HTTP\/1\.1 400 /,
		],
		["no host", "GET /ok HTTP/1.1\r\n\r\n", /^HTTP\/1\.1 400 /],
		["no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", /^HTTP\/1\.1 400 /],
	];
	for (const [name, bytes, answer] of REFUSED) {
		test(`HTTP/1: ${name}`, async () => {
			const { text, closed } = await send(bytes);
			assert.match(text, answer);
			assert.ok(closed);
			await stillServes();
		});
	}

	test("HTTP/1: heads and bodies that come too slowly, on many connections", async () => {
		const slow = Array.from({ length: 100 }, (_, i) => send(i % 2 === 0 ? "GET /ok HTTP/1.1\r\nHos" : BODY_TO_COME));
		for (const { text, closed } of await Promise.all(slow)) {
			assert.match(text, /^HTTP\/1\.1 408 /);
			assert.ok(closed);
		}
		await stillServes();
	});

	test("HTTP/1: clients that hang up in the middle of heads, bodies and answers", async () => {
		const starts = ["GET /ok HT", BODY_TO_COME, get("/endless"), get("/never")];
		await Promise.all(
			Array.from({ length: 200 }, async (_, i) => {
				const socket = connect({ port, host: "127.0.0.1" }).on("error", () => {});
				socket.write(starts[i % starts.length]!);
				await new Promise((resolve) => setTimeout(resolve, i % 40));
				if (i % 3 === 0) socket.resetAndDestroy();
				else socket.destroy();
			}),
		);
		await stillServes();
	});

	test("HTTP/1: a client that reads nothing of an endless answer holds no memory", async () => {
		const sockets = Array.from({ length: 20 }, () => connect({ port, host: "127.0.0.1" }).on("error", () => {}));
		for (const socket of sockets) {
			socket.pause();
			socket.write(get("/endless"));
		}
		await new Promise((resolve) => setTimeout(resolve, 700));
		assert.ok(rssMb(proxy.pid) - rssBefore < GROWTH_MB);
		for (const socket of sockets) socket.destroy();
		await stillServes();
	});

	test("HTTP/1: a client that ends its side before its answer has given up, as Envoy sees it", async () => {
		const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
		socket.end(get("/late", "Connection: close\r\n"));
		let text = "";
		for await (const piece of socket) text += piece;
		assert.equal(text, "");
		await stillServes();
	});

	/** Path on the upstream → what its client sees. */
	const LIARS: readonly (readonly [string, RegExp])[] = [
		["/short", /^HTTP\/1\.1 200 OK[\s\S]*abc$/],
		["/long", /^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\nab$/],
		["/garbage", /^HTTP\/1\.1 502 /],
		["/bomb", /^HTTP\/1\.1 50[23] /],
		["/hang-up", /^HTTP\/1\.1 503 /],
		["/two-lengths", /^HTTP\/1\.1 502 /],
	];
	for (const [path, answer] of LIARS) {
		test(`an upstream that lies: ${path.slice(1)}`, async () => {
			const { text } = await send(get(path, "Connection: close\r\n"));
			assert.match(text, answer);
			await stillServes();
		});
	}

	test("a name that DNS does not know: 503 UH; an endpoint that should speak TLS and says nothing: 503 UF", async () => {
		const unknown = await send(get("/unknown-name", "Connection: close\r\n"));
		assert.match(unknown.text, /^HTTP\/1\.1 503 [\s\S]*no healthy upstream$/);
		const mute = await send(get("/mute", "Connection: close\r\n"));
		assert.match(mute.text, /^HTTP\/1\.1 503 [\s\S]*connection timeout/);
		await stillServes();
	});

	/** Frames → the connection ends by itself. */
	const FLOODS: readonly (readonly [string, () => Buffer])[] = [
		["requests that are reset at once", rapidReset],
		["CONTINUATION without end", continuations],
		["SETTINGS that want an ACK each", () => repeat(frame(4, 0, 0, Buffer.alloc(0)), 20_000)],
		["PING that want an answer each", () => repeat(frame(6, 0, 0, Buffer.alloc(8)), 20_000)],
		["empty DATA", () => Buffer.concat([headers(1, false), repeat(frame(0, 0, 1, Buffer.alloc(0)), 20_000)])],
		["PRIORITY", () => repeat(frame(2, 0, 3, Buffer.alloc(5)), 40_000)],
		["WINDOW_UPDATE beyond the window", () => repeat(frame(8, 0, 0, Buffer.from("7fffffff", "hex")), 3)],
		[
			"a frame larger than was agreed",
			() => Buffer.concat([Buffer.from("ffffff000000000001", "hex"), Buffer.alloc(70_000)]),
		],
	];
	for (const [name, frames] of FLOODS) {
		test(`HTTP/2: ${name}`, async () => {
			const { text, closed } = await send(Buffer.concat([PREFACE, frames()]));
			assert.ok(closed);
			assert.ok(endsWithGoAway(Buffer.from(text, "latin1")), Buffer.from(text, "latin1").toString("hex").slice(-200));
			await stillServes();
		});
	}

	test("HTTP/2: a client whose window stays shut holds no memory, and its streams end", async () => {
		const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
		session.on("error", () => {});
		const streams = Array.from({ length: 50 }, () => session.request({ ":path": "/endless" }));
		const codes = await Promise.all(
			streams.map(
				(stream) =>
					new Promise((resolve) => {
						stream.on("error", () => {}).on("close", () => resolve(stream.rstCode));
					}),
			),
		);
		assert.ok(rssMb(proxy.pid) - rssBefore < GROWTH_MB);
		assert.ok(codes.every((code) => code !== constants.NGHTTP2_NO_ERROR));
		session.destroy();
		await stillServes();
	});

	test("after all of it the process is as large as before", async () => {
		await stillServes();
		const grownMb = rssMb(proxy.pid) - rssBefore;
		assert.ok(grownMb < GROWTH_MB, `${grownMb.toFixed(0)} MB more`);
	});
});

const BODY_TO_COME = "POST /never HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc";
/** What came before the end: nothing (the connection was cut first), or frames of which the last one is a GOAWAY with a code. */
function endsWithGoAway(bytes: Buffer): boolean {
	let code = 0;
	for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
		if (bytes[at + 3] === 7) code = bytes.readUInt32BE(at + 13);
	return bytes.length === 0 || code !== 0;
}

function rssMb(pid: number): number {
	return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

const PREFACE = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0, Buffer.alloc(0))]);

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
	const head = Buffer.alloc(9);
	head.writeUIntBE(payload.length, 0, 3);
	head[3] = type;
	head[4] = flags;
	head.writeUInt32BE(stream, 5);
	return Buffer.concat([head, payload]);
}

/** GET (or POST) /never on example host: `:method`, `:scheme`, `:path`, `:authority` without Huffman and tables. */
function headers(stream: number, endStream: boolean, endHeaders = true): Buffer {
	const method = endStream ? "82" : "83";
	const path = `04${Buffer.from([6]).toString("hex")}${Buffer.from("/never").toString("hex")}`;
	const block = Buffer.from(`${method}86${path}4101${Buffer.from("a").toString("hex")}`, "hex");
	return frame(1, (endStream ? 1 : 0) | (endHeaders ? 4 : 0), stream, block);
}

function rapidReset(): Buffer {
	const frames: Buffer[] = [];
	for (let stream = 1; stream < 20_000; stream += 2)
		frames.push(headers(stream, true), frame(3, 0, stream, Buffer.from("00000008", "hex")));
	return Buffer.concat(frames);
}

function continuations(): Buffer {
	const field = Buffer.concat([Buffer.from("0001780a", "hex"), Buffer.alloc(10, "y")]);
	return Buffer.concat([headers(1, true, false), repeat(frame(9, 0, 1, field), 20_000)]);
}

function repeat(bytes: Buffer, times: number): Buffer {
	return Buffer.concat(Array.from({ length: times }, () => bytes));
}

/** An upstream whose answers depend on the path. */
function misbehave(socket: Socket): void {
	socket.on("error", () => {});
	socket.on("data", (chunk) => {
		const path = /^\w+ (\S+)/.exec(chunk.toString("latin1"))?.[1] ?? "";
		ANSWERS[path]?.(socket);
	});
}

const whole = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

const ANSWERS: Readonly<Record<string, (socket: Socket) => void>> = {
	"/ok": (socket) => socket.write(whole("ok")),
	"/late": (socket) => setTimeout(() => socket.write(whole("late")), 100),
	"/short": (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
	"/long": (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabcdef"),
	"/garbage": (socket) => socket.end("no HTTP at all\r\n\r\n"),
	"/bomb": (socket) => socket.end(`HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(50_000)}\r\n`),
	"/hang-up": (socket) => socket.resetAndDestroy(),
	"/two-lengths": (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
	"/endless": (socket) => {
		const piece = Buffer.alloc(64 * 1024, "x");
		socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n");
		const fill = () => {
			while (!socket.destroyed && socket.write(piece));
		};
		socket.on("drain", fill);
		fill();
	},
};
