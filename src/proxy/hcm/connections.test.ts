import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createTcpServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import type { HttpFilter } from "../filter/http-filter.ts";
import { FakeCluster } from "../forward/fake-cluster.ts";
import { HCM_DEFAULTS } from "./hcm-defaults.ts";
import { eventually, fieldsEcho, listen, RawClient, startProxy } from "./proxy-fixture.ts";

const HI = [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: "hi" } } }];
const UP = [{ match: { prefix: "/" }, route: { cluster: "up" } }];
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

describe("connections", () => {
	test("keep-alive, close on request, HTTP/1.0 where accepted", async () => {
		const config = { http1: { ...HCM_DEFAULTS.http1, acceptHttp10: true } };
		const proxy = await startProxy({ routes: HI, config });
		const kept = new RawClient(proxy.port).send(GET);
		await kept.until((text) => text.endsWith("hi"));
		kept.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		assert.match(await kept.untilClosed(), /connection: close\r\n\r\nhi$/);
		const old = await new RawClient(proxy.port).send("GET / HTTP/1.0\r\nHost: a\r\n\r\n").untilClosed();
		assert.match(old, /^HTTP\/1.0 200 OK\r\n[\s\S]*connection: close\r\n\r\nhi$/);
		const oldKept = new RawClient(proxy.port).send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
		assert.match(await oldKept.until((text) => text.endsWith("hi")), /connection: keep-alive/);
		oldKept.destroy();
		await proxy.close();
	});

	test("an answer that comes before the request is whole closes the connection", async () => {
		const proxy = await startProxy({ routes: HI });
		const client = new RawClient(proxy.port).send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
		assert.match(await client.untilClosed(), /connection: close\r\n\r\nhi$/);
		assert.equal(proxy.stat("downstream_rq_response_before_rq_complete"), 1);
		await proxy.close();
	});

	test("idle connections end after idle_timeout", async () => {
		const timeouts = { ...HCM_DEFAULTS.timeouts, idleMs: 30 };
		const proxy = await startProxy({ routes: HI, config: { timeouts } });
		const used = new RawClient(proxy.port).send(GET);
		assert.match(await used.untilClosed(), /hi$/);
		const unused = new RawClient(proxy.port);
		assert.equal(await unused.untilClosed(), "");
		assert.equal(proxy.stat("downstream_cx_idle_timeout"), 2);
		await proxy.close();
	});

	test("a head that does not come in time: 408", async () => {
		const timeouts = { ...HCM_DEFAULTS.timeouts, requestHeadersMs: 30 };
		const proxy = await startProxy({ routes: HI, config: { timeouts } });
		const client = new RawClient(proxy.port).send("GET / HTTP/1.1\r\nHo");
		assert.match(await client.untilClosed(), /^HTTP\/1.1 408 [\s\S]*request header timeout$/);
		assert.equal(proxy.ended[0]!.details, "request_header_timeout");
		await proxy.close();
	});

	test("a body that does not come in time: 408 by request_timeout, 408 SI by stream_idle_timeout", async () => {
		const upstream = fieldsEcho();
		const clusters = [new FakeCluster("up", [await listen(upstream)])];
		const body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc";
		for (const [key, details, flags] of [
			["requestMs", "request_overall_timeout", ""],
			["streamIdleMs", "stream_idle_timeout", "SI"],
		] as const) {
			const timeouts = { ...HCM_DEFAULTS.timeouts, [key]: 30 };
			const proxy = await startProxy({ routes: UP, clusters, config: { timeouts } });
			assert.match(await new RawClient(proxy.port).send(body).untilClosed(), /^HTTP\/1.1 408 /);
			assert.deepEqual([proxy.ended[0]!.details, proxy.ended[0]!.flags], [details, flags]);
			await proxy.close();
		}
		upstream.closeAllConnections();
		upstream.close();
	});

	test("max_requests_per_connection", async () => {
		const proxy = await startProxy({ routes: HI, config: { maxRequestsPerConnection: 2 } });
		const text = await new RawClient(proxy.port).send(GET + GET + GET).untilClosed();
		assert.equal(text.match(/HTTP\/1.1 200/g)!.length, 2);
		assert.equal(text.match(/connection: close/g)!.length, 1);
		await proxy.close();
	});

	test("draining: what runs is finished with connection: close, what rests is closed", async () => {
		const sockets: Socket[] = [];
		const upstream = createTcpServer((socket) => void sockets.push(socket));
		const proxy = await startProxy({ routes: UP, clusters: [new FakeCluster("up", [await listen(upstream)])] });
		const resting = new RawClient(proxy.port);
		const busy = new RawClient(proxy.port).send(GET);
		await eventually(() => sockets.length === 1 && proxy.manager.activeConnections === 2);
		proxy.manager.drain();
		assert.equal(await resting.untilClosed(), "");
		sockets[0]!.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
		assert.match(await busy.untilClosed(), /connection: close\r\n\r\nok$/);
		resting.destroy();
		busy.destroy();
		await eventually(() => proxy.manager.activeConnections === 0);
		await proxy.close();
		for (const socket of sockets) socket.destroy();
		upstream.close();
	});

	test("a client that hangs up ends its request upstream: DC", async () => {
		const upstreamClosed: Promise<void>[] = [];
		const upstream = createTcpServer((socket) => {
			socket.resume().on("error", () => {});
			upstreamClosed.push(new Promise((resolve) => socket.on("close", () => resolve())));
		});
		const cluster = new FakeCluster("up", [await listen(upstream)]);
		const proxy = await startProxy({ routes: UP, clusters: [cluster] });
		const client = new RawClient(proxy.port).send(GET);
		await eventually(() => upstreamClosed.length === 1);
		client.destroy();
		await upstreamClosed[0];
		await eventually(() => proxy.ended.length === 1);
		const { code, flags, details } = proxy.ended[0]!;
		assert.deepEqual([code, flags, details], [0, "DC", "downstream_remote_disconnect"]);
		assert.equal(cluster.hosts()[0]!.activeRequests, 0);
		assert.equal(proxy.stat("downstream_rq_active"), 0);
		await proxy.close();
		upstream.close();
	});

	test("pipelined requests beyond the first wait without being read into memory", async () => {
		const sockets: Socket[] = [];
		const upstream = createTcpServer((socket) => void sockets.push(socket));
		const proxy = await startProxy({ routes: UP, clusters: [new FakeCluster("up", [await listen(upstream)])] });
		const client = new RawClient(proxy.port);
		const many = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n${"x".repeat(1000)}`.repeat(20_000);
		client.send(GET + many);
		await eventually(() => sockets.length === 1);
		// 20 MB are on their way; what the proxy does not read stays with the client.
		await eventually(() => client.socket.writableLength > 1_000_000);
		assert.ok(client.socket.writableLength > 1_000_000);
		client.destroy();
		await proxy.close();
		for (const socket of sockets) socket.destroy();
		upstream.close();
	});
});

describe("backpressure", () => {
	test("an answer that the client does not read stays upstream", async () => {
		let written = 0;
		let upstreamSocket: Socket | undefined;
		const upstream = createTcpServer((socket) => {
			upstreamSocket = socket;
			socket.once("data", () => {
				socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n");
				const more = () => {
					while (written < 100_000_000) {
						written += 50_000;
						if (!socket.write(Buffer.alloc(50_000))) return;
					}
				};
				socket.on("drain", more);
				more();
			});
			socket.on("error", () => {});
		});
		const clusters = [new FakeCluster("up", [await listen(upstream)])];
		const proxy = await startProxy({ routes: UP, clusters, bufferLimitBytes: 100_000 });
		const client = new RawClient(proxy.port);
		client.socket.pause();
		client.send(GET);
		// Still when nothing has moved for a while: kernel buffers are full and the proxy has stopped reading.
		let before = -1;
		await eventually(() => written > 0);
		while (before !== written) {
			before = written;
			await new Promise((resolve) => setTimeout(resolve, 50));
		}
		assert.ok(written < 50_000_000, `${written} bytes were taken`);
		client.socket.resume();
		await eventually(() => written >= 100_000_000);
		client.destroy();
		await proxy.close();
		upstreamSocket!.destroy();
		upstream.close();
	});

	test("a request that the upstream does not read stays with the client", async () => {
		let upstreamSocket: Socket | undefined;
		const upstream = createTcpServer((socket) => {
			upstreamSocket = socket;
			socket.pause();
			socket.on("error", () => {});
		});
		const cluster = new FakeCluster("up", [await listen(upstream)], { perConnectionBufferLimitBytes: 100_000 });
		const proxy = await startProxy({ routes: UP, clusters: [cluster] });
		const client = new RawClient(proxy.port);
		client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n${"x".repeat(60_000_000)}`);
		let before = -1;
		await eventually(() => upstreamSocket !== undefined);
		while (before !== client.socket.writableLength) {
			before = client.socket.writableLength;
			await new Promise((resolve) => setTimeout(resolve, 50));
		}
		assert.ok(client.socket.writableLength > 0 || client.socket.writableNeedDrain);
		let read = 0;
		upstreamSocket!.on("data", (chunk) => {
			read += chunk.length;
		});
		upstreamSocket!.resume();
		await eventually(() => read > 60_000_000);
		client.destroy();
		await proxy.close();
		upstreamSocket!.destroy();
		upstream.close();
	});
});

describe("tunnels", () => {
	test("WebSocket, with a real client and server", async () => {
		const sockets = new WebSocketServer({ host: "127.0.0.1", port: 0 });
		await new Promise((resolve) => sockets.once("listening", resolve));
		sockets.on("connection", (socket) => socket.on("message", (data) => socket.send(`echo ${data}`)));
		const { port } = sockets.address() as { port: number };
		const clusters = [new FakeCluster("up", [port])];
		const proxy = await startProxy({ routes: UP, clusters, config: { upgrades: new Set(["websocket"]) } });
		const client = new WebSocket(`ws://127.0.0.1:${proxy.port}/chat`);
		await new Promise((resolve) => client.once("open", resolve));
		const answers: string[] = [];
		client.on("message", (data) => answers.push(String(data)));
		client.send("one");
		client.send("x".repeat(100_000));
		await eventually(() => answers.length === 2);
		assert.equal(answers[0], "echo one");
		assert.equal(answers[1]!.length, 100_005);
		client.close();
		await eventually(() => proxy.ended.length === 1);
		assert.equal(proxy.ended[0]!.code, 101);
		await proxy.close();
		await new Promise((resolve) => sockets.close(resolve));
	});

	test("an upgrade that the upstream declines gets its ordinary answer", async () => {
		const upstream = fieldsEcho();
		const clusters = [new FakeCluster("up", [await listen(upstream)])];
		const proxy = await startProxy({ routes: UP, clusters, config: { upgrades: new Set(["websocket"]) } });
		const key = createHash("sha1").update("x").digest("base64");
		const client = new RawClient(proxy.port);
		client.send(
			`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
		);
		assert.match(await client.untilClosed(), /^HTTP\/1.1 200 [\s\S]*connection: close/);
		await proxy.close();
		upstream.closeAllConnections();
		upstream.close();
	});

	test("h2c is an offer that is passed over", async () => {
		const upstream = fieldsEcho();
		const clusters = [new FakeCluster("up", [await listen(upstream)])];
		const proxy = await startProxy({ routes: UP, clusters });
		const client = new RawClient(proxy.port);
		client.send(
			"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n",
		);
		const text = await client.until((so) => so.includes("x-request-id"));
		assert.match(text, /^HTTP\/1.1 200 /);
		assert.doesNotMatch(text, /http2-settings|upgrade:/i);
		client.destroy();
		await proxy.close();
		upstream.closeAllConnections();
		upstream.close();
	});
});

describe("filters", () => {
	test("one holds the request with its body until it continues, all see the answer, in reverse order", async () => {
		const upstream = createServer((req, res) => void req.pipe(res));
		const clusters = [new FakeCluster("up", [await listen(upstream)])];
		const calls: string[] = [];
		let release = () => {};
		const holding: HttpFilter = {
			decodeHeaders: (stream) => {
				calls.push("hold");
				release = () => stream.continueDecoding(holding);
				return "stop";
			},
			encodeHeaders: () => {
				calls.push("encode 1");
				return "continue";
			},
			onStreamEnd: () => void calls.push("end 1"),
		};
		const second: HttpFilter = {
			decodeHeaders: (stream, endStream) => {
				calls.push(`second ${endStream}`);
				stream.request.headers.set("x-second", "1");
				return "continue";
			},
			encodeHeaders: (_stream, response) => {
				calls.push("encode 2");
				response.headers.set("x-encoded", "1");
				return "continue";
			},
		};
		const filters = [holding, second].map((filter, i) => ({ name: `f${i}`, create: () => filter }));
		const proxy = await startProxy({ routes: UP, clusters, config: { filters } });
		const client = new RawClient(proxy.port);
		client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234");
		await eventually(() => calls.length === 1);
		client.send("56789");
		release();
		const text = await client.until((so) => so.includes("56789"));
		assert.match(text, /x-encoded: 1[\s\S]*01234/);
		await eventually(() => calls.includes("end 1"));
		assert.deepEqual(calls, ["hold", "second false", "encode 2", "encode 1", "end 1"]);
		client.destroy();
		await proxy.close();
		upstream.closeAllConnections();
		upstream.close();
	});

	test("one answers itself", async () => {
		const filter: HttpFilter = {
			decodeHeaders: (stream) => {
				stream.sendLocalReply({ status: 418, body: "no", flag: "FI", details: "fault_filter_abort" });
				return "stop";
			},
		};
		const proxy = await startProxy({ routes: UP, config: { filters: [{ name: "f", create: () => filter }] } });
		const client = new RawClient(proxy.port).send(GET);
		await client.until((text) => text.endsWith("\r\n\r\nno"));
		assert.deepEqual([proxy.ended[0]!.code, proxy.ended[0]!.flags], [418, "FI"]);
		client.destroy();
		await proxy.close();
	});
});
