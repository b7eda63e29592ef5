import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { startMesh, type TestMesh } from "../support/mesh.ts";
import { gatewayOf } from "./killed-processes.ts";
import { assertNothingLeft } from "./left-behind.ts";
import { steadyLoad } from "./steady-load.ts";

const SIZE_MB = 80;
const SOON_MS = 30_000;

test("a full disk: writes are refused with the reason and nothing is half done; with room again everything works", async (t) => {
	const disk = mountSmallDisk();
	if (!disk) return t.skip("mounting a small disk needs root");
	try {
		const mesh = await startMesh(["--sample", "bookinfo"], disk);
		try {
			await fullDisk(mesh, disk);
		} finally {
			await mesh.stop();
		}
	} finally {
		execFileSync("umount", ["-l", disk]);
		rmdirSync(disk);
	}
});

async function fullDisk(mesh: TestMesh, disk: string): Promise<void> {
	const { pid } = (await mesh.state()).mesh;
	const { addressBlock } = await mesh.state();
	await mesh.kubectl.ok(["create", "configmap", "before", "--from-literal=n=1"]);
	const filler = join(disk, "filler");
	const load = steadyLoad(`${await gatewayOf(mesh)}/productpage`);
	fill(disk, filler);

	const refused = await eventually("a refusal", () => refusedWrite(mesh), SOON_MS);
	assert.match(refused.stderr, /Error from server|error: failed to create configmap/);
	assert.match(refused.stderr, /the store could not write to its disk: .*No space left on device/);
	const { code } = await mesh.kubectl(["get", "configmap", refused.name]);
	assert.equal(code, 1, "what was refused is not there");
	assert.equal((await mesh.state()).mesh.pid, pid, "the mesh process lives through it");
	const patched = await mesh.kubectl(["patch", "configmap", "before", "-p", `{"data":{"n":"${"2".repeat(60_000)}"}}`]);
	const n = await mesh.kubectl.ok(["get", "configmap", "before", "-o", "jsonpath={.data.n}"]);
	assert.equal(n.length === 1, patched.code !== 0, "either the old value, or an acknowledged one");

	// Killed now, the mesh process cannot come back before there is room; the others go on.
	process.kill(pid, "SIGKILL");
	await load.next(50);
	rmSync(filler);
	await eventually("a write", async () => (await mesh.kubectl(["create", "configmap", "after"])).code === 0, SOON_MS);
	await mesh.kubectl.ok(["create", "deployment", "works", "--image=curlimages/curl", "--", "sleep", "1000"]);
	await mesh.kubectl.ok(["rollout", "status", "deploy/works", "--timeout=30s"]);

	const failures = (await load.stop()).filter((result) => result !== 200);
	assert.deepEqual(failures, [], "no request failed all the while");

	// A mesh that is started with no room says so, and what was there is there again afterwards.
	assert.equal((await mesh.lateen(["down"])).code, 0);
	fill(disk, filler);
	const up = ["up", "--detach", "--ports", "auto"];
	const failed = await mesh.lateen(up, { timeoutMs: 90_000 });
	assert.equal(failed.code, 73, failed.stderr);
	assert.match(failed.stderr, /LTN\d{4} .*(disk is full|No space left on device|ENOSPC)/);
	assertNothingLeft(mesh.dataDir, addressBlock);
	rmSync(filler);
	const again = await mesh.lateen(up, { timeoutMs: 90_000 });
	assert.equal(again.code, 0, again.stderr);
	assert.match(
		await mesh.kubectl.ok(["get", "configmap", "before", "after", "-o", "name"]),
		/before\nconfigmap\/after/,
	);
}

/** Undefined when the write went through: a store keeps a little room in its files. */
async function refusedWrite(mesh: TestMesh): Promise<{ name: string; stderr: string } | undefined> {
	const name = `refused-${Math.random().toString(36).slice(2)}`;
	const result = await mesh.kubectl(["create", "configmap", name, `--from-literal=a=${"x".repeat(100_000)}`]);
	return result.code === 0 ? undefined : { name, stderr: result.stderr };
}

/** A small file system of its own; undefined where this user may not mount one. */
function mountSmallDisk(): string | undefined {
	const folder = mkdtempSync(join(tmpdir(), "lateen-disk-"));
	try {
		execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE_MB}m`, "tmpfs", folder], { stdio: "ignore" });
		return folder;
	} catch {
		rmdirSync(folder);
		return undefined; // told by the skip
	}
}

/** Writes until nothing more fits. */
function fill(disk: string, file: string): void {
	const { bavail, bsize } = statfsSync(disk);
	try {
		writeFileSync(file, Buffer.alloc(bavail * bsize));
		writeFileSync(file, Buffer.alloc(bsize), { flag: "a" });
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
	}
}
