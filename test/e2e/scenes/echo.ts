import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertAll, assertShare } from "../../support/load.ts";
import type { TestMesh } from "../../support/mesh.ts";
import type { Source } from "../../support/sources.ts";
import { Scene } from "../scene.ts";

/** Rules by path, header, cookie and time, between two versions of an echo server in the namespace default. */
export function echoScenes(mesh: TestMesh, source: Source): void {
	const scene = new Scene(mesh, source, "default");
	const { host, deployments, workloads, pathExact, pathPrefix, headerCookie, timeout } = source.echo;
	const url = (path: string) => `http://${host}${path}`;

	/** Every one of the answers comes from that version's pod. */
	async function assertPod(path: string, version: 0 | 1, options: string[] = [], count = 200): Promise<void> {
		const answers = await scene.load(url(path), { count, options });
		assertAll(answers, 200);
		assertShare(answers, `"pod": "${deployments[version]}-`, 100, 0);
	}

	async function assertNotFound(path: string): Promise<void> {
		const [answer] = await scene.load(url(path));
		assert.deepEqual([answer?.status, answer?.body], [404, ""], path);
	}

	describe("Rules by path, header, cookie and time", () => {
		before(async () => {
			await scene.apply(source.curl, ...workloads);
			await scene.rolledOut("curl", ...deployments);
			await scene.answers(url("/"));
		});

		test("S000-path-exact: exact means exact, the query does not count, no rule is 404 without a body", async () => {
			await scene.applyRules(pathExact);
			await assertPod("/v1", 0);
			await assertPod("/v2", 1);
			await assertPod("/v1?x=1", 0, [], 1);
			for (const path of ["/v1/", "/v1x", "/v3"]) await assertNotFound(path);
			await scene.delete(pathExact);
		});

		test("S000-path-prefix-api: a prefix is the beginning of the text", async () => {
			await scene.applyRules(pathPrefix);
			await assertPod("/api/v1/anything", 0);
			await assertPod("/api/v2/x", 1);
			await assertPod("/api/v10", 0, [], 20);
			await assertNotFound("/other");
			await scene.delete(pathPrefix);
		});

		test("S000-ab-header: the header's name in any case, its value exactly", async () => {
			await scene.applyRules(headerCookie);
			await assertPod("/", 1, ["-H", "x-group: b"]);
			await assertPod("/", 1, ["-H", "X-GROUP: b"], 20);
			await assertPod("/", 0);
			await assertPod("/", 0, ["-H", "x-group: B"], 20);
			await assertPod("/", 0, ["-H", "x-group: a"], 20);
		});

		test("S000-ab-cookie: the expression must match the whole cookie header", async () => {
			await assertPod("/", 1, ["-b", "group=b"]);
			await assertPod("/", 1, ["-b", "x=1;group=b"], 20);
			await assertPod("/", 0, ["-b", "x=1; group=b"], 20);
			await scene.delete(headerCookie);
		});

		test("S000-timeout: 504 after the route's second, no limit elsewhere", async () => {
			await scene.applyRules(timeout);
			const [slow] = await scene.load(url("/slow?delay=3s"));
			assert.deepEqual([slow?.status, slow?.body], [504, "upstream request timeout"]);
			assert.ok(slow!.seconds >= 1 && slow!.seconds < 1.3, `${slow!.seconds} s`);
			const [fast] = await scene.load(url("/fast?delay=3s"));
			assert.equal(fast?.status, 200);
			assert.ok(fast!.seconds >= 3 && fast!.seconds < 3.5, `${fast!.seconds} s`);
			await scene.delete(timeout);
		});

		// The namespace default is in one of the files and stays.
		after(async () => {
			await scene.kubectl("delete", "--ignore-not-found", "--wait=false", `service/${host}`, `destinationrule/${host}`);
			await scene.kubectl("delete", "--wait=false", ...deployments.map((name) => `deploy/${name}`));
			await scene.delete(source.curl);
		});
	});
}
