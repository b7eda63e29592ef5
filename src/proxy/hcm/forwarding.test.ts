import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer, type Server } from "node:http";
import { after, before, describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { FakeCluster } from "../forward/fake-cluster.ts";
import { eventually, listen, type ProxyFixture, RawClient, send, startProxy } from "./proxy-fixture.ts";

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

describe("settings of routes and clusters", () => {
	let upstream: Server;
	let upstreamPort: number;
	before(async () => {
		upstream = echo();
		upstreamPort = await listen(upstream);
	});
	after(() => {
		upstream.closeAllConnections();
		upstream.close();
	});

	test("a route with stat_prefix counts under its own name", async () => {
		const retry_policy = { retry_on: "5xx", num_retries: 1, retry_back_off: { base_interval: "0.001s" } };
		const proxy = await startProxy({
			routes: [{ match: { prefix: "/" }, stat_prefix: "mine", route: { cluster: "up", retry_policy } }],
			clusters: [new FakeCluster("up", [upstreamPort])],
		});
		await send(`${proxy.url}/a`);
		await send(`${proxy.url}/?status=500`);
		const counted = (name: string) => proxy.metrics.scope("vhost.all.route.mine.").counter(name).value;
		const names = ["total", "completed", "200", "5xx", "retry", "retry_limit_exceeded"];
		assert.deepEqual(
			names.map((name) => counted(`upstream_rq_${name}`)),
			[3, 2, 1, 1, 1, 1],
		);
		await proxy.close();
	});

	test("retries leave out the levels that were tried, as often as the policy says", async () => {
		const retry_policy = {
			retry_on: "5xx",
			num_retries: 4,
			retry_back_off: { base_interval: "0.001s" },
			retry_priority: {
				name: "envoy.retry_priorities.previous_priorities",
				typed_config: {
					"@type":
						"type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
					update_frequency: 2,
				},
			},
		};
		const cluster = new FakeCluster("up", [upstreamPort]);
		const proxy = await startProxy({
			routes: [{ match: { prefix: "/" }, route: { cluster: "up", retry_policy } }],
			clusters: [cluster],
		});
		await send(`${proxy.url}/?status=500`);
		assert.deepEqual(cluster.avoided, [[], [], [0], [0], [0]]);
		await proxy.close();
	});

	test("a connection past its highest age gets no other request", async () => {
		const ageless = new FakeCluster("ageless", [upstreamPort]);
		const aged = new FakeCluster("aged", [upstreamPort], { maxConnectionDurationMs: 0.001 });
		const proxy = await startProxy({
			routes: [ageless, aged].map(({ name }) => ({ match: { prefix: `/${name}` }, route: { cluster: name } })),
			clusters: [ageless, aged],
		});
		for (const path of ["/ageless", "/ageless", "/aged", "/aged"]) await send(`${proxy.url}${path}`);
		assert.equal(ageless.hosts()[0]!.stats.cxTotal, 1);
		assert.equal(aged.hosts()[0]!.stats.cxTotal, 2);
		await eventually(() => aged.counts.upstreamCxMaxDurationReached === 2);
		await proxy.close();
	});
});
