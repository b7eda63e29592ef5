import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { assertShare } from "../support/load.ts";
import { startLoadPod } from "../support/load-pod.ts";
import { startMesh } from "../support/mesh.ts";
import { childrenOf, isRunning, processesWith } from "../support/processes.ts";
import { availableSources } from "../support/sources.ts";
import { Scene } from "./scene.ts";

const [source] = availableSources();
const mesh = await startMesh();
after(() => mesh.stop());

const scene = new Scene(mesh, source!, "my-namespace");
const URL = "http://my-service.my-namespace:8080/";

before(async () => {
	await mesh.kubectl.ok(["apply", "-f", source!.canary.workloads]);
	await scene.apply(source!.curl);
	await scene.rolledOut("curl", "my-service", "service-v1", "service-v2");
	await scene.answers(URL);
});

describe("Bad input", () => {
	test("a second `up` in the same folder is refused, and the mesh goes on", async () => {
		const { code, stderr } = await mesh.lateen(["up", "--ports", "auto", "--detach"]);
		assert.equal(code, 75, stderr);
		assert.match(stderr, /LTN6003 .*a mesh already runs in this folder \(process \d+\)/);
		assert.match(stderr, /lateen status.*lateen down.*--data/i);
		assert.match(await mesh.kubectl.ok(["get", "--raw", "/readyz"]), /^ok/);
	});

	test("a port in use: the message names the port, who has it and the flag", async () => {
		const taken = createServer();
		await new Promise<void>((resolve) => {
			taken.listen(0, "127.0.0.1", resolve);
		});
		const { port } = taken.address() as { port: number };
		try {
			await assert.rejects(startMesh(["--api-port", String(port)]), (error: Error) => {
				assert.match(error.message, new RegExp(`LTN6012 .*port ${port} is in use by .*${process.pid}`));
				assert.match(error.message, /--api-port/);
				return true;
			});
		} finally {
			await new Promise((resolve) => taken.close(resolve));
		}
	});

	test("an unknown image: the pod waits with one sentence that says how to map it", async () => {
		await run("unknown-image", "example/recommendation:v3", []);
		const state = await eventually("the container's state", async () => {
			const { waiting } = await containerState("unknown-image");
			return waiting?.message ? waiting : undefined;
		});
		assert.match(state.reason ?? "", /^(ErrImagePull|ImagePullBackOff|ErrImageNeverPull)$/);
		assert.match(state.message!, /example\/recommendation:v3.*lateen\.yaml/);
		assert.match(await scene.kubectl("get", "pod", "unknown-image"), /0\/1|0\/2|1\/2/);
		await scene.kubectl("delete", "pod", "unknown-image", "--wait=false");
	});

	test("a program that ends is started again, ever later, and its last words are kept", async () => {
		await run("crashes", "curlimages/curl", ["/bin/sh", "-c", "echo last words; exit 3"]);
		const status = await eventually(
			"the back-off",
			async () => {
				const now = await containerState("crashes");
				return now.waiting?.reason === "CrashLoopBackOff" ? now : undefined;
			},
			30_000,
		);
		assert.ok(status.restarts >= 1);
		assert.equal(status.lastExit, 3);
		assert.match(await scene.kubectl("logs", "crashes", "-c", "main", "-p"), /last words/);
		await scene.kubectl("delete", "pod", "crashes", "--wait=false");
	});

	test("broken YAML, unknown fields and unknown kinds are refused and change nothing", async () => {
		const version = () => scene.kubectl("get", "vs,dr", "-o", "jsonpath={.items[*].metadata.resourceVersion}");
		const before = await version();
		for (const [input, message] of [
			["kind: VirtualService\n  name: x\n", /error (parsing|converting) .*YAML/i],
			[virtualService("spec: { hosts: [x], htpp: [] }"), /unknown field "spec.htpp"/],
			[virtualService("spec: { hosts: [x], http: [{ route: [{ destination: {} }] }] }"), /host/i],
			[
				'apiVersion: config.istio.io/v1alpha2\nkind: RouteRule\nmetadata: { name: "r" }\n',
				/no matches for kind "RouteRule" in version "config.istio.io\/v1alpha2"/,
			],
		] as const) {
			const { code, stderr } = await mesh.kubectl(["apply", "-n", "my-namespace", "-f", "-"], { input });
			assert.equal(code, 1, stderr);
			assert.match(stderr, message);
		}
		assert.equal(await version(), before);
	});
});

describe("Processes that are killed", () => {
	test("an application comes back in its pod", async () => {
		const [pod = ""] = await scene.pods("app=service-v1");
		await killOf(pod, "apps.mjs");
		await eventually("the restart", async () => (await restartsOf(pod, "app")) === 1, 20_000);
		await eventually("an answer", async () => (await scene.load("http://service-v1:8080/"))[0]?.status === 200, 20_000);
	});

	test("a sidecar comes back and takes its configuration again", async () => {
		const [pod = ""] = await scene.pods("app=service-v2");
		await killOf(pod, "sidecar");
		await eventually("the restart", async () => (await restartsOf(pod, "istio-proxy")) === 1, 20_000);
		await eventually("an answer", async () => (await scene.load("http://service-v2:8080/"))[0]?.status === 200, 20_000);
	});

	test("the node's networking comes back: names and Service addresses work", async () => {
		const [networking] = await childrenOf((await mesh.state()).mesh.pid, "netproxy");
		assert.ok(networking, "the networking is a process of its own");
		process.kill(networking.pid, "SIGKILL");
		await eventually(
			"an answer by the Service's address",
			async () => {
				const ip = await scene.kubectl("get", "svc", "my-service", "-o", "jsonpath={.spec.clusterIP}");
				const direct = ["--noproxy", "*", "--max-time", "2"];
				return (await scene.load(`http://${ip}:8080/`, { options: direct }).catch(() => []))[0]?.status === 200;
			},
			20_000,
		);
	});

	test("the mesh process comes back: proxies route meanwhile, no write is lost, rules steer again", async () => {
		const objects = () => mesh.kubectl.ok(["get", "all,cm,vs,dr,gw,sa", "-A", "-o", "name"]);
		const pods = await scene.pods("app=my-service");
		const load = await startLoadPod(mesh, "my-namespace", URL);
		const { pid } = (await mesh.state()).mesh;

		const created = await createWhileKilled(pid);
		await eventually("the API", async () => (await mesh.kubectl(["get", "--raw", "/readyz"])).code === 0, 30_000);
		assert.notEqual((await mesh.state()).mesh.pid, pid);
		const after = await objects();
		for (const name of created) assert.ok(after.includes(`configmap/${name}\n`), `${name} was acknowledged`);
		assert.ok(created.length > 0);

		assert.deepEqual((await scene.pods("app=my-service")).toSorted(), pods.toSorted());
		await eventually("all proxies in sync", allInSync, 30_000);
		await scene.applyEdited(source!.canary.split, (rule) => {
			rule.spec.http[0]!.route[0]!.weight = 0;
			rule.spec.http[0]!.route[1]!.weight = 100;
		});
		assertShare(await scene.load(URL, { count: 200 }), "recommendation v2 ", 100, 0);
		const statuses = await load.stop();
		assert.deepEqual([...new Set(statuses)], [200], "no request failed meanwhile");
		assert.ok(statuses.length > 500, `${statuses.length} requests went on`);
	});

	test("the guardian comes back; down then ends everything and up goes on with all objects", async () => {
		const { guardian } = await mesh.state();
		assert.ok(guardian);
		process.kill(guardian.pid, "SIGKILL");
		const next = await eventually("another guardian", async () => otherGuardian(guardian.pid), 20_000);
		assert.ok(isRunning(next));

		const running = await mesh.state();
		const down = await mesh.lateen(["down"]);
		assert.equal(down.code, 0, down.stderr);
		assert.ok(!isRunning(running.mesh.pid) && !isRunning(next));
		const up = await mesh.lateen(["up", "--ports", "auto", "--detach"], { timeoutMs: 90_000 });
		assert.equal(up.code, 0, up.stderr);
		await scene.answers(URL);
		assert.match(await scene.kubectl("get", "vs", "-o", "name"), /virtualservice/);
	});
});

async function otherGuardian(than: number): Promise<number | undefined> {
	const pid = (await mesh.state()).guardian?.pid;
	return pid === than ? undefined : pid;
}

/** Creates ConfigMaps one after the other, kills the process in the middle; answers those that kubectl said were created. */
async function createWhileKilled(pid: number): Promise<string[]> {
	const names = Array.from({ length: 400 }, (_, i) => `written-${i}`);
	const input = names
		.map((name) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, namespace: my-namespace }\n`)
		.join("---\n");
	const writing = mesh.kubectl(["create", "-f", "-"], { input });
	await eventually("the first writes", async () => (await configMaps()).includes("configmap/written-5\n"), 20_000);
	process.kill(pid, "SIGKILL");
	const { stdout } = await writing;
	return [...stdout.matchAll(/configmap\/(\S+) created/g)].map(([, name]) => name!);
}

function configMaps(): Promise<string> {
	return scene.kubectl("get", "cm", "-o", "name");
}

async function allInSync(): Promise<boolean> {
	const { code, stdout } = await mesh.lateen(["proxy-status"]);
	return code === 0 && stdout.includes("SYNCED") && !/STALE|ERROR/.test(stdout);
}

/** A bare pod with one container `main`; the namespace injects a sidecar beside it. */
async function run(name: string, image: string, command: readonly string[]): Promise<void> {
	const container = { name: "main", image, ...(command.length > 0 ? { command } : {}) };
	const pod = { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { containers: [container] } };
	await mesh.kubectl.ok(["apply", "-n", "my-namespace", "-f", "-"], { input: JSON.stringify(pod) });
}

interface ContainerStatus {
	readonly name: string;
	readonly restartCount: number;
	readonly state: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
	readonly lastState: { readonly terminated?: { readonly exitCode: number } };
}

async function statusOf(pod: string, container: string): Promise<ContainerStatus | undefined> {
	const object = JSON.parse(await scene.kubectl("get", "pod", pod, "-o", "json")) as {
		status: { containerStatuses?: ContainerStatus[] };
	};
	return object.status.containerStatuses?.find(({ name }) => name === container);
}

async function containerState(pod: string) {
	const status = await statusOf(pod, "main");
	return {
		waiting: status?.state.waiting,
		restarts: status?.restartCount ?? 0,
		lastExit: status?.lastState.terminated?.exitCode,
	};
}

async function restartsOf(pod: string, container: string): Promise<number> {
	return (await statusOf(pod, container))?.restartCount ?? 0;
}

/** kill -9 of the one process of a pod whose command line has this word. */
async function killOf(pod: string, word: string): Promise<void> {
	const found = await processesWith(`HOSTNAME=${pod}`, word);
	assert.equal(found.length, 1, `${word} in ${pod}: ${JSON.stringify(found)}`);
	process.kill(found[0]!.pid, "SIGKILL");
}

function virtualService(spec: string): string {
	return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: bad }\n${spec}\n`;
}
