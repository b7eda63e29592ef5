import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { loadFromOutside } from "../support/load.ts";
import { startMesh, type TestMesh } from "../support/mesh.ts";
import { gatewayOf } from "./killed-processes.ts";
import { assertNothingLeft, listenersInBlock } from "./left-behind.ts";

const COMES_UP_MS = 60_000;

/** `up` and `down`, again and again, in the folder of a mesh. */
export function secondStartTests(mesh: TestMesh): void {
	const up = (...args: string[]) => mesh.lateen(["up", "--detach", "--ports", "auto", ...args], { timeoutMs: 90_000 });
	const names = () => mesh.kubectl.ok(["get", "deploy,svc,pods,vs,cm", "-n", "default", "-o", "name"]);
	const pageAnswers = async () => {
		const page = `${await gatewayOf(mesh)}/productpage`;
		await eventually(page, async () => (await loadFromOutside(page).catch(() => []))[0]?.status === 200, COMES_UP_MS);
	};

	describe("A folder with a mesh", () => {
		test("a second `up` is refused with the process that has it; the first mesh is unharmed", async () => {
			const before = await mesh.state();
			for (const detach of [true, false]) {
				const { code, stderr } = await mesh.lateen(["up", "--ports", "auto", ...(detach ? ["--detach"] : [])]);
				assert.equal(code, 75, stderr);
				assert.match(
					stderr,
					new RegExp(`LTN6003 .*a mesh already runs in this folder \\(process ${before.guardian?.pid}\\)`),
				);
				assert.match(stderr, /lateen status.*lateen down.*--data/i);
			}
			assert.deepEqual(await mesh.state(), before);
			assert.match(await mesh.kubectl.ok(["get", "--raw", "/readyz"]), /^ok/);
		});

		test("`down` ends all of it, also with watchers connected; twice is no mistake; `status` says that it is stopped", async () => {
			const { addressBlock } = await mesh.state();
			const watch = mesh.kubectl.start(["get", "pods", "-A", "-w"]);
			await new Promise((resolve) => watch.stdout.once("data", resolve));
			assert.ok(listenersInBlock(addressBlock).length > 0);
			const down = await mesh.lateen(["down"]);
			assert.equal(down.code, 0, down.stderr);
			assert.match(down.stderr, /Stopped\.$/m, "and no left-over had to be ended");
			assertNothingLeft(mesh.dataDir, addressBlock);
			watch.kill();
			const again = await mesh.lateen(["down"]);
			assert.deepEqual([again.code, /No mesh was running/.test(again.stderr)], [0, true], again.stderr);
			const status = await mesh.lateen(["status"]);
			assert.deepEqual([status.code, /is stopped\. Start it again with `lateen up`/.test(status.stdout)], [69, true]);
			const refused = await mesh.lateen(["proxy-status"]);
			assert.equal(refused.code, 69);
			assert.match(refused.stderr, /LTN4001 .*no mesh runs in this folder/);
		});

		test("`up` after `down` resumes: the same doors, objects and pods", async () => {
			const before = await mesh.state();
			const result = await up();
			assert.equal(result.code, 0, result.stderr);
			const { ports, urls, addressBlock } = await mesh.state();
			assert.deepEqual(
				{ ports, urls, addressBlock },
				{ ports: before.ports, urls: before.urls, addressBlock: before.addressBlock },
			);
			await mesh.kubectl.ok(["wait", "--for=condition=Ready", "pods", "--all", "--timeout=60s"]);
			assert.match(await names(), /deployment.apps\/productpage-v1/);
			await pageAnswers();
		});

		test("another mesh has taken its addresses and ports: it takes others, and everything works there", async () => {
			const before = await mesh.state();
			const objects = (await names()).split("\n").filter((name) => !name.startsWith("pod/"));
			assert.equal((await mesh.lateen(["down"])).code, 0);
			const other = await startMesh([
				"--address-block",
				String(before.addressBlock),
				"--api-port",
				String(before.ports.kubeApi),
			]);
			try {
				const result = await up();
				assert.equal(result.code, 0, result.stderr);
				const after = await mesh.state();
				assert.notEqual(after.addressBlock, before.addressBlock);
				assert.notEqual(after.ports.kubeApi, before.ports.kubeApi);
				await mesh.kubectl.ok(["wait", "--for=condition=Ready", "pods", "--all", "--timeout=60s"]);
				await pageAnswers();
				assert.deepEqual(
					(await names()).split("\n").filter((name) => !name.startsWith("pod/")),
					objects,
				);
				const ips = await mesh.kubectl.ok([
					"get",
					"svc,pods",
					"-A",
					"-o",
					"jsonpath={.items[*].spec.clusterIP} {.items[*].status.podIP}",
				]);
				for (const ip of ips.trim().split(/\s+/)) assert.match(ip, new RegExp(`^127\\.${after.addressBlock}\\.`));
				assert.equal((await mesh.lateen(["down"])).code, 0);
				assertNothingLeft(mesh.dataDir, after.addressBlock);
			} finally {
				await other.stop();
			}
		});

		test("`down --purge` deletes the folder too", async () => {
			assert.equal((await mesh.lateen(["down", "--purge"])).code, 0);
			assert.equal(existsSync(join(mesh.dataDir, "store")), false);
		});
	});
}
