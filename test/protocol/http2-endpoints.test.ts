import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import { batchWrites, type Transport } from "../../src/proxy/codec/transport.ts";
import { FakeCluster } from "../../src/proxy/forward/fake-cluster.ts";
import { type ProxyFixture, startProxy } from "../../src/proxy/hcm/proxy-fixture.ts";
import { HeaderMap } from "../../src/proxy/http/header-map.ts";
import { HTTP2_DEFAULTS, type Http2Options } from "../../src/proxy/http/http2/http2-options.ts";
import { goAwayFrame } from "../../src/proxy/http2/frame/frame-writer.ts";
import { RecordingServer, sessionSetup } from "../../src/proxy/http2/http2-fixture.ts";
import type { Http2Stream } from "../../src/proxy/http2/session/http2-stream.ts";
import { ServerSession } from "../../src/proxy/http2/session/server-session.ts";
import { eventually } from "../support/eventually.ts";
import { runOverSocket } from "./session-socket.ts";

interface Arrival {
	/** Which of the endpoint's connections, from 0. */
	readonly connection: number;
	readonly stream: Http2Stream;
	readonly session: ServerSession;
	readonly transport: Transport;
}

describe("HTTP/2 endpoints that leave, limit or fall silent", () => {
	const closing: (() => unknown)[] = [];

	afterEach(async () => {
		for (const close of closing.splice(0)) await close();
	});

	/** An endpoint that does `onArrival` with each request. */
	async function endpoint(
		onArrival: (arrival: Arrival) => void,
		options: Partial<Http2Options> = {},
	): Promise<{ port: number; sockets: Socket[] }> {
		const sockets: Socket[] = [];
		const server: Server = createServer((socket) => {
			const connection = sockets.push(socket) - 1;
			socket.on("error", () => undefined);
			const user = new RecordingServer((stream) => onArrival({ connection, stream, session, transport }));
			const { session, transport } = runOverSocket(
				socket,
				(output) => new ServerSession(sessionSetup(output, options), user),
			);
		}).listen(0, "127.0.0.1");
		await once(server, "listening");
		closing.push(() => {
			server.close();
			for (const socket of sockets) socket.destroy();
		});
		return { port: (server.address() as AddressInfo).port, sockets };
	}

	async function proxyTo(port: number, http2: Partial<Http2Options> = {}): Promise<[ProxyFixture, FakeCluster]> {
		const cluster = new FakeCluster("two", [port], { httpProtocol: "http2", http2: { ...HTTP2_DEFAULTS, ...http2 } });
		const proxy = await startProxy({
			clusters: [cluster],
			routes: [{ match: { prefix: "/" }, route: { cluster: "two", timeout: "5s" } }],
		});
		closing.push(() => proxy.close());
		return [proxy, cluster];
	}

	function answer({ stream, session, connection }: Arrival): void {
		batchWrites(() => {
			session.respond(stream, { status: 200, headers: new HeaderMap() }, false);
			stream.sendText(`connection ${connection}`, true);
		});
	}

	const ask = async (proxy: ProxyFixture) => {
		const response = await fetch(`${proxy.url}/`);
		return `${response.status} ${await response.text()}`;
	};

	it("a request that GOAWAY says was not looked at goes out again on a new connection", async () => {
		const { port } = await endpoint((arrival) => {
			if (arrival.connection > 0) answer(arrival);
			else arrival.transport.send(goAwayFrame(0, 0, ""));
		});
		const [proxy, cluster] = await proxyTo(port);
		assert.equal(await ask(proxy), "200 connection 1");
		assert.equal(cluster.counts.upstreamCxHttp2Total, 2);
		assert.equal(cluster.counts.upstreamCxCloseNotify, 1);
		assert.equal(cluster.breakers.held.requests, 0);
	});

	it("after GOAWAY a running request is answered, and the next one takes a new connection", async () => {
		const { port } = await endpoint((arrival) => {
			if (arrival.connection === 0) arrival.session.goAway(0);
			answer(arrival);
		});
		const [proxy, cluster] = await proxyTo(port);
		assert.equal(await ask(proxy), "200 connection 0");
		assert.equal(await ask(proxy), "200 connection 1");
		assert.equal(await ask(proxy), "200 connection 1");
		await eventually("the first connection to close", () => cluster.breakers.held.connections === 1);
	});

	it("more requests than the endpoint allows on one connection get another", async () => {
		const waiting: Arrival[] = [];
		const { port } = await endpoint((arrival) => waiting.push(arrival), { maxConcurrentStreams: 1 });
		const [proxy, cluster] = await proxyTo(port);
		const first = ask(proxy);
		await eventually("the first request", () => waiting.length === 1);
		const second = ask(proxy);
		await eventually("the second request", () => waiting.length === 2);
		for (const arrival of waiting) answer(arrival);
		assert.deepEqual([await first, await second], ["200 connection 0", "200 connection 1"]);
		assert.equal(cluster.counts.upstreamCxHttp2Total, 2);
		assert.equal(await answersThird(proxy, waiting), true);
	});

	/** Both connections are there still: a third request needs no new one. */
	async function answersThird(proxy: ProxyFixture, waiting: Arrival[]): Promise<boolean> {
		const before = waiting.length;
		const third = ask(proxy);
		await eventually("the third request", () => waiting.length > before);
		answer(waiting.at(-1)!);
		return (await third) === "200 connection 0";
	}

	it("a connection whose endpoint does not answer PING is cut, with what runs on it", async () => {
		const { port, sockets } = await endpoint(() => {
			// The endpoint stops reading: it sees no PING any more.
			for (const socket of sockets) socket.pause();
		});
		const keepalive = { intervalMs: 30, timeoutMs: 60, jitterPercent: 0, idleIntervalMs: 0 };
		const [proxy, cluster] = await proxyTo(port, { keepalive });
		assert.match(await ask(proxy), /^503 upstream connect error/);
		assert.equal(cluster.counts["http2.keepalive_timeout"], 1);
		assert.equal(cluster.breakers.held.connections, 0);
		assert.equal(cluster.breakers.held.requests, 0);
	});

	it("an endpoint that breaks the protocol costs its requests 502", async () => {
		const { port } = await endpoint(({ transport }) => transport.send("\0\0\x05\x06\0\0\0\0\0hello"));
		const [proxy, cluster] = await proxyTo(port);
		assert.match(await ask(proxy), /^502 /);
		assert.equal(cluster.counts.upstreamCxProtocolError, 1);
		assert.equal(proxy.ended[0]!.flags, "UPE");
	});
});
