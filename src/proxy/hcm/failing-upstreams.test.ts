import assert from "node:assert/strict";
import { createServer as createTcpServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { FakeCluster } from "../forward/fake-cluster.ts";
import { eventually, listen, type SendOptions, send, startProxy } from "./proxy-fixture.ts";

/** An upstream of raw bytes: `answer` is called with each connection and what it has sent so far. */
function rawUpstream(answer: (socket: Socket, text: string) => void) {
	const connections: Socket[] = [];
	const server = createTcpServer((socket) => {
		connections.push(socket);
		let text = "";
		socket.setEncoding("latin1");
		socket.on("data", (chunk) => {
			text += chunk;
			answer(socket, text);
		});
		socket.on("error", () => {});
	});
	return { server, connections };
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

describe("upstreams that fail", () => {
	async function through(
		answer: (socket: Socket, text: string) => void,
		route: Record<string, unknown> = {},
		options: SendOptions = {},
	) {
		const { server, connections } = rawUpstream(answer);
		const cluster = new FakeCluster("up", [await listen(server)]);
		const proxy = await startProxy({
			routes: [{ match: { prefix: "/" }, route: { cluster: "up", ...route } as never }],
			clusters: [cluster],
		});
		try {
			const response = await send(proxy.url, options).catch((error: Error) => error);
			await eventually(() => proxy.ended.length > 0);
			return { response, ended: proxy.ended[0]!, cluster, connections: connections.length };
		} finally {
			await proxy.close();
			for (const socket of connections) socket.destroy();
			server.close();
			await eventually(() => cluster.breakers.held.connections === 0);
			assert.deepEqual(cluster.breakers.held, { connections: 0, pending: 0, requests: 0, retries: 0 });
		}
	}

	test("closes before it answers: 503 UC", async () => {
		const { response, ended, cluster } = await through((socket) => socket.destroy());
		assert.ok("status" in response);
		assert.equal(response.status, 503);
		assert.equal(
			response.body,
			"upstream connect error or disconnect/reset before headers. reset reason: connection termination",
		);
		assert.deepEqual(
			[ended.flags, ended.details],
			["UC", "upstream_reset_before_response_started{connection_termination}"],
		);
		assert.deepEqual(cluster.reports, ["reset"]);
	});

	test("speaks no HTTP: 502 UPE", async () => {
		const { response, ended } = await through((socket) => socket.write("HTTP/1.1 garbage\r\n\r\n"));
		assert.ok("status" in response);
		assert.deepEqual([response.status, ended.flags], [502, "UPE"]);
		assert.match(response.body, /reset reason: protocol error$/);
	});

	test("cuts its answer short: the client's connection is cut too", async () => {
		const { response, ended } = await through((socket) => {
			socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc");
		});
		assert.ok(response instanceof Error);
		assert.deepEqual(
			[ended.code, ended.flags, ended.details],
			[200, "UPE", "upstream_reset_after_response_started{protocol_error}"],
		);
	});

	test("never answers: 504 UT by the route's timeout, and the connection is not used again", async () => {
		const { response, ended, cluster } = await through(() => {}, { timeout: "0.05s" });
		assert.ok("status" in response);
		assert.deepEqual([response.status, response.body], [504, "upstream request timeout"]);
		assert.deepEqual([ended.flags, ended.details], ["UT", "response_timeout"]);
		assert.equal(cluster.counts.upstreamRqTimeout, 1);
		assert.deepEqual(cluster.reports, ["timeout"]);
	});

	test("is too slow for one try: the next one may do", async () => {
		let tries = 0;
		const { response, ended } = await through(
			(socket) => {
				if (++tries > 1) socket.write(OK);
			},
			{ retry_policy: { retry_on: "5xx", num_retries: 1, per_try_timeout: "0.05s" } },
		);
		assert.ok("status" in response);
		assert.deepEqual([response.status, response.body, ended.attempts], [200, "ok", 2]);
	});

	test("is too slow for every try: UT and URX", async () => {
		const { ended } = await through(() => {}, {
			retry_policy: { retry_on: "5xx", num_retries: 1, per_try_timeout: "0.03s" },
		});
		assert.deepEqual([ended.code, ended.flags, ended.details], [504, "URX,UT", "upstream_per_try_timeout"]);
	});

	test("ends an answer without a length by closing: chunks for the client", async () => {
		const { response } = await through((socket) => {
			socket.end("HTTP/1.0 200 OK\r\n\r\nall of it");
		});
		assert.ok("status" in response);
		assert.deepEqual([response.body, response.headers["transfer-encoding"]], ["all of it", "chunked"]);
	});

	test("closes an idle connection under us: the request goes out again on a new one", async () => {
		const { server, connections } = rawUpstream((socket) => {
			// Answers, and is gone before the next request can know.
			socket.write(OK);
			setImmediate(() => socket.resetAndDestroy());
		});
		const cluster = new FakeCluster("up", [await listen(server)]);
		const proxy = await startProxy({
			routes: [{ match: { prefix: "/" }, route: { cluster: "up" } }],
			clusters: [cluster],
		});
		for (let i = 0; i < 30; i++) assert.equal((await send(proxy.url)).status, 200);
		await proxy.close();
		for (const socket of connections) socket.destroy();
		server.close();
	});

	test("refuses connections: 503 UF after all tries", async () => {
		const { server } = rawUpstream(() => {});
		const port = await listen(server);
		await new Promise((resolve) => server.close(resolve));
		const cluster = new FakeCluster("up", [port]);
		const retry_policy = { retry_on: "connect-failure", num_retries: 1 };
		const proxy = await startProxy({
			routes: [{ match: { prefix: "/" }, route: { cluster: "up", retry_policy } }],
			clusters: [cluster],
		});
		const { status, body } = await send(proxy.url);
		assert.equal(status, 503);
		assert.match(
			body,
			/retried and the latest reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused$/,
		);
		const { flags, details } = proxy.ended[0]!;
		assert.equal(flags, "UF,URX");
		assert.match(details, /\{remote_connection_failure\|delayed_connect_error:_Connection_refused\}$/);
		assert.deepEqual(cluster.reports, ["connect", "connect"]);
		assert.deepEqual(cluster.breakers.held, { connections: 0, pending: 0, requests: 0, retries: 0 });
		await proxy.close();
	});

	test("no endpoint: 503 UH; over the limit: 503 UO", async () => {
		const cluster = new FakeCluster("up", [1]);
		const proxy = await startProxy({
			routes: [{ match: { prefix: "/" }, route: { cluster: "up" } }],
			clusters: [cluster],
		});
		cluster.ejected = true;
		const none = await send(proxy.url);
		assert.deepEqual([none.status, none.body, proxy.ended[0]!.flags], [503, "no healthy upstream", "UH"]);
		cluster.ejected = false;
		cluster.breakers.limits.requests = 0;
		const over = await send(proxy.url);
		assert.deepEqual([over.status, proxy.ended[1]!.flags, over.headers["x-envoy-overloaded"]], [503, "UO", "true"]);
		cluster.breakers.limits.requests = Infinity;
		cluster.breakers.limits.pending = 0;
		assert.match((await send(proxy.url)).body, /reset reason: overflow$/);
		await proxy.close();
	});
});
