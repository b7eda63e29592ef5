import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../lib/clock.ts";
import { ProblemError } from "../../lib/problem.ts";
import { systemRandom } from "../../lib/random.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { UpstreamCluster } from "../cluster/cluster.ts";
import { HCM_DEFAULTS } from "../hcm/hcm-defaults.ts";
import { eventually, fakeCluster, listen, RawClient, routeTable } from "../hcm/proxy-fixture.ts";
import { Deadlines } from "../http/deadlines.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { TcpProxyConfig } from "../network/tcp-proxy/tcp-proxy-config.ts";
import type { DownstreamTransport, Handshake } from "./downstream-transport.ts";
import type { FilterChainConfig, ListenerConfig, TerminalConfig } from "./listener-config.ts";
import { ListenerSet } from "./listener-set.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

function setUp(clusters: readonly UpstreamCluster[] = [], drainTimeMs = 5000) {
	const connections: StreamInfo[] = [];
	const deadlines = new Deadlines(systemClock);
	const metrics = new MetricRegistry();
	const set = new ListenerSet({
		clock: systemClock,
		random: systemRandom,
		deadlines,
		clusters: new Map(clusters.map((cluster) => [cluster.name, cluster])),
		metrics,
		drainTimeMs,
		// The stat prefix names the answer, so that tests see who served.
		httpServices: (_listener, { statPrefix }) => {
			const table = routeTable([
				{ match: { prefix: "/up" }, route: { cluster: "up" } },
				{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: `[${statPrefix}]` } } },
			]);
			return { routeTable: () => table };
		},
		tcpServices: () => ({ accessLog: (info) => void connections.push(info) }),
	});
	const port = (name: string) => {
		const [address] = set.list().find(({ config }) => config.name === name)!.addresses;
		assert.ok(address?.kind === "ip");
		return address.port;
	};
	const close = async () => {
		await set.close();
		deadlines.close();
	};
	return { set, port, metrics, connections, close };
}

function listener(name: string, terminal: TerminalConfig, change: Partial<ListenerConfig> = {}): ListenerConfig {
	const chain = chainOf(name, terminal);
	return {
		name,
		addresses: [{ kind: "ip", ip: "127.0.0.1", port: 0 }],
		bindToPort: true,
		useOriginalDst: false,
		reusePort: false,
		backlog: undefined,
		keepAlive: undefined,
		statPrefix: "127.0.0.1_0",
		chains: [chain],
		pickChain: () => chain,
		listenerFilters: [],
		listenerFiltersTimeoutMs: 0,
		continueOnTimeout: false,
		perConnectionBufferLimitBytes: 1024 * 1024,
		ignoreGlobalConnectionLimit: false,
		bypassesOverloadManager: false,
		accessLogs: [],
		shown: { name: "l", metadata: {} },
		fingerprint: `${++versions}`,
		...change,
	};
}

let versions = 0;

function chainOf(name: string, terminal: TerminalConfig, key = `${++versions}`): FilterChainConfig {
	return { name, key, transport: undefined, metadata: {}, transportConnectTimeoutMs: 0, filters: [], terminal };
}

function hcmOf(statPrefix: string): TerminalConfig {
	const hcm = { ...HCM_DEFAULTS, statPrefix, routes: { kind: "rds", name: "x" } as const, filters: [] };
	return { kind: "http", hcm };
}

function http(name: string, statPrefix: string, port = 0, change: Partial<ListenerConfig> = {}): ListenerConfig {
	return listener(name, hcmOf(statPrefix), { addresses: [{ kind: "ip", ip: "127.0.0.1", port }], ...change });
}

function tcpOf(clusters: readonly string[], change: Partial<TcpProxyConfig> = {}): TerminalConfig {
	const tcp: TcpProxyConfig = {
		statPrefix: "t",
		clusters: clusters.map((name) => ({ name, weight: 1, metadataMatch: undefined })),
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
		...change,
	};
	return { kind: "tcp", tcp };
}

const answered = (by: string) => (text: string) => text.includes(`[${by}]`);

test("listeners come and go without touching the connections of others", async () => {
	const { set, port, close } = setUp();
	await set.put(http("one", "one"));
	const client = new RawClient(port("one")).send(GET);
	await client.until(answered("one"));
	await set.put(http("two", "two"));
	const other = new RawClient(port("two")).send(GET);
	await other.until(answered("two"));
	set.remove("two");
	await other.untilClosed();
	client.text = "";
	await client.send(GET).until(answered("one"));
	assert.deepEqual(
		set.list().map(({ config, activeConnections }) => [config.name, activeConnections]),
		[["one", 1]],
	);
	client.destroy();
	await close();
});

test("a replaced listener keeps its socket: no connection is refused, old ones finish and close", async () => {
	const { set, port, close } = setUp();
	const free = await new Promise<number>((resolve) => {
		const server = createServer();
		void listen(server).then((number) => server.close(() => resolve(number)));
	});
	await set.put(http("one", "old", free));
	const before = new RawClient(free).send(GET);
	await before.until(answered("old"));
	const replacing = set.put(http("one", "new", free));
	const during = new RawClient(free).send(GET);
	await during.until((text) => /\[(old|new)\]/.test(text));
	await replacing;
	await before.untilClosed();
	const after = new RawClient(port("one")).send(GET);
	await after.until(answered("new"));
	for (const client of [during, after]) client.destroy();
	await close();
});

test("a replaced listener on another address leaves the old one", async () => {
	const { set, port, close } = setUp();
	await set.put(http("one", "old"));
	const oldPort = port("one");
	await set.put(http("one", "new", 0, { addresses: [{ kind: "ip", ip: "127.0.0.2", port: 0 }] }));
	const client = connect(oldPort, "127.0.0.1");
	const error = await new Promise<NodeJS.ErrnoException>((resolve) => client.once("error", resolve));
	assert.equal(error.code, "ECONNREFUSED");
	await close();
});

test("an address that is taken is told with what to do, and the old listener stays", async () => {
	const { set, port, close } = setUp();
	const holder = createServer();
	const taken = await listen(holder);
	await set.put(http("one", "old"));
	await assert.rejects(set.put(http("one", "new", taken)), (error: unknown) => {
		assert.ok(error instanceof ProblemError);
		const { code, message, fix } = error.problems[0]!;
		assert.deepEqual([code, message], ["LTN3110", `listener "one" cannot bind 127.0.0.1:${taken}: EADDRINUSE`]);
		assert.match(fix, /port/);
		return true;
	});
	const client = new RawClient(port("one")).send(GET);
	await client.until(answered("old"));
	client.destroy();
	holder.close();
	await close();
});

test("drain waits for what runs and cuts it when the time is over", async () => {
	const sockets: Socket[] = [];
	const upstream = createServer((socket) => void sockets.push(socket.on("error", () => {})));
	const { set, port, close } = setUp([fakeCluster("up", [await listen(upstream)])]);
	await set.put(http("one", "one"));
	const busy = new RawClient(port("one")).send("GET /up HTTP/1.1\r\nHost: a\r\n\r\n");
	await eventually(() => sockets.length === 1);
	const startMs = performance.now();
	await set.drain(80);
	assert.ok(performance.now() - startMs >= 75);
	assert.equal(await busy.untilClosed(), "");
	assert.deepEqual(set.list(), []);
	for (const socket of sockets) socket.destroy();
	upstream.close();
	await close();
});

test("reusePort: two sets share an address, each connection is served by one of them", async (t) => {
	if (process.platform !== "linux") return t.skip("needs SO_REUSEPORT with balancing");
	const [first, second] = [setUp(), setUp()];
	await first.set.put(http("one", "first", 0, { reusePort: true }));
	const shared = first.port("one");
	await second.set.put(http("one", "second", shared, { reusePort: true }));
	const seen = new Set<string>();
	for (let i = 0; i < 200 && seen.size < 2; i++) {
		const client = new RawClient(shared).send(GET);
		seen.add(/\[(\w+)\]/.exec(await client.until((text) => /\[\w+\]/.test(text)))![1]!);
		client.destroy();
	}
	assert.deepEqual([...seen].sort(), ["first", "second"]);
	await first.close();
	await second.close();
});

test("tcp_proxy carries bytes both ways and each side's end", async () => {
	const upstream = createServer({ allowHalfOpen: true }, (socket) => {
		let text = "";
		socket.on("data", (chunk) => {
			text += chunk;
		});
		socket.on("end", () => socket.end(`got ${text.length}`));
	});
	const cluster = fakeCluster("tcp", [await listen(upstream)]);
	const { set, port, metrics, connections, close } = setUp([cluster]);
	await set.put(listener("tcp", tcpOf(["tcp"])));
	const client = new RawClient(port("tcp"));
	client.socket.end("x".repeat(500_000));
	assert.equal(await client.untilClosed(), "got 500000");
	await eventually(() => metrics.scope("tcp.t.").counter("downstream_cx_rx_bytes_total").value === 500_000);
	assert.equal(metrics.scope("listener.127.0.0.1_0.").counter("downstream_cx_total").value, 1);
	const { bytesReceived, bytesSent, upstreamCluster, upstreamHost, downstreamLocalAddress } = connections[0]!;
	assert.deepEqual(
		[bytesReceived, bytesSent, upstreamCluster, upstreamHost, downstreamLocalAddress],
		[500_000, 10, "tcp", cluster.hosts()[0]!.address, `127.0.0.1:${port("tcp")}`],
	);
	upstream.close();
	await close();
});

test("tcp_proxy closes a connection that has nowhere to go, tries again where it may, ends idle ones", async () => {
	const upstream = createServer();
	const alive = await listen(upstream);
	const dead = fakeCluster("dead-then-alive", [1, alive]);
	const { set, port, connections, close } = setUp([dead]);
	await set.put(listener("nowhere", tcpOf(["nope"])));
	assert.equal(await new RawClient(port("nowhere")).untilClosed(), "");
	assert.deepEqual([...connections[0]!.responseFlags], ["NC"]);
	await set.put(listener("retry", tcpOf([dead.name], { maxConnectAttempts: 2, idleTimeoutMs: 40 })));
	const reached = new Promise((resolve) => upstream.once("connection", resolve));
	const client = new RawClient(port("retry"));
	await reached;
	assert.equal(await client.untilClosed(), "");
	assert.deepEqual(dead.reports, ["connect"]);
	upstream.close();
	await close();
});

test("an update of filter chains alone drains those that are gone; connections of the others live on", async () => {
	const { set, port, metrics, close } = setUp();
	const byPort = (chains: readonly FilterChainConfig[]) => ({
		chains,
		fingerprint: "same",
		addresses: [{ kind: "ip", ip: "127.0.0.1", port: 0 }] as const,
	});
	const [kept, gone, added] = [
		chainOf("kept", hcmOf("kept")),
		chainOf("gone", hcmOf("gone")),
		chainOf("new", hcmOf("new")),
	];
	let turn = 0;
	const inTurn = (chains: readonly FilterChainConfig[]) => () => chains[turn++ % chains.length];
	await set.put(http("l", "", 0, { ...byPort([kept, gone]), pickChain: inTurn([kept, gone]) }));
	const bound = port("l");
	const first = new RawClient(bound).send(GET);
	await first.until(answered("kept"));
	const second = new RawClient(bound).send(GET);
	await second.until(answered("gone"));
	// The new version of the kept chain is another object with the same content.
	const again = { ...kept };
	await set.put(http("l", "", 0, { ...byPort([again, added]), pickChain: inTurn([added]) }));
	await second.untilClosed();
	first.text = "";
	await first.send(GET).until(answered("kept"));
	const third = new RawClient(bound).send(GET);
	await third.until(answered("new"));
	assert.equal(port("l"), bound);
	const manager = metrics.scope("listener_manager.");
	assert.deepEqual(
		["listener_added", "listener_modified", "listener_in_place_updated"].map((name) => manager.counter(name).value),
		[1, 0, 1],
	);
	for (const client of [first, third]) client.destroy();
	await close();
});

test("under load no request is lost while a listener is replaced and its chains exchanged, again and again", async () => {
	const { set, port, close } = setUp();
	await set.put(http("l", "0"));
	const bound = port("l");
	let over = false;
	let answers = 0;
	const client = async () => {
		while (!over) {
			const one = new RawClient(bound).send(GET);
			await one.until((text) => /\[\d+\]$/.test(text));
			one.destroy();
			answers++;
		}
	};
	const clients = Promise.all(Array.from({ length: 6 }, client));
	try {
		for (let version = 1; version <= 20; version++) {
			const before = answers;
			await set.put(http("l", `${version}`, 0, version % 2 === 0 ? {} : { fingerprint: "in place" }));
			await Promise.race([clients, eventually(() => answers > before + 5)]);
		}
	} finally {
		over = true;
	}
	await clients;
	assert.ok(answers > 100);
	await close();
});

test("a Unix socket with its mode, several addresses, and the file that an earlier process left", async () => {
	const { set, close } = setUp();
	const folder = mkdtempSync(join(tmpdir(), "lateen-listener-"));
	const path = join(folder, "l.sock");
	writeFileSync(path, "left over");
	const addresses = [
		{ kind: "pipe", path, mode: 0o600 },
		{ kind: "ip", ip: "127.0.0.1", port: 0 },
	] as const;
	await set.put(http("l", "pipe", 0, { addresses }));
	assert.equal(statSync(path).mode & 0o777, 0o600);
	const [pipe, ip] = set.list()[0]!.addresses;
	assert.ok(pipe?.kind === "pipe" && ip?.kind === "ip" && ip.port > 0);
	const socket = connect(path);
	socket.write(GET);
	const [bytes] = (await once(socket, "data")) as [Buffer];
	assert.match(String(bytes), /\[pipe\]/);
	socket.destroy();
	const client = new RawClient(ip.port).send(GET);
	await client.until(answered("pipe"));
	client.destroy();
	await close();
	rmSync(folder, { recursive: true });
});

test("two listeners of one address are told apart by no socket: the second is refused", async () => {
	const { set, close } = setUp();
	const at = (name: string) =>
		http(name, name, 0, { bindToPort: false, addresses: [{ kind: "ip", ip: "0.0.0.0", port: 80 }] });
	await set.put(at("one"));
	await set.put(at("one"));
	await assert.rejects(set.put(at("two")), (error: unknown) => {
		assert.ok(error instanceof ProblemError);
		assert.equal(error.problems[0]!.code, "LTN3115");
		return true;
	});
	await close();
});

test("a handshake that takes too long ends the connection; one that fails does too", async () => {
	const { set, port, metrics, close } = setUp();
	const outcomes: ((handshake: Handshake, socket: Socket) => void)[] = [
		() => {},
		(handshake) => handshake.onFailure("TLS_error|bad"),
		(handshake, socket) => handshake.onSecure(socket),
	];
	let next = 0;
	const transport: DownstreamTransport = {
		accept: (socket, _connection, handshake) => outcomes[next++]!(handshake, socket),
	};
	const chain = { ...chainOf("c", hcmOf("tls")), transport, transportConnectTimeoutMs: 40 };
	await set.put(http("l", "tls", 0, { chains: [chain], pickChain: () => chain }));
	assert.equal(await new RawClient(port("l")).untilClosed(), "");
	assert.equal(await new RawClient(port("l")).untilClosed(), "");
	const client = new RawClient(port("l")).send(GET);
	await client.until(answered("tls"));
	client.destroy();
	const stats = metrics.scope("listener.127.0.0.1_0.");
	assert.equal(stats.counter("downstream_cx_transport_socket_connect_timeout").value, 1);
	await eventually(() => stats.gauge("downstream_cx_active").value === 0);
	await close();
});
