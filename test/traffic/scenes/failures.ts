import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { assertAll, assertShare } from "../../support/load.ts";
import { runningLoad } from "../../support/running-load.ts";
import type { Playground } from "../playground.ts";

const REC = "http://rec:8080/";
const MISBEHAVES = "recommendation misbehavior";
const CLUSTER = "outbound|8080||rec.default.svc.cluster.local";

/** What callers see when something fails, and what rules do about it. */
export function failureScenes(on: Playground): void {
	const misbehaving = new Set<string>();
	const tell = (pod: string, what: "misbehave" | "behave") =>
		on.exec(pod, "app", "curl", "-sS", `localhost:8080/${what}`);
	const spoil = async (...pods: string[]) => {
		for (const pod of pods) {
			misbehaving.add(pod);
			await tell(pod, "misbehave");
		}
	};
	const outlier = (more: string) =>
		[
			"DestinationRule",
			"rec",
			`{ host: rec, trafficPolicy: { outlierDetection: { consecutive5xxErrors: 2, interval: 5s, baseEjectionTime: 30s, ${more} } } }`,
		] as const;
	const checks = async () => {
		const { stdout } = await on.mesh.lateen([
			"proxy-config",
			"endpoints",
			"deploy/curl",
			"--cluster",
			CLUSTER,
			"-o",
			"json",
		]);
		return (JSON.parse(stdout) as { outlierCheck: string }[]).map((row) => row.outlierCheck).sort();
	};

	describe("Failures", () => {
		afterEach(async () => {
			for (const pod of misbehaving) await tell(pod, "behave");
			misbehaving.clear();
		});

		test("S000-retry-default, D5: without any rule a refused connection is tried elsewhere, a 503 answer is not", async () => {
			assertAll(await on.load("http://mixed:8080/", { count: 100 }), 200);
			const retries = await on.stat("cluster.outbound|8080||mixed.default.svc.cluster.local.upstream_rq_retry");
			assert.ok(retries > 20, `${retries} retries`);
			await spoil(...(await on.pods("app=rec,version=v2")));
			assertShare(await on.load(REC, { count: 400 }), MISBEHAVES, 25, 9);
		});

		test("S000-retry-not-enough: a refused connection that is all there is says so within two seconds", async () => {
			const subsets = "subsets: [{ name: closed, labels: { app: closed } }, { name: none, labels: { app: nobody } }]";
			const to = (subset: string) => `route: [{ destination: { host: mixed, subset: ${subset} } }]`;
			const none = `{ match: [{ uri: { prefix: /none } }], ${to("none")} }`;
			await on.rules(
				["DestinationRule", "mixed", `{ host: mixed, ${subsets} }`],
				["VirtualService", "mixed", `{ hosts: [mixed], http: [${none}, { ${to("closed")} }] }`],
			);
			const [refused] = await on.load("http://mixed:8080/");
			assert.equal(refused?.status, 503);
			assert.match(
				refused!.body,
				/^upstream connect error or disconnect\/reset before headers\. .*Connection refused$/,
			);
			assert.ok(refused!.seconds < 2);
			const [nobody] = await on.load("http://mixed:8080/none");
			assert.deepEqual([nobody?.status, nobody?.body], [503, "no healthy upstream"]);
		});

		test("S000-weight-no-failover: weights alone save nobody", async () => {
			const to = (subset: string, weight: number) =>
				`{ destination: { host: rec, subset: ${subset} }, weight: ${weight} }`;
			await on.rules(
				[
					"DestinationRule",
					"rec",
					"{ host: rec, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }",
				],
				["VirtualService", "rec", `{ hosts: [rec], http: [{ route: [${to("v2", 70)}, ${to("v1", 30)}] }] }`],
			);
			await spoil(...(await on.pods("app=rec,version=v2")));
			const answers = await on.load(REC, { count: 400 });
			assertShare(answers, MISBEHAVES, 70, 9);
			assertShare(answers, "recommendation v1", 30, 9);
		});

		test("S000-outlier-max-100: all may be ejected, or only so many", async () => {
			await spoil(...(await on.pods("app=rec")));
			await on.rules(outlier("maxEjectionPercent: 100"));
			const answers = await on.load(REC, { count: 60 });
			assertAll(answers, 503);
			assert.equal(answers.filter(({ body }) => body.startsWith(MISBEHAVES)).length, 8, "two of each pod");
			assert.equal(answers.at(-1)?.body, "no healthy upstream");
			assert.deepEqual(await checks(), ["FAILED", "FAILED", "FAILED", "FAILED"]);
			await on.clear();
			await on.rules(outlier("maxEjectionPercent: 50"));
			await on.load(REC, { count: 60 });
			assert.deepEqual(await checks(), ["FAILED", "FAILED", "OK", "OK"]);
		});

		test("S002-resilience: consecutiveErrors, the old name, works and warns", async () => {
			const policy =
				"trafficPolicy: { outlierDetection: { consecutiveErrors: 1, baseEjectionTime: 30s, maxEjectionPercent: 100 } }";
			assert.match(
				await on.rules(["DestinationRule", "rec", `{ host: rec, ${policy} }`]),
				/consecutiveErrors is an old name/,
			);
			await spoil(...(await on.pods("app=rec,version=v2")));
			const answers = await on.load(REC, { count: 100 });
			assert.equal(answers.filter(({ status }) => status === 503).length, 1);
		});

		test("S000-instance-failover: a deleted instance costs next to nothing", async () => {
			const load = await runningLoad(on.mesh, on.namespace, REC);
			const [pod = ""] = await on.pods("app=rec,version=v1");
			await load.next(200);
			await on.kubectl("delete", "pod", pod, "--wait=false");
			await load.next(600);
			await on.rolledOut("rec-v1");
			const answers = await load.stop();
			const failed = answers.filter(({ status }) => status !== 200);
			assert.ok(
				failed.length <= answers.length / 100,
				`${failed.length} of ${answers.length} failed: ${failed[0]?.body}`,
			);
			const last = answers.slice(-200);
			assert.equal(last.filter(({ body }) => body.includes(pod)).length, 0, "the deleted pod gets nothing any more");
		});

		test("S001-no-code-change, S001-wildcard-dr: delay, abort, timeout and breaker are the proxy's work", async () => {
			const when = (value: string) => `match: [{ headers: { end-user: { exact: ${value} } } }]`;
			const route = "route: [{ destination: { host: echo } }]";
			const all = "percentage: { value: 100 }";
			const rules = [
				`{ ${when("delay")}, fault: { delay: { fixedDelay: 2s, ${all} } }, ${route} }`,
				`{ ${when("abort")}, fault: { abort: { httpStatus: 500, ${all} } }, ${route} }`,
				`{ timeout: 0.5s, ${route} }`,
			];
			await on.rules(["VirtualService", "echo", `{ hosts: [echo], http: [${rules.join(", ")}] }`]);
			const asUser = async (user: string, path = "/") =>
				(await on.load(`http://echo${path}`, { options: ["-H", `end-user: ${user}`] }))[0]!;
			const delayed = await asUser("delay");
			assert.equal(delayed.status, 200);
			assert.ok(delayed.seconds >= 2 && delayed.seconds < 2.3, `${delayed.seconds} s`);
			const aborted = await asUser("abort");
			assert.deepEqual([aborted.status, aborted.body], [500, "fault filter abort"]);
			const late = await asUser("other", "/?delay=1s");
			assert.deepEqual([late.status, late.body], [504, "upstream request timeout"]);
			await on.clear();

			const pool =
				"connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1, maxRequestsPerConnection: 1 } }";
			await on.rules(["DestinationRule", "all", `{ host: "*.default.svc.cluster.local", trafficPolicy: { ${pool} } }`]);
			const parallel = ["--parallel", "--parallel-immediate", "--parallel-max", "8", "-i"];
			const answers = await on.exec("deploy/curl", "curl", "curl", "-sS", ...parallel, "http://echo/?delay=1s&n=[1-8]");
			assert.match(answers, /x-envoy-overloaded: true/);
			assert.match(answers, /upstream connect error or disconnect\/reset before headers\. reset reason: overflow/);
			assert.match(answers, /HTTP\/1\.1 200 OK/);
		});

		test("S004-cb-open: only the errors of the pod itself count, exactly", async () => {
			await on.rules(outlier("maxEjectionPercent: 100"));
			const [bad = ""] = await on.pods("app=rec,version=v2");
			await spoil(bad);
			const errors = async () => {
				const text = await on.exec("deploy/curl", "istio-proxy", "curl", "-sS", "localhost:15020/stats/prometheus");
				const line = text
					.split("\n")
					.find(
						(l) =>
							l.startsWith("istio_requests_total{") &&
							l.includes('destination_workload="rec-v2"') &&
							l.includes('response_code="503"'),
					);
				return Number(line?.split(" ").at(-1) ?? 0);
			};
			const before = await errors();
			await on.load(REC, { count: 200 });
			assert.equal((await errors()) - before, 2);
			await eventually(
				"the ejection in stats",
				async () => (await on.stat(`cluster.${CLUSTER}.outlier_detection.ejections_active`)) === 1,
			);
		});
	});
}
