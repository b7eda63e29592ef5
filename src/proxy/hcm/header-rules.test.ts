import assert from "node:assert/strict";
import type { Server } from "node:http";
import { after, before, describe, test } from "node:test";
import { FakeCluster } from "../forward/fake-cluster.ts";
import { addressRange } from "./fields/internal-address.ts";
import type { HcmConfig } from "./hcm-config.ts";
import { HCM_DEFAULTS } from "./hcm-defaults.ts";
import { fieldsEcho, listen, RawClient, startProxy } from "./proxy-fixture.ts";

const UP = [{ match: { prefix: "/" }, route: { cluster: "up" } }];

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
});
