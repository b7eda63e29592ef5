import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import type { HttpFilter } from "../filter/http-filter.ts";
import { FakeCluster } from "../forward/fake-cluster.ts";
import type { HcmConfig } from "./hcm-config.ts";
import { HCM_DEFAULTS } from "./hcm-defaults.ts";
import { addressRange } from "./internal-address.ts";
import { eventually, listen, RawClient, startProxy } from "./proxy-fixture.ts";

const HI = [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: "hi" } } }];
const UP = [{ match: { prefix: "/" }, route: { cluster: "up" } }];
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/** An upstream that shows the fields it got, one per line. */
function fieldsEcho(): Server {
	return createServer((req, res) => {
		req.resume();
		req.on("end", () => {
			const lines: string[] = [];
			for (let i = 0; i < req.rawHeaders.length; i += 2) lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`);
			res.end(`${req.url}\n${lines.join("\n")}\n`);
		});
	});
}

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

describe("header rules", () => {
	let upstream: Server;
	let cluster: FakeCluster;

	before(async () => {
		upstream = fieldsEcho();
		cluster = new FakeCluster("up", [await listen(upstream)]);
	});

	after(() => {
		upstream.closeAllConnections();
		upstream.close();
	});

	/** Fields as the upstream saw them. */
	async function seen(
		fields: string,
		config: Partial<HcmConfig>,
		options: { target?: string; localAddress?: string } = {},
	): Promise<{ path: string; fields: Map<string, string>; response: string }> {
		const proxy = await startProxy({ routes: UP, clusters: [cluster], config, localAddress: options.localAddress });
		const client = new RawClient(proxy.port);
		client.send(`GET ${options.target ?? "/"} HTTP/1.1\r\nHost: a:80\r\nConnection: close\r\n${fields}\r\n`);
		const response = await client.untilClosed();
		await proxy.close();
		const lines = response
			.split("\n")
			.map((line) => line.trim())
			.filter((line) => line.includes(": ") || line.startsWith("/"));
		const pairs = lines
			.filter((line) => !line.startsWith("/"))
			.map((line) => line.split(/: (.*)/, 2) as [string, string]);
		return { path: lines.find((line) => line.startsWith("/")) ?? "", fields: new Map(pairs), response };
	}

	const identity = (change: Partial<HcmConfig["identity"]>) => ({ identity: { ...HCM_DEFAULTS.identity, ...change } });

	test("at the edge the client's word is replaced by what is known", async () => {
		const said =
			"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Request-Id: mine\r\nx-envoy-internal: true\r\n";
		const { fields } = await seen(said, identity({ useRemoteAddress: true }), { localAddress: "10.0.0.7" });
		assert.equal(fields.get("x-forwarded-for"), "9.9.9.9,10.0.0.7");
		assert.equal(fields.get("x-forwarded-proto"), "http");
		assert.equal(fields.get("x-envoy-external-address"), "127.0.0.1");
		assert.notEqual(fields.get("x-request-id"), "mine");
		assert.equal(fields.has("x-envoy-internal"), false);
	});

	test("behind a proxy the client's word is kept", async () => {
		const said = "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Request-Id: mine\r\n";
		const { fields } = await seen(said, {});
		assert.deepEqual(
			["x-forwarded-for", "x-forwarded-proto", "x-request-id"].map((name) => fields.get(name)),
			["9.9.9.9", "https", "mine"],
		);
	});

	test("trusted hops: the address and protocol that they added count", async () => {
		const said = "X-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-Proto: https\r\n";
		const { fields } = await seen(said, identity({ useRemoteAddress: true, xffNumTrustedHops: 1 }));
		assert.equal(fields.get("x-envoy-external-address"), "2.2.2.2");
		assert.equal(fields.get("x-forwarded-proto"), "https");
	});

	test("a client in an internal range may steer, and is marked", async () => {
		const internalRanges = [addressRange("127.0.0.0", 8)!];
		const config = identity({ useRemoteAddress: true, internalRanges });
		const { fields } = await seen("x-envoy-upstream-rq-timeout-ms: 777\r\n", config);
		assert.equal(fields.get("x-envoy-internal"), "true");
		assert.equal(fields.get("x-envoy-expected-rq-timeout-ms"), "777");
		assert.equal(fields.has("x-envoy-external-address"), false);
	});

	test("client certificates that a plaintext client claims are dropped", async () => {
		const { fields } = await seen("X-Forwarded-Client-Cert: By=me\r\n", {});
		assert.equal(fields.has("x-forwarded-client-cert"), false);
	});

	test("hop-by-hop fields do not travel", async () => {
		const { fields } = await seen("Keep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\n", {});
		assert.deepEqual(
			["keep-alive", "proxy-connection", "te"].map((name) => fields.get(name)),
			[undefined, undefined, "trailers"],
		);
	});

	test("server and via", async () => {
		const config = { serverName: "istio-envoy", via: "lateen" };
		const { fields, response } = await seen("Via: 1.1 before\r\n", config);
		assert.equal(fields.get("via"), "1.1 before, lateen");
		assert.match(response, /^server: istio-envoy\r$/m);
		assert.doesNotMatch((await seen("", { serverHeader: "pass-through" })).response, /^server:/m);
	});

	test("paths are cleaned as asked, hosts lose ports as asked", async () => {
		const path = { ...HCM_DEFAULTS.path, normalizePath: true, mergeSlashes: true };
		assert.equal((await seen("", { path }, { target: "/a/./b//../%7Ec?x=/../y" })).path, "/a/b/~c?x=/../y");
		const any = await seen("", { path: { ...path, stripPort: "any" } });
		assert.equal(any.fields.get("host"), "a");
		const rejects: HcmConfig["path"] = { ...path, escapedSlashes: "reject" };
		assert.match((await seen("", { path: rejects }, { target: "/a%2fb" })).response, /^HTTP\/1.1 400 /);
		const redirects: HcmConfig["path"] = { ...path, escapedSlashes: "unescape-and-redirect" };
		assert.match(
			(await seen("", { path: redirects }, { target: "/a%2fb" })).response,
			/^HTTP\/1.1 307 [\s\S]*location: \/a\/b\r/,
		);
	});

	test("traces begin here, or go on below the caller's span", async () => {
		const tracing = { clientSampling: 1e6, randomSampling: 1e6, overallSampling: 1e6, noContextPropagation: false };
		const first = (await seen("", { tracing })).fields;
		assert.match(first.get("x-b3-traceid")!, /^[0-9a-f]{32}$/);
		assert.equal(first.get("x-b3-sampled"), "1");
		assert.equal(first.get("x-request-id")!.charAt(14), "9");
		assert.equal(first.get("traceparent"), `00-${first.get("x-b3-traceid")}-${first.get("x-b3-spanid")}-01`);
		const said = "x-b3-traceid: 463ac35c9f6413ad\r\nx-b3-spanid: a2fb4a1d1a96d312\r\nx-b3-sampled: 0\r\n";
		const next = (await seen(said, { tracing })).fields;
		assert.equal(next.get("x-b3-traceid"), "463ac35c9f6413ad");
		assert.equal(next.get("x-b3-parentspanid"), "a2fb4a1d1a96d312");
		assert.equal(next.get("x-b3-sampled"), "0");
		const w3c = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
		const from = (await seen(w3c, { tracing: { ...tracing, randomSampling: 0 } })).fields;
		assert.equal(from.get("x-b3-traceid"), "0af7651916cd43dd8448eb211c80319c");
		assert.match(from.get("traceparent")!, /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
		assert.notEqual(from.get("x-b3-spanid"), "b7ad6b7169203331");
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
				release = () => stream.continueDecoding();
				return "stop";
			},
			encodeHeaders: () => void calls.push("encode 1"),
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
