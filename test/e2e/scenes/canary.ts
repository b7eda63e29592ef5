import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { type Answer, assertAll, assertShare, percentOf } from "../../support/load.ts";
import type { TestMesh } from "../../support/mesh.ts";
import { runningLoad } from "../../support/running-load.ts";
import type { Source } from "../../support/sources.ts";
import { type Manifest, Scene, settle } from "../scene.ts";

const NAMESPACE = "my-namespace";
const DEPLOYMENTS = ["my-service", "service-a", "service-b", "service-v1", "service-v2"];
const URL = "http://my-service.my-namespace:8080/";
const V1 = "recommendation v1 ";
const V2 = "recommendation v2 ";
const MISBEHAVES = "recommendation misbehavior";
const EJECTION_MS = 30_000;

/**
 * Weights, retries and outlier ejection in front of services whose instances can be told to fail. `waitForReturn`: also wait the half
 * minute until an ejected instance is tried again, which is worth doing once.
 */
export function canaryScenes(mesh: TestMesh, source: Source, waitForReturn: boolean): void {
	const scene = new Scene(mesh, source, NAMESPACE);
	const { workloads, split, retry, outlier, failover } = source.canary;
	const setWeights = (first: number, second: number) => (rule: Manifest) => {
		rule.spec.http[0]!.route[0]!.weight = first;
		rule.spec.http[0]!.route[1]!.weight = second;
	};
	const misbehaving = new Set<string>();
	const tell = (pod: string, what: "misbehave" | "behave") =>
		scene.exec(pod, "app", "curl", "-sS", `localhost:8080/${what}`);
	/** Makes one pod of an app fail from now on; it is told to behave when the test is over. */
	async function spoil(app: string): Promise<string> {
		const [pod = ""] = await scene.pods(`app=${app}`);
		misbehaving.add(pod);
		await tell(pod, "misbehave");
		return pod;
	}

	describe("Canary, retries, outlier ejection", () => {
		before(async () => {
			await mesh.kubectl.ok(["apply", "-f", workloads]);
			await scene.apply(source.curl);
			await scene.rolledOut("curl", ...DEPLOYMENTS);
			await scene.answers(URL);
		});

		// Rules of one test must not meet the next one, whatever became of it.
		afterEach(async () => {
			for (const pod of misbehaving) await tell(pod, "behave");
			misbehaving.clear();
			await scene.kubectl("delete", "virtualservices,destinationrules", "--all");
		});

		test("S000-canary-90-10: one request in ten goes to v2", async () => {
			await scene.applyRules(split);
			const answers = await scene.load(URL, { count: 1000 });
			assertAll(answers, 200);
			assertShare(answers, V1, 90, 4);
			assertShare(answers, V2, 10, 4);
		});

		test("S000-canary-rollout: shares follow each apply and no request fails while they change", async () => {
			await scene.applyRules(split);
			const load = await runningLoad(scene.mesh, NAMESPACE, URL);
			try {
				for (const [first, second, points] of [
					[80, 20, 5],
					[50, 50, 6.5],
					[0, 100, 0],
				] as const) {
					await scene.applyEdited(split, setWeights(first, second));
					const answers = await load.next(1000);
					assertShare(answers, V1, first, points);
					assertShare(answers, V2, second, points);
				}
			} finally {
				const all = await load.stop();
				assertAll(all, 200);
			}
		});

		test("S000-retry: retries hide an instance that fails, and are counted", async () => {
			await spoil("my-service");
			await settle();
			assertShare(await scene.load(URL, { count: 600 }), MISBEHAVES, 33.3, 8);

			const retries = await sumOfStat(scene, "upstream_rq_retry");
			await scene.applyRules(retry);
			const answers = await scene.load(URL, { count: 600, options: ["-A", "retried"] });
			assert.ok(percentOf(answers, V1) >= 99, `${percentOf(answers, V1)} % came from good instances`);
			assert.ok((await sumOfStat(scene, "upstream_rq_retry")) > retries + 50, "upstream_rq_retry rises");
			assert.ok((await sumOfStat(scene, "upstream_rq_retry_success")) > 50, "upstream_rq_retry_success rises");
			await eventually("all lines of the access log", async () => (await accessLogLines(scene, "retried")) >= 600);
			assert.equal(await accessLogLines(scene, "retried"), 600, "one line per call, however often it was tried");

			await scene.applyEdited(retry, (rule) => {
				rule.spec.http[0]!.retries = { attempts: 0 };
			});
			assertShare(await scene.load(URL, { count: 600 }), MISBEHAVES, 33.3, 8);
		});

		test("S000-outlier-eject: two failures in a row take an instance out", async () => {
			await scene.applyRules(outlier);
			await spoil("my-service");
			const answers = await scene.load(URL, { count: 600 });
			assert.equal(answers.filter(isFailure).length, 2, "the client sees exactly two failures");
			const checks = await outlierChecks(scene, "my-service");
			assert.deepEqual(checks.toSorted(), ["FAILED", "OK", "OK"]);
			assert.equal((await scene.load(URL, { count: 300 })).filter(isFailure).length, 0);
		});

		test("S000-outlier-failover: when all of service-a is ejected, service-b takes its share, until it returns", async () => {
			await scene.applyRules(failover);
			const before = await scene.load(URL, { count: 600 });
			assertAll(before, 200);
			assertShare(before, V1, 70, 7.5);
			const pod = await spoil("service-a");
			const start = performance.now();
			const answers = await scene.load(URL, { count: 600 });
			assert.equal(answers.filter(isFailure).length, 2, "two failures, then service-b answers");
			assert.equal(answers.filter((answer) => answer.body.startsWith(V2)).length, 598);
			await tell(pod, "behave");
			if (!waitForReturn) return;
			await eventually("service-a to be tried again", () => sawVersion1(scene), EJECTION_MS + 15_000);
			assert.ok(performance.now() - start >= EJECTION_MS, "not before the ejection's time");
		});

		after(() => mesh.kubectl.ok(["delete", "namespace", NAMESPACE], { timeoutMs: 90_000 }));
	});
}

function isFailure(answer: Answer): boolean {
	return answer.status === 503;
}

async function sawVersion1(scene: Scene): Promise<boolean> {
	return percentOf(await scene.load(URL, { count: 20 }), V1) > 0;
}

/** The sum of a counter over all clusters of the caller's proxy. */
async function sumOfStat(scene: Scene, name: string): Promise<number> {
	const stats = await scene.exec("deploy/curl", "istio-proxy", "curl", "-sS", "localhost:15000/stats");
	const values = stats.split("\n").filter((line) => line.split(": ")[0]!.endsWith(`.${name}`));
	return values.reduce((sum, line) => sum + Number(line.split(": ")[1]), 0);
}

/** Lines of the caller's access log about requests of this user agent. */
async function accessLogLines(scene: Scene, userAgent: string): Promise<number> {
	const log = await scene.kubectl("logs", "deploy/curl", "-c", "istio-proxy");
	return log.split("\n").filter((line) => line.includes(`"${userAgent}"`)).length;
}

/** OUTLIER CHECK of each endpoint of a service, as the caller's proxy sees them. */
async function outlierChecks(scene: Scene, service: string): Promise<string[]> {
	const cluster = `outbound|8080||${service}.${NAMESPACE}.svc.cluster.local`;
	const args = ["proxy-config", "endpoints", "deploy/curl", "-n", NAMESPACE, "--cluster", cluster, "-o", "json"];
	const { code, stdout, stderr } = await scene.mesh.lateen(args);
	assert.equal(code, 0, stderr);
	return (JSON.parse(stdout) as { outlierCheck: string }[]).map((row) => row.outlierCheck);
}
