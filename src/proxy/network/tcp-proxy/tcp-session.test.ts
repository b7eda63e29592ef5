import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../../lib/clock.ts";
import { seededRandom } from "../../../lib/random.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { FakeCluster } from "../../forward/fake-cluster.ts";
import { Deadlines } from "../../http/deadlines.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { DataGate } from "../data-gate.ts";
import { createTcpProxy } from "./tcp-proxy.ts";
import type { TcpProxyConfig } from "./tcp-proxy-config.ts";
import type { TcpLogType } from "./tcp-services.ts";

const CONFIG: TcpProxyConfig = {
	statPrefix: "t",
	clusters: [{ name: "c", weight: 1, metadataMatch: undefined }],
	idleTimeoutMs: 0,
	maxDurationMs: 0,
	maxDurationJitterPercent: 0,
	maxConnectAttempts: 1,
	backoff: undefined,
	hashPolicy: undefined,
	tunneling: undefined,
	tlvs: undefined,
	waitsForData: false,
	closesOnDrain: false,
	logging: { accessLogs: [], flushIntervalMs: 0, onStart: false, onConnected: false },
};

async function portOf(server: Server): Promise<number> {
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return (server.address() as AddressInfo).port;
}

interface Stage {
	readonly change?: Partial<TcpProxyConfig>;
	readonly clusters?: Readonly<Record<string, (socket: Socket) => void>>;
	readonly gate?: DataGate;
	readonly bufferLimitBytes?: number;
}

/** A tcp_proxy between real sockets; clusters serve what they are told to. */
async function stage(t: TestContext, { change, clusters = {}, gate, bufferLimitBytes = 64 * 1024 }: Stage) {
	const metrics = new MetricRegistry();
	const deadlines = new Deadlines(systemClock);
	const logs: (readonly [TcpLogType, string, number, number])[] = [];
	const servers: Server[] = [];
	const known = new Map<string, FakeCluster>();
	for (const [name, serve] of Object.entries(clusters)) {
		const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket.on("error", () => {})));
		servers.push(server);
		known.set(name, new FakeCluster(name, [await portOf(server)]));
	}
	const accessLog = (info: StreamInfo, type: TcpLogType) =>
		void logs.push([type, [...info.responseFlags].join(), info.bytesReceived, info.bytesSent]);
	const proxy = createTcpProxy(
		{ ...CONFIG, ...change },
		{ clock: systemClock, random: seededRandom(1), deadlines, clusters: known, metrics, accessLog },
	);
	const downstream: Socket[] = [];
	const front = createServer({ allowHalfOpen: true }, (socket) => {
		downstream.push(socket);
		proxy.accept({ socket, bufferLimitBytes, onClosed: () => {} })(socket, gate);
	});
	servers.push(front);
	const port = await portOf(front);
	t.after(() => {
		proxy.close();
		deadlines.close();
		for (const server of servers) server.close();
	});
	const call = () => connect({ port, host: "127.0.0.1", allowHalfOpen: true }).on("error", () => {});
	return { proxy, metrics, logs, known, downstream, call };
}

async function textOf(socket: Socket): Promise<string> {
	let text = "";
	socket.on("data", (chunk) => {
		text += chunk;
	});
	await once(socket, "end");
	return text;
}

const echo = (socket: Socket) => void socket.pipe(socket);

test("each side's end goes to the other, and both may speak after it", async (t) => {
	const { call, logs, proxy } = await stage(t, {
		clusters: {
			c: (socket) => {
				void textOf(socket).then((got) => socket.end(`after ${got}`));
			},
		},
	});
	const client = call();
	client.end("hello");
	assert.equal(await textOf(client), "after hello");
	await once(client, "close");
	while (proxy.activeConnections > 0) await new Promise(setImmediate);
	assert.deepEqual(logs, [["TcpConnectionEnd", "", 5, 11]]);
});

test("a client that ends without a byte is heard of, however early", async (t) => {
	const { call } = await stage(t, {
		clusters: { c: (socket) => void textOf(socket).then((got) => socket.end(`[${got}]`)) },
	});
	const client = call();
	client.end();
	assert.equal(await textOf(client), "[]");
});

test("resets are passed on, both ways", async (t) => {
	const upstream = Promise.withResolvers<Socket>();
	const { call, logs } = await stage(t, { clusters: { c: (socket) => upstream.resolve(socket) } });
	const client = call();
	client.write("x");
	const endpoint = await upstream.promise;
	await once(endpoint, "data");
	const seen = once(client, "error");
	endpoint.resetAndDestroy();
	const [error] = (await seen) as [NodeJS.ErrnoException];
	while (logs.length === 0) await new Promise(setImmediate);
	assert.deepEqual([error.code, logs[0]?.[1]], ["ECONNRESET", "UR"]);

	const second = Promise.withResolvers<Socket>();
	const other = await stage(t, { clusters: { c: (socket) => second.resolve(socket) } });
	const leaving = other.call();
	leaving.write("x");
	const left = await second.promise;
	await once(left, "data");
	const cut = once(left, "error");
	leaving.resetAndDestroy();
	assert.equal(((await cut) as [NodeJS.ErrnoException])[0].code, "ECONNRESET");
});

test("a reader that is slower than its sender holds it back; no byte is lost, little is kept", async (t) => {
	const total = 24 * 1024 * 1024;
	const piece = Buffer.alloc(256 * 1024, "x");
	const { call, downstream, metrics } = await stage(t, {
		clusters: {
			c: (socket) => {
				let sent = 0;
				const fill = () => {
					while (sent < total) {
						sent += piece.length;
						if (!socket.write(piece)) return void socket.once("drain", fill);
					}
					socket.end();
				};
				fill();
			},
		},
	});
	const client = call();
	let most = 0;
	let received = 0;
	client.on("data", (bytes) => {
		received += bytes.length;
		most = Math.max(most, downstream[0]!.writableLength);
		client.pause();
		setImmediate(() => client.resume());
	});
	await once(client, "end");
	assert.equal(received, total);
	assert.ok(most < 2 * 1024 * 1024, `${most} bytes were kept`);
	client.destroy();
	await once(client, "close");
	while (metrics.scope("tcp.t.").counter("downstream_cx_tx_bytes_total").value === 0) await new Promise(setImmediate);
	assert.equal(metrics.scope("tcp.t.").counter("downstream_cx_tx_bytes_total").value, total);
});

test("an endpoint that is slow to read holds the client back", async (t) => {
	const total = 16 * 1024 * 1024;
	let received = 0;
	const { call, metrics } = await stage(t, {
		clusters: {
			c: (socket) => {
				socket.on("data", (bytes) => {
					received += bytes.length;
					socket.pause();
					setImmediate(() => socket.resume());
				});
				socket.on("end", () => socket.end("done"));
			},
		},
	});
	const client = call();
	client.end(Buffer.alloc(total, "y"));
	assert.equal(await textOf(client), "done");
	assert.equal(received, total);
	const { value: paused } = metrics.scope("tcp.t.").counter("downstream_flow_control_paused_reading_total");
	const { value: resumed } = metrics.scope("tcp.t.").counter("downstream_flow_control_resumed_reading_total");
	assert.equal(resumed, paused);
});

test("bytes wait for the filters' verdict, the client's end with them", async (t) => {
	const verdict = Promise.withResolvers<() => void>();
	let asks = true;
	const gate: DataGate = {
		get asks() {
			return asks;
		},
		admit: (resume) => {
			verdict.resolve(resume);
			return "stop";
		},
	};
	let early = "";
	const { call } = await stage(t, {
		gate,
		clusters: {
			c: (socket) => {
				socket.on("data", (bytes) => {
					early += bytes;
				});
				socket.on("end", () => socket.end(`got ${early}`));
			},
		},
	});
	const client = call();
	client.end("held");
	const resume = await verdict.promise;
	assert.equal(early, "");
	asks = false;
	resume();
	assert.equal(await textOf(client), "got held");
});

test("clusters are drawn by weight", async (t) => {
	const says = (name: string) => (socket: Socket) => void socket.end(name);
	const { call } = await stage(t, {
		change: {
			clusters: [
				{ name: "a", weight: 1, metadataMatch: undefined },
				{ name: "b", weight: 3, metadataMatch: undefined },
			],
		},
		clusters: { a: says("a"), b: says("b") },
	});
	const answers = await Promise.all(
		Array.from({ length: 80 }, () => {
			const client = call();
			client.on("end", () => client.end());
			return textOf(client);
		}),
	);
	const b = answers.filter((answer) => answer === "b").length;
	assert.ok(b > 48 && b < 72, `${b} of 80`);
});

test("breakers are given back, whatever ends a connection", async (t) => {
	const { call, known, logs } = await stage(t, { clusters: { c: echo } });
	const { breakers } = known.get("c")!;
	for (const end of ["end", "destroy", "resetAndDestroy"] as const) {
		const client = call();
		client.write("x");
		await once(client, "data");
		client[end]();
		await once(client, "close").catch(() => {});
	}
	while (logs.length < 3 || breakers.held.connections > 0) await new Promise(setImmediate);
	assert.deepEqual([breakers.held.connections, breakers.held.pending], [0, 0]);
	breakers.limits.connections = 0;
	const refused = call();
	await once(refused.resume(), "end");
	assert.equal(logs.at(-1)?.[1], "UO");
});

test("lines at the start, when connected, now and then, and at the end", async (t) => {
	const { call, logs } = await stage(t, {
		change: { logging: { accessLogs: [], flushIntervalMs: 10, onStart: true, onConnected: true } },
		clusters: { c: echo },
	});
	const client = call();
	client.write("abc");
	while (!logs.some(([type]) => type === "TcpPeriodic")) await new Promise(setImmediate);
	client.end();
	await once(client.resume(), "close");
	while (logs.at(-1)?.[0] !== "TcpConnectionEnd") await new Promise(setImmediate);
	const types = logs.map(([type]) => type);
	assert.deepEqual(
		[...new Set(types)],
		["TcpConnectionStart", "TcpUpstreamConnected", "TcpPeriodic", "TcpConnectionEnd"],
	);
});
