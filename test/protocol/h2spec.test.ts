import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { FakeCluster } from "../../src/proxy/forward/fake-cluster.ts";
import { type ProxyFixture, startProxy } from "../../src/proxy/hcm/proxy-fixture.ts";
import { HTTP2_DEFAULTS } from "../../src/proxy/http/http2/http2-options.ts";
import { findH2spec, runH2spec } from "../support/h2spec.ts";
import { CodecServer } from "./codec-server.ts";

const h2spec = await findH2spec();

/** All 145 tests, and the one that `--strict` adds. Envoy 1.40 passes 134. */
const ALL = 146;

async function assertAllPass(port: number): Promise<void> {
	assert.ok("path" in h2spec);
	const { passed, failed, failures } = await runH2spec(h2spec.path, port, ["--strict"]);
	assert.equal(failed, 0, failures);
	assert.equal(passed, ALL);
}

describe("h2spec", { skip: "skip" in h2spec && h2spec.skip }, () => {
	let codec: CodecServer;
	let endpoint: Server;

	before(async () => {
		codec = await CodecServer.start();
		endpoint = createServer((req, res) => {
			req.resume();
			req.on("end", () => res.end("hello over HTTP/1"));
		});
		await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
	});

	after(() => {
		codec?.close();
		endpoint?.close();
		endpoint?.closeAllConnections();
	});

	async function overProxy(routes: Parameters<typeof startProxy>[0]["routes"], streamErrors: boolean): Promise<void> {
		const clusters = [
			new FakeCluster("one", [(endpoint.address() as AddressInfo).port]),
			new FakeCluster("two", [codec.port], { httpProtocol: "http2" }),
		];
		const http2 = { ...HTTP2_DEFAULTS, streamErrorOnInvalidMessage: streamErrors };
		const proxy: ProxyFixture = await startProxy({ routes, clusters, config: { http2, codec: "http2" } });
		try {
			await assertAllPass(proxy.port);
		} finally {
			await proxy.close();
		}
	}

	it("finds nothing wrong with the codec", () => assertAllPass(codec.port));

	it("finds nothing wrong with what HTTP/1 endpoints answer through the proxy", () =>
		overProxy([{ match: { prefix: "/" }, route: { cluster: "one" } }], true));

	it("finds nothing wrong with what HTTP/2 endpoints answer through the proxy", () =>
		overProxy([{ match: { prefix: "/" }, route: { cluster: "two" } }], false));
});
