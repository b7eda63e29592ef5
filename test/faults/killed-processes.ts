import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { loadFromOutside } from "../support/load.ts";
import type { TestMesh } from "../support/mesh.ts";
import { childrenOf, isRunning, processesWith } from "../support/processes.ts";
import { writeConfigMaps } from "./api-writer.ts";
import { killContainer, podsOf, proxiesInSync } from "./fault-scene.ts";
import { type SteadyLoad, steadyLoad } from "./steady-load.ts";

const COMES_BACK_MS = 20_000;
/** Six pods of Bookinfo, the caller, the gateway. */
const PROXIES = 8;

/** A program in the mesh that asks another one without end; its log is one status a line. It needs no `kubectl exec`, which ends with the API server. */
const CALLER = {
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name: "caller" },
	spec: {
		selector: { matchLabels: { app: "caller" } },
		template: {
			metadata: { labels: { app: "caller" } },
			spec: {
				terminationGracePeriodSeconds: 0,
				containers: [
					{
						name: "main",
						image: "curlimages/curl",
						command: [
							"sh",
							"-c",
							"while :; do curl -s -o /dev/null -m 10 -w '%{http_code}\\n' http://ratings:9080/ratings/0; sleep 0.02; done",
						],
					},
				],
			},
		},
	},
};

/** `kill -9` of every kind of process that a mesh consists of, with requests going on. */
export function killedProcessTests(mesh: TestMesh): void {
	let page = "";
	const statuses = async () => (await mesh.kubectl.ok(["logs", "deploy/caller", "-c", "main"])).trim().split("\n");
	/** What the caller in the mesh saw while `act` ran and until some more requests were through. */
	const seenInMesh = async (act: () => Promise<void>) => {
		const already = (await statuses()).length;
		await act();
		const reached = (await statuses()).length;
		await eventually("more requests", async () => (await statuses()).length >= reached + 10, COMES_BACK_MS);
		return (await statuses()).slice(already);
	};
	const pageAnswers = () =>
		eventually("the page", async () => (await loadFromOutside(page).catch(() => []))[0]?.status === 200, COMES_BACK_MS);

	before(async () => {
		await mesh.kubectl.ok(["apply", "-f", "-"], { input: JSON.stringify(CALLER) });
		await mesh.kubectl.ok(["rollout", "status", "deploy/caller", "--timeout=60s"]);
		page = `${await gatewayOf(mesh)}/productpage`;
		await eventually("the caller's first 200", async () => (await statuses()).at(-1) === "200", COMES_BACK_MS);
	});

	describe("kill -9", () => {
		test("of an application: its container is started again, nobody else notices", async () => {
			const at = { namespace: "default", selector: "app=details", container: "details", word: "apps.mjs" };
			assertAll200(await seenInMesh(() => killContainer(mesh, at)));
			await pageAnswers();
		});

		test("of a sidecar: it takes its configuration again", async () => {
			const at = { namespace: "default", selector: "app=details", container: "istio-proxy", word: "sidecar" };
			assertAll200(await seenInMesh(() => killContainer(mesh, at)));
			await proxiesInSync(mesh, PROXIES);
			await pageAnswers();
		});

		test("of the gateway: it opens its door again, the mesh goes on inside", async () => {
			const selector = "istio=ingressgateway";
			const at = { namespace: "istio-system", selector, container: "istio-proxy", word: "router" };
			assertAll200(await seenInMesh(() => killContainer(mesh, at)));
			await pageAnswers();
		});

		test("of the node's networking: Service and LoadBalancer addresses come back, sidecars do not need it", async () => {
			const [networking] = await childrenOf((await mesh.state()).mesh.pid, "netproxy");
			assert.ok(networking, "it is a process of its own");
			assertAll200(
				await seenInMesh(async () => {
					process.kill(networking.pid, "SIGKILL");
					await eventually("its end", () => !isRunning(networking.pid));
					await pageAnswers();
				}),
			);
		});

		test("of the mesh process: no request fails, containers are adopted, no acknowledged write is lost, rules steer again", async () => {
			await mesh.kubectl.ok(["create", "namespace", "written"]);
			const { mesh: killed, ports } = await mesh.state();
			const runningBefore = await containersOf(mesh);
			const load = steadyLoad(page);
			const writer = writeConfigMaps((await mesh.state()).kubeconfig, "written");
			const inMesh = await seenInMesh(async () => {
				await load.next(20);
				await writer.reached(200);
				process.kill(killed.pid, "SIGKILL");
				await writer.ended;
				const away = await mesh.lateen(["status"]);
				assert.equal(away.code, 69, away.stdout);
				assert.match(away.stdout, /ended and is being started again; proxies and applications go on meanwhile/);
				await load.next(20);
				await eventually(
					"the API",
					async () => (await mesh.kubectl(["get", "--raw", "/readyz"])).code === 0,
					COMES_BACK_MS,
				);
				await proxiesInSync(mesh, PROXIES);
			});
			assertAll200(inMesh);
			assert.notEqual((await mesh.state()).mesh.pid, killed.pid);
			assert.deepEqual((await mesh.state()).ports, ports, "the same doors");
			assert.deepEqual(
				await containersOf(mesh),
				runningBefore,
				"the same containers, as often restarted, in the same processes",
			);
			await assertWritten(mesh, writer.acknowledged);
			await assertRuleSteers(mesh, load);
			assertAll200(await load.stop());
		});

		test("of the guardian: another one looks after the mesh, which goes on", async () => {
			const first = await mesh.state();
			assert.ok(first.guardian);
			process.kill(first.guardian.pid, "SIGKILL");
			const guardian = await nextGuardian(mesh, first.guardian.pid);
			assert.equal((await mesh.state()).mesh.pid, first.mesh.pid, "the mesh process is the same");
			const second = await mesh.lateen(["up", "--ports", "auto", "--detach"]);
			assert.equal(second.code, 75, second.stderr);

			const before = await containersOf(mesh);
			process.kill(first.mesh.pid, "SIGKILL");
			await eventually("the mesh", async () => (await mesh.state()).mesh.pid !== first.mesh.pid, COMES_BACK_MS);
			await eventually("the API", async () => (await mesh.lateen(["status"])).code === 0, COMES_BACK_MS);
			assert.equal((await mesh.state()).guardian?.pid, guardian);
			assert.deepEqual(await containersOf(mesh), before);
		});

		test("of guardian and mesh process at once: all goes on, and `up` takes it over", async () => {
			const { guardian, mesh: meshProcess } = await mesh.state();
			const before = await containersOf(mesh);
			const load = steadyLoad(page);
			for (const pid of [guardian!.pid, meshProcess.pid]) process.kill(pid, "SIGKILL");
			await eventually("their end", () => !isRunning(meshProcess.pid) && !isRunning(guardian!.pid));
			const down = await mesh.lateen(["status"]);
			assert.equal(down.code, 69);
			assert.match(
				down.stdout,
				/is down: its process \d+ was killed\. `lateen up` starts it again and takes over what still runs/,
			);
			await load.next(20);
			const up = await mesh.lateen(["up", "--ports", "auto", "--detach"], { timeoutMs: 90_000 });
			assert.equal(up.code, 0, up.stderr);
			assert.deepEqual(await containersOf(mesh), before);
			await proxiesInSync(mesh, PROXIES);
			assertAll200(await load.stop());
		});
	});
}

/** The process that has become guardian after that one was killed. */
function nextGuardian(mesh: TestMesh, killed: number): Promise<number> {
	return eventually(
		"another guardian",
		async () => {
			const pid = (await mesh.state()).guardian?.pid;
			return pid !== killed && pid !== undefined && isRunning(pid) ? pid : undefined;
		},
		COMES_BACK_MS,
	);
}

/** A rule that is applied now steers every new request within a second: reviews come from v2 alone. */
async function assertRuleSteers(mesh: TestMesh, load: SteadyLoad): Promise<void> {
	const rule = {
		apiVersion: "networking.istio.io/v1",
		kind: "VirtualService",
		metadata: { name: "reviews" },
		spec: { hosts: ["reviews"], http: [{ route: [{ destination: { host: "reviews", subset: "v2" } }] }] },
	};
	await mesh.kubectl.ok(["apply", "-f", "-"], { input: JSON.stringify(rule) });
	await new Promise((resolve) => setTimeout(resolve, 1000));
	const answers = await loadFromOutside(`${await gatewayOf(mesh)}/productpage`, { count: 30 });
	for (const { status, body } of answers) {
		assert.equal(status, 200);
		assert.match(body, /reviews-v2/);
		assert.doesNotMatch(body, /reviews-v[13]/);
	}
	await load.next(5);
	await mesh.kubectl.ok(["delete", "vs", "reviews"]);
}

async function assertWritten(mesh: TestMesh, acknowledged: readonly string[]): Promise<void> {
	const text = await mesh.kubectl.ok(["get", "cm", "-n", "written", "-o", "json"]);
	const { items } = JSON.parse(text) as { items: { metadata: { name: string }; data: { n: string } }[] };
	const found = new Map(items.map(({ metadata, data }) => [metadata.name, data]));
	for (const name of acknowledged)
		assert.deepEqual(found.get(name), { n: name.replace("written-", "") }, `${name} was acknowledged`);
	assert.ok(acknowledged.length >= 200);
}

/** Every container with its run, restarts and process: what must be the same when it was adopted. */
async function containersOf(mesh: TestMesh): Promise<Record<string, string>> {
	const pods = [...(await podsOf(mesh, "default", "")), ...(await podsOf(mesh, "istio-system", ""))];
	const lines = await Promise.all(
		pods.flatMap(({ metadata, status }) =>
			status.containerStatuses.map(async ({ name, containerID, restartCount }) => {
				const all = await processesWith(`HOSTNAME=${metadata.name}`, name === "istio-proxy" ? "sidecar" : "");
				const leaders = all
					.filter(({ command }) => /mjs (sidecar|[a-z]+)|sh -c while/.test(command))
					.map(({ pid }) => pid);
				return [
					`${metadata.name}/${name}`,
					`${containerID} ${restartCount} ${leaders.toSorted((a, b) => a - b)}`,
				] as const;
			}),
		),
	);
	return Object.fromEntries(lines);
}

/** `http://<address>` of the ingress gateway. */
export async function gatewayOf(mesh: TestMesh): Promise<string> {
	const service = JSON.parse(
		await mesh.kubectl.ok(["get", "svc", "istio-ingressgateway", "-n", "istio-system", "-o", "json"]),
	) as {
		metadata: { annotations?: Record<string, string> };
		status: { loadBalancer: { ingress: readonly [{ ip: string }] } };
	};
	const opened = service.metadata.annotations?.["lateen.dev/opened-ports"]
		?.split(",")
		.find((port) => port.startsWith("80:"));
	return `http://${service.status.loadBalancer.ingress[0].ip}:${opened?.split(":")[1] ?? "80"}`;
}

function assertAll200(results: readonly (number | string)[]): void {
	const failed = results.filter((result) => String(result) !== "200");
	assert.deepEqual(failed, [], `${failed.length} of ${results.length} requests failed`);
	assert.ok(results.length > 0);
}
