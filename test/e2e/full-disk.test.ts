import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { startMesh } from "../support/mesh.ts";

const SIZE_MB = 48;

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

test("a full disk: writes are refused with the reason and nothing acknowledged is lost; with room again they work", async (t) => {
	const disk = mountSmallDisk();
	if (!disk) {
		t.skip("mounting a small disk needs root");
		return;
	}
	try {
		const mesh = await startMesh([], disk);
		try {
			await mesh.kubectl.ok(["create", "configmap", "before"]);
			const filler = join(disk, "filler");
			fill(disk, filler);
			const payload = "x".repeat(200_000);
			const refused = await eventually(
				"a refusal",
				async () => {
					const name = `late-${Math.random().toString(36).slice(2)}`;
					const result = await mesh.kubectl([
						"create",
						"configmap",
						name,
						`--from-literal=a=${payload}`.slice(0, 100_000),
					]);
					return result.code === 0 ? undefined : result;
				},
				30_000,
			);
			assert.match(refused.stderr, /disk|space|ENOSPC/i);
			assert.match(await mesh.kubectl.ok(["get", "configmap", "before", "-o", "name"]), /configmap\/before/);

			rmSync(filler);
			await eventually(
				"a write",
				async () => (await mesh.kubectl(["create", "configmap", "after"])).code === 0,
				30_000,
			);
			assert.match(
				await mesh.kubectl.ok(["get", "configmap", "before", "after", "-o", "name"]),
				/before\nconfigmap\/after/,
			);
		} finally {
			await mesh.stop();
		}
	} finally {
		execFileSync("umount", ["-l", disk]);
		rmdirSync(disk);
	}
});

/** Writes until nothing more fits. */
function fill(disk: string, file: string): void {
	const { bavail, bsize } = statfsSync(disk);
	try {
		writeFileSync(file, Buffer.alloc(bavail * bsize));
		writeFileSync(`${file}.rest`, Buffer.alloc(bsize));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
	} finally {
		rmSync(`${file}.rest`, { force: true });
	}
}
