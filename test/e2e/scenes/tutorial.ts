import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { assertAll, assertShare } from "../../support/load.ts";
import type { TestMesh } from "../../support/mesh.ts";
import type { Source } from "../../support/sources.ts";
import { Scene, settle } from "../scene.ts";

const NAMESPACE = "tutorial";
const PREFIX = "customer => preference => recommendation";

/** customer → preference → recommendation behind the gateway, as the tutorial's reader does it. */
export function tutorialScenes(mesh: TestMesh, source: Source): void {
	const scene = new Scene(mesh, source, NAMESPACE);
	const file = (path: string) => join(source.tutorial, path);
	const rule = (name: string) => file(`istiofiles/${name}.yml`);

	async function deploy(folder: string, deployment: string, manifest = "Deployment.yml"): Promise<void> {
		await scene.apply(file(`${folder}/kubernetes/${manifest}`));
		if (manifest === "Deployment.yml") await scene.kubectl("create", "-f", file(`${folder}/kubernetes/Service.yml`));
		await scene.rolledOut(deployment);
	}

	describe("The tutorial's chain", () => {
		before(async () => {
			await mesh.kubectl.ok(["create", "namespace", NAMESPACE]);
			await mesh.kubectl.ok(["label", "namespace", NAMESPACE, "istio-injection=enabled"]);
		});

		test("S002-customer-alone: without preference the chain breaks at its name", async () => {
			await deploy("customer", "customer");
			const made = await scene.kubectl("create", "-f", file("customer/kubernetes/Gateway.yml"));
			assert.equal(
				made,
				"gateway.networking.istio.io/customer-gateway created\nvirtualservice.networking.istio.io/customer-gateway created\n",
			);
			await scene.gatewayAnswers("/customer", 503);
			await settle();
			const [answer] = await scene.loadGateway("/customer");
			assert.deepEqual([answer?.status, answer?.body], [503, "customer => UnknownHostException: preference\n"]);
		});

		test("S002-full-chain: one answer through three services, counted by the last; paths are rewritten", async () => {
			await deploy("preference", "preference-v1");
			await deploy("recommendation", "recommendation-v1");
			await scene.gatewayAnswers("/customer");
			const [pod = ""] = await scene.pods("app=recommendation");
			const answers = await scene.loadGateway("/customer", { count: 3 });
			assertAll(answers, 200);
			const counts = answers.map(({ body }) => {
				const parts = new RegExp(`^${PREFIX} v1 from '${pod}': (\\d+)\n$`).exec(body);
				assert.ok(parts, body);
				return Number(parts[1]);
			});
			assert.deepEqual(counts, [counts[0]!, counts[0]! + 1, counts[0]! + 2]);

			assertAll(await scene.loadGateway("/customer?a=1"), 200);
			const [fromApp] = await scene.loadGateway("/customerx");
			assert.equal(fromApp?.status, 404);
			assert.notEqual(fromApp?.body, "", "the application's own 404");
			const [fromGateway] = await scene.loadGateway("/");
			assert.deepEqual([fromGateway?.status, fromGateway?.body], [404, ""]);
		});

		test("S002-canary-90-10: apply over an object made by create warns and takes effect", async () => {
			await deploy("recommendation", "recommendation-v2", "Deployment-v2.yml");
			await scene.kubectl("create", "-f", rule("destination-rule-recommendation-v1-v2"));
			await scene.kubectl("create", "-f", rule("virtual-service-recommendation-v1"));
			await settle();
			assertShare(await scene.loadGateway("/customer", { count: 100 }), `${PREFIX} v1`, 100, 0);

			const args = ["apply", "-f", rule("virtual-service-recommendation-v1_and_v2"), "-n", NAMESPACE];
			const { stdout, stderr } = await mesh.kubectl(args);
			assert.equal(stdout, "virtualservice.networking.istio.io/recommendation configured\n");
			assert.match(stderr, /missing the kubectl.kubernetes.io\/last-applied-configuration annotation/);
			await settle();
			await assertSplit(90, 4);
		});

		test("S002-canary-75-25: replace moves the weights and counts the generation", async () => {
			const generation = () => scene.kubectl("get", "vs", "recommendation", "-o", "jsonpath={.metadata.generation}");
			const before = Number(await generation());
			const said = await scene.kubectl("replace", "-f", rule("virtual-service-recommendation-v1_and_v2_75_25"));
			assert.equal(said, "virtualservice.networking.istio.io/recommendation replaced\n");
			assert.equal(Number(await generation()), before + 1);
			await settle();
			await assertSplit(75, 5.5);
		});

		test("S002-firefox: the browser's name decides, two services further down", async () => {
			await scene.applyRules(rule("virtual-service-firefox-recommendation-v2"));
			for (const [agent, version] of [
				["Firefox", "v2"],
				["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "v2"],
				["Safari", "v1"],
			] as const) {
				const answers = await scene.loadGateway("/customer", { count: 200, options: ["-A", agent] });
				assertAll(answers, 200);
				assertShare(answers, `${PREFIX} ${version}`, 100, 0);
			}
		});

		after(() => mesh.kubectl.ok(["delete", "namespace", NAMESPACE], { timeoutMs: 90_000 }));

		async function assertSplit(v1: number, points: number): Promise<void> {
			const answers = await scene.loadGateway("/customer", { count: 1000 });
			assertAll(answers, 200);
			assertShare(answers, `${PREFIX} v1`, v1, points);
			assertShare(answers, `${PREFIX} v2`, 100 - v1, points);
		}
	});
}
