import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertShare } from "../../support/load.ts";
import type { Playground } from "../playground.ts";

const SUBSETS = "subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]";

/** One object that a proxy cannot obey must not break the others. */
export function refusedRuleScenes(on: Playground): void {
	const proxyStates = async () => {
		const { code, stdout, stderr } = await on.mesh.lateen(["proxy-status"]);
		assert.equal(code, 0, stderr);
		return stdout;
	};

	describe("Rules that cannot be obeyed", () => {
		test("are left out and told; every other rule works and every proxy stays in sync", async () => {
			const broken =
				'headers: { response: { set: { x-a: "%NO_SUCH_OPERATOR%" } } }, route: [{ destination: { host: echo } }]';
			await on.rules(
				[
					"VirtualService",
					"broken",
					`{ hosts: [echo], http: [{ match: [{ uri: { prefix: /x } }], ${broken} }, { route: [{ destination: { host: echo } }] }] }`,
				],
				["DestinationRule", "rec", `{ host: rec, ${SUBSETS} }`],
				["VirtualService", "rec", "{ hosts: [rec], http: [{ route: [{ destination: { host: rec, subset: v2 } }] }] }"],
			);
			assertShare(await on.load("http://rec:8080/", { count: 20 }), "recommendation v2", 100, 0);
			assert.equal((await on.load("http://echo/"))[0]?.status, 200);
			assert.doesNotMatch(await proxyStates(), /ERROR|STALE/);
			const { stdout } = await on.mesh.lateen(["analyze"]);
			assert.match(stdout, /\[LTN3725\] \(VirtualService default\/broken\) spec\.http\[0\]: .*%NO_SUCH_OPERATOR%/);
		});

		test("settings that few use are obeyed: statPrefix, keep-alive, warm-up, connection age, remote retries", async () => {
			const pool =
				"connectionPool: { tcp: { tcpKeepalive: { time: 60s, interval: 5s, probes: 3 }, maxConnectionDuration: 1h } }";
			const policy = `trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN, warmup: { duration: 1s } }, ${pool} }`;
			const retries = "retries: { attempts: 2, retryOn: 5xx, retryRemoteLocalities: true }";
			await on.rules(
				["DestinationRule", "rec", `{ host: rec, ${policy} }`],
				[
					"VirtualService",
					"rec",
					`{ hosts: [rec], http: [{ match: [{ statPrefix: mine }], ${retries}, route: [{ destination: { host: rec } }] }] }`,
				],
			);
			assertShare(await on.load("http://rec:8080/", { count: 20 }), "recommendation", 100, 0);
			assert.equal(await on.stat("vhost.rec.default.svc.cluster.local:8080.route.mine.upstream_rq_200"), 20);
			assert.doesNotMatch(await proxyStates(), /ERROR|STALE/);
			assert.match((await on.mesh.lateen(["analyze"])).stdout, /^((?!LTN37).)*$/s);
		});
	});
}
