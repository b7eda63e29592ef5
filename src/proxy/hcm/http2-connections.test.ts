import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, test } from "node:test";
import { FakeCluster } from "../forward/fake-cluster.ts";
import { HTTP2_DEFAULTS } from "../http/http2/http2-options.ts";
import { CLIENT_PREFACE, FRAME } from "../http2/frame/frame.ts";
import { headersFrames, rstStreamFrame, settingsFrame, windowUpdateFrame } from "../http2/frame/frame-writer.ts";
import { HpackEncoder } from "../http2/hpack/hpack-encoder.ts";
import type { HcmConfig } from "./hcm-config.ts";
import { HCM_DEFAULTS } from "./hcm-defaults.ts";
import { type ProxyFixture, startProxy } from "./proxy-fixture.ts";

const DEADLINE_MS = 5000;

async function until(what: string, check: () => boolean): Promise<void> {
	const end = performance.now() + DEADLINE_MS;
	while (!check()) {
		if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
}

/** A client that writes its frames by hand and notes the types of those that come. */
class HandClient {
	readonly socket: Socket;
	readonly frames: { type: number; flags: number; id: number; payload: Buffer }[] = [];
	closed = false;
	readonly #encoder = new HpackEncoder(4096);
	#rest = Buffer.alloc(0);

	constructor(port: number) {
		this.socket = connect(port, "127.0.0.1");
		this.socket.on("data", (bytes) => this.#read(bytes));
		this.socket.on("error", () => undefined);
		this.socket.on("close", () => {
			this.closed = true;
		});
	}

	send(text: string): void {
		this.socket.write(text, "latin1");
	}

	request(id: number, path = "/", endStream = true): string {
		const fields = [
			[":method", "GET"],
			[":scheme", "http"],
			[":path", path],
			[":authority", "a.example"],
		] as const;
		const block = this.#encoder.begin() + fields.map(([name, value]) => this.#encoder.encode(name, value)).join("");
		return headersFrames(id, block, endStream, 16_384);
	}

	of(type: number): Buffer[] {
		return this.frames.filter((frame) => frame.type === type).map((frame) => frame.payload);
	}

	#read(bytes: Buffer): void {
		this.#rest = Buffer.concat([this.#rest, bytes]);
		while (this.#rest.length >= 9) {
			const length = this.#rest.readUIntBE(0, 3);
			if (this.#rest.length < 9 + length) return;
			const [type, flags] = [this.#rest[3]!, this.#rest[4]!];
			const id = this.#rest.readUInt32BE(5);
			this.frames.push({ type, flags, id, payload: Buffer.from(this.#rest.subarray(9, 9 + length)) });
			this.#rest = this.#rest.subarray(9 + length);
		}
	}
}

describe("clients' HTTP/2 connections", () => {
	const closing: (() => unknown)[] = [];
	let proxy: ProxyFixture;

	afterEach(async () => {
		for (const close of closing.splice(0)) await close();
	});

	async function start(config: Partial<HcmConfig> = {}, answer?: (socket: Socket) => void): Promise<number> {
		let over = false;
		const server: Server = createServer((socket) => {
			socket.on("error", () => undefined);
			if (over) socket.destroy();
			socket.once("data", () => answer?.(socket));
			closing.push(() => socket.destroy());
		}).listen(0, "127.0.0.1");
		await once(server, "listening");
		const started = await startProxy({
			clusters: [new FakeCluster("up", [(server.address() as AddressInfo).port])],
			routes: [
				{ match: { path: "/direct" }, direct_response: { status: 200, body: { inline_string: "hello" } } },
				{ match: { prefix: "/" }, route: { cluster: "up", timeout: "0s" } },
			],
			config: { ...config, timeouts: { ...HCM_DEFAULTS.timeouts, delayedCloseMs: 50, ...config.timeouts } },
			bufferLimitBytes: 64 * 1024,
		});
		proxy = started;
		closing.push(
			() => started.close(),
			() => {
				over = true;
				// What is on its way is still accepted, and ended.
				setTimeout(() => server.close(), 50);
			},
		);
		return proxy.port;
	}

	function client(port: number): HandClient {
		const made = new HandClient(port);
		closing.push(() => made.socket.destroy());
		return made;
	}

	const timeouts = (some: Partial<HcmConfig["timeouts"]>): Partial<HcmConfig> => ({
		timeouts: { ...HCM_DEFAULTS.timeouts, delayedCloseMs: 50, ...some },
	});

	test("HTTP/2 is told by its preface, byte by byte", async () => {
		const one = client(await start());
		for (const byte of CLIENT_PREFACE + settingsFrame([]) + one.request(1, "/direct")) {
			one.send(byte);
			await new Promise((resolve) => setImmediate(resolve));
		}
		await until("the answer", () => one.of(FRAME.data).length > 0);
		assert.equal(one.of(FRAME.data)[0]!.toString(), "hello");
		assert.equal(proxy.stat("downstream_cx_http2_total"), 1);
		assert.equal(proxy.stat("downstream_cx_http1_total"), 0);
		assert.equal(proxy.stat("downstream_cx_total"), 1);
	});

	test("a client that takes its requests back at once loses its connection", async () => {
		const one = client(await start());
		let text = CLIENT_PREFACE + settingsFrame([]);
		for (let id = 1; id < 3000; id += 2) text += one.request(id) + rstStreamFrame(id, 8);
		one.send(text);
		await until("the end of the connection", () => one.closed);
		assert.equal(proxy.stat("downstream_rq_too_many_premature_resets"), 1);
		assert.ok(proxy.stat("downstream_rq_total") < 700);
		assert.equal(proxy.stat("downstream_rq_active"), 0);
	});

	test("a flood of PINGs whose answers are not read ends the connection", async () => {
		const one = client(await start());
		one.send(CLIENT_PREFACE + settingsFrame([]));
		one.socket.pause();
		const pings = `${"\0\0\x08\x06\0\0\0\0\0"}12345678`.repeat(10_000);
		for (let i = 0; i < 100 && !one.closed; i++) {
			one.send(pings);
			await new Promise((resolve) => setImmediate(resolve));
			if (proxy.stat("downstream_cx_protocol_error") > 0) break;
		}
		await until("the flood to be noticed", () => proxy.stat("downstream_cx_protocol_error") > 0);
		one.socket.resume();
		await until("the end of the connection", () => one.closed);
	});

	test("a client that opens no window holds the endpoint back, and its stream ends with the idle timeout", async () => {
		let written = 0;
		const port = await start(timeouts({ streamIdleMs: 150 }), (socket) => {
			socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n");
			const piece = Buffer.alloc(64 * 1024);
			const push = () => {
				while (written < 100_000_000 && socket.write(piece)) written += piece.length;
			};
			socket.on("drain", push);
			push();
		});
		const one = client(port);
		one.send(CLIENT_PREFACE + settingsFrame([[4, 0]]) + one.request(1));
		await until("the reset", () => one.of(FRAME.rstStream).length > 0);
		assert.ok(written < 20_000_000, `${written} bytes were taken from the endpoint`);
		assert.equal(one.of(FRAME.data).length, 0);
		assert.equal(proxy.stat("downstream_rq_idle_timeout"), 1);
		assert.equal(one.closed, false);
	});

	test("an answer that is whole but cannot leave is given up after the same time", async () => {
		const one = client(await start(timeouts({ streamIdleMs: 100 })));
		one.send(CLIENT_PREFACE + settingsFrame([[4, 0]]) + one.request(1, "/direct") + one.request(3, "/direct"));
		await until("the heads", () => one.of(FRAME.headers).length === 2);
		one.send(windowUpdateFrame(3, 100));
		await until("the reset", () => one.of(FRAME.rstStream).length > 0);
		assert.equal(one.frames.filter(({ type, id }) => type === FRAME.data && id === 3).length, 1);
		assert.deepEqual(
			one.frames.filter(({ type }) => type === FRAME.rstStream).map(({ id }) => id),
			[1],
		);
	});

	test("a drained connection says GOAWAY twice and lets its streams finish", async () => {
		let finish: (() => void) | undefined;
		const port = await start(timeouts({ drainMs: 60 }), (socket) => {
			finish = () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
		});
		const one = client(port);
		one.send(CLIENT_PREFACE + settingsFrame([]) + one.request(1));
		await until("the request to arrive", () => finish !== undefined);
		proxy.manager.drain();
		await until("the first GOAWAY", () => one.of(FRAME.goAway).length === 1);
		assert.equal(one.of(FRAME.goAway)[0]!.readUInt32BE(0), 2 ** 31 - 1);
		one.send(one.request(3, "/direct"));
		await until("the answer to a stream on its way", () => one.of(FRAME.data).length === 1);
		await until("the second GOAWAY", () => one.of(FRAME.goAway).length === 2);
		assert.equal(one.of(FRAME.goAway)[1]!.readUInt32BE(0), 3);
		finish!();
		await until("the end of the connection", () => one.closed);
		assert.deepEqual(one.of(FRAME.data).map(String), ["hello", "ok"]);
		assert.equal(proxy.stat("downstream_cx_drain_close"), 1);
	});

	test("a quiet connection, an old one and one with enough requests are drained", async () => {
		for (const [config, stat] of [
			[timeouts({ idleMs: 40, drainMs: 20 }), "downstream_cx_idle_timeout"],
			[timeouts({ maxConnectionDurationMs: 40, drainMs: 20 }), "downstream_cx_max_duration_reached"],
			[{ ...timeouts({ drainMs: 20 }), maxRequestsPerConnection: 1 }, "downstream_cx_max_requests_reached"],
		] as const) {
			const one = client(await start(config));
			one.send(CLIENT_PREFACE + settingsFrame([]) + one.request(1, "/direct"));
			await until(`the end of the connection: ${stat}`, () => one.closed);
			assert.equal(one.of(FRAME.data).length, 1);
			assert.equal(one.of(FRAME.goAway).length, 2);
			assert.equal(proxy.stat(stat), 1);
		}
	});

	test("a client that does not answer PING is cut off, one that does stays", async () => {
		const keepalive = { intervalMs: 30, timeoutMs: 60, jitterPercent: 0, idleIntervalMs: 0 };
		const port = await start({ http2: { ...HTTP2_DEFAULTS, keepalive } });
		const silent = client(port);
		silent.send(CLIENT_PREFACE + settingsFrame([]));
		const lively = http2.connect(`http://127.0.0.1:${port}`);
		closing.push(() => lively.destroy());
		await until("the end of the silent connection", () => silent.closed);
		assert.equal(silent.of(FRAME.ping).length, 1);
		assert.equal(lively.closed, false);
		const request = lively.request({ ":path": "/direct" });
		const [headers] = (await once(request, "response")) as [http2.IncomingHttpHeaders];
		assert.equal(headers[":status"], 200);
	});

	test("malformed requests cost the connection, or the stream where that is configured; both are logged", async () => {
		for (const streamErrorOnInvalidMessage of [false, true]) {
			const one = client(await start({ http2: { ...HTTP2_DEFAULTS, streamErrorOnInvalidMessage } }));
			one.send(CLIENT_PREFACE + settingsFrame([]) + one.request(1, ""));
			const type = streamErrorOnInvalidMessage ? FRAME.rstStream : FRAME.goAway;
			await until("the refusal", () => one.of(type).length === 1);
			if (!streamErrorOnInvalidMessage) await until("the end of the connection", () => one.closed);
			assert.deepEqual(
				proxy.ended.map(({ flags, details }) => [flags, details]),
				[["DPE", "http2.violation.of.messaging.rule"]],
			);
		}
	});
});
