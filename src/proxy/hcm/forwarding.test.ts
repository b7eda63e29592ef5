import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer, type IncomingMessage, type RequestOptions, request, type Server } from "node:http";
import { createServer as createTcpServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { FakeCluster } from "../forward/fake-cluster.ts";
import { eventually, listen, type ProxyFixture, RawClient, startProxy } from "./proxy-fixture.ts";

/** What the upstream saw and answers back as JSON. */
interface Echo {
	readonly method: string;
	readonly url: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body: string;
}

function echo(): Server {
	return createServer((req, res) => {
		let body = "";
		req.setEncoding("latin1");
		req.on("data", (chunk) => {
			body += chunk;
		});
		req.on("end", () => {
			const { method, url, headers } = req;
			const status = Number(/status=(\d+)/.exec(url!)?.[1] ?? 200);
			res.writeHead(status, { "content-type": "application/json", "x-up": "1" });
			res.end(status === 204 || status === 304 ? undefined : JSON.stringify({ method, url, headers, body }));
		});
	});
}

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

interface SendOptions extends RequestOptions {
	readonly body?: string;
}

async function send(url: string, options: SendOptions = {}) {
	const res = await new Promise<IncomingMessage>((resolve, reject) => {
		const req = request(url, options, resolve);
		req.on("error", reject);
		req.end(options.body);
	});
	let body = "";
	for await (const chunk of res.setEncoding("latin1")) body += chunk;
	return { status: res.statusCode!, headers: res.headers, body };
}

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

describe("forwarding to an upstream", () => {
	let upstream: Server;
	let cluster: FakeCluster;
	let proxy: ProxyFixture;

	before(async () => {
		upstream = echo();
		cluster = new FakeCluster("up", [await listen(upstream)]);
		const routes: JsonObject[] = [
			{ match: { path: "/direct" }, direct_response: { status: 201, body: { inline_string: "hi" } } },
			{ match: { path: "/away" }, redirect: { path_redirect: "/there" } },
			{ match: { prefix: "/nocluster" }, route: { cluster: "nope" } },
			{
				match: { prefix: "/retry" },
				route: {
					cluster: "up",
					retry_policy: { retry_on: "5xx", num_retries: 2, retry_back_off: { base_interval: "0.001s" } },
				},
			},
			{
				match: { prefix: "/ops" },
				route: { cluster: "up", prefix_rewrite: "/rewritten" },
				request_headers_to_add: [{ header: { key: "x-req", value: "1" } }],
				response_headers_to_add: [{ header: { key: "x-res", value: "1" } }],
			},
			{ match: { prefix: "/up" }, route: { cluster: "up" } },
		];
		const virtualHost = { include_request_attempt_count: true };
		proxy = await startProxy({
			routes,
			virtualHost,
			clusters: [cluster],
			config: { upgrades: new Set(["websocket"]) },
		});
	});

	after(async () => {
		await proxy.close();
		upstream.closeAllConnections();
		upstream.close();
		await eventually(() => cluster.breakers.held.connections === 0);
		assert.deepEqual(cluster.breakers.held, { connections: 0, pending: 0, requests: 0, retries: 0 });
		assert.equal(cluster.hosts()[0]!.activeRequests, 0);
	});

	test("a request and its answer, with Envoy's fields", async () => {
		const { status, headers, body } = await send(`${proxy.url}/up?a=1`, { headers: { "X-Custom": "Kept" } });
		const seen = JSON.parse(body) as Echo;
		assert.equal(status, 200);
		assert.equal(headers["x-up"], "1");
		assert.equal(headers.server, "envoy");
		assert.match(String(headers["x-envoy-upstream-service-time"]), /^\d+$/);
		assert.equal(seen.url, "/up?a=1");
		assert.equal(seen.headers["x-custom"], "Kept");
		assert.equal(seen.headers["x-forwarded-proto"], "http");
		assert.equal(seen.headers["x-envoy-expected-rq-timeout-ms"], "15000");
		assert.equal(seen.headers["x-envoy-attempt-count"], "1");
		assert.match(seen.headers["x-request-id"]!, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
		assert.equal(seen.headers.connection, undefined);
		const { path, code, flags, details } = proxy.ended.at(-1)!;
		assert.deepEqual([path, code, flags, details], ["/up?a=1", 200, "", "via_upstream"]);
	});

	test("one upstream connection serves many requests", async () => {
		const before = cluster.hosts()[0]!.stats.cxTotal;
		for (let i = 0; i < 5; i++) await send(`${proxy.url}/up`);
		assert.ok(cluster.hosts()[0]!.stats.cxTotal - before <= 1);
	});

	test("bodies go through by length and in chunks, large ones too", async () => {
		for (const size of [0, 1, 5000, 70_000, 1_000_000]) {
			const body = "0123456789".repeat(size / 10 + 1).slice(0, size);
			const byLength = await send(`${proxy.url}/up`, { method: "POST", body, headers: { "content-length": size } });
			assert.equal((JSON.parse(byLength.body) as Echo).body, body);
			const chunked = await send(`${proxy.url}/up`, {
				method: "POST",
				body,
				headers: { "transfer-encoding": "chunked" },
			});
			assert.equal((JSON.parse(chunked.body) as Echo).body, body);
		}
	});

	test("pipelined requests are answered in order", async () => {
		const client = new RawClient(proxy.port);
		const paths = ["/up/1", "/direct", "/up/2", "/nope", "/up/3"];
		client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""));
		await client.until((text) => text.includes("/up/3"));
		const statuses = [...client.text.matchAll(/HTTP\/1.1 (\d+) [A-Z]/g)].map(([, status]) => status);
		assert.deepEqual(statuses, ["200", "201", "200", "404", "200"]);
		client.destroy();
	});

	test("the target of an absolute-form request takes the place of Host", async () => {
		const client = new RawClient(proxy.port).send("GET http://reviews:9080/up HTTP/1.1\r\nHost: other\r\n\r\n");
		await client.until((text) => text.includes('"host":"reviews:9080"'));
		client.destroy();
	});

	test("real curl through the proxy as http_proxy", async () => {
		const args = ["-s", "-x", proxy.url, "--data-binary", "x=1", "http://reviews:9080/up"];
		const stdout = await new Promise<string>((resolve, reject) =>
			execFile("curl", args, (error, out) => (error ? reject(error) : resolve(out))),
		);
		const seen = JSON.parse(stdout) as Echo;
		assert.deepEqual([seen.method, seen.body, seen.headers.host], ["POST", "x=1", "reviews:9080"]);
	});

	test("HEAD, 204 and 304 have no body and keep the connection", async () => {
		const client = new RawClient(proxy.port);
		client.send("HEAD /up HTTP/1.1\r\nHost: a\r\n\r\n");
		await client.until((text) => text.includes("\r\n\r\n"));
		client.send("GET /up?status=204 HTTP/1.1\r\nHost: a\r\n\r\n");
		await client.until((text) => /204 No Content[\s\S]*\r\n\r\n/.test(text));
		client.send("GET /up?status=304 HTTP/1.1\r\nHost: a\r\n\r\n");
		await client.until((text) => /304 Not Modified[\s\S]*\r\n\r\n/.test(text));
		client.send("GET /direct HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		assert.match(await client.untilClosed(), /HTTP\/1.1 201 Created[\s\S]*connection: close[\s\S]*hi$/);
	});

	test("direct responses and redirects", async () => {
		assert.equal((await send(`${proxy.url}/direct`)).body, "hi");
		const { status, headers } = await send(`${proxy.url}/away`);
		assert.deepEqual([status, headers.location], [301, `${proxy.url}/there`]);
	});

	test("no route: 404 NR; no cluster: 503 NC; both without body", async () => {
		const none = await send(`${proxy.url}/nope`);
		assert.deepEqual([none.status, none.body, none.headers["content-length"]], [404, "", "0"]);
		assert.deepEqual([proxy.ended.at(-1)!.flags, proxy.ended.at(-1)!.details], ["NR", "route_not_found"]);
		const lost = await send(`${proxy.url}/nocluster`);
		assert.deepEqual([lost.status, lost.body], [503, ""]);
		assert.deepEqual([proxy.ended.at(-1)!.flags, proxy.ended.at(-1)!.details], ["NC", "cluster_not_found"]);
	});

	test("header operations and rewrites of the route", async () => {
		const { headers, body } = await send(`${proxy.url}/ops/x`);
		const seen = JSON.parse(body) as Echo;
		assert.equal(headers["x-res"], "1");
		assert.deepEqual([seen.url, seen.headers["x-req"]], ["/rewritten/x", "1"]);
		assert.equal(seen.headers["x-envoy-original-path"], "/ops/x");
	});

	test("retries a response by policy, body included, and counts attempts", async () => {
		const { status, body } = await send(`${proxy.url}/retry?status=503`, { method: "POST", body: "again" });
		const seen = JSON.parse(body) as Echo;
		assert.equal(status, 503);
		assert.deepEqual([seen.body, seen.headers["x-envoy-attempt-count"]], ["again", "3"]);
		const { flags, attempts } = proxy.ended.at(-1)!;
		assert.deepEqual([flags, attempts], ["URX", 3]);
		assert.equal(cluster.counts.upstreamRqRetry, 2);
		assert.equal(cluster.counts.upstreamRqRetryLimitExceeded, 1);
	});

	test("Expect: 100-continue is answered here", async () => {
		const client = new RawClient(proxy.port);
		client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
		await client.until((text) => text === "HTTP/1.1 100 Continue\r\n\r\n");
		client.send("hi");
		const text = await client.until((so) => so.includes('"body":"hi"'));
		assert.ok(!text.includes('"expect"'));
		client.destroy();
	});

	test("x-envoy fields of a client that is not internal do not steer the proxy", async () => {
		const steering = { "x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-retry-on": "5xx", "x-envoy-internal": "true" };
		const seen = JSON.parse((await send(`${proxy.url}/up`, { headers: steering })).body) as Echo;
		for (const name of Object.keys(steering)) assert.equal(seen.headers[name], undefined);
		assert.equal(seen.headers["x-envoy-expected-rq-timeout-ms"], "15000");
	});

	test("an upgrade that is not allowed: 403", async () => {
		const client = new RawClient(proxy.port);
		client.send("GET /up HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
		assert.match(await client.untilClosed(), /^HTTP\/1.1 403 /);
	});

	test("bytes that are no HTTP: 400, DPE, connection closed", async () => {
		const client = new RawClient(proxy.port).send("GARBAGE\r\n\r\n");
		assert.match(await client.untilClosed(), /^HTTP\/1.1 400 Bad Request[\s\S]*connection: close\r\n\r\nBad Request$/);
		const { code, flags } = proxy.ended.at(-1)!;
		assert.deepEqual([code, flags], [400, "DPE"]);
	});
});

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
		assert.match(body, /retried and the latest reset reason: remote connection failure$/);
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
