import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ProblemError } from "../../../lib/problem.ts";
import { openStore } from "./open-store.ts";

const OPTIONS = {
	keepEvents: 10_000,
	onBackgroundError: (error: unknown) => {
		throw error;
	},
};
const STORE_MODULE = new URL("./open-store.ts", import.meta.url).href;

/** A process that writes objects one after the other and prints the number of each write that was acknowledged, or "failed: ...". */
const WRITER = `
import { openStore } from ${JSON.stringify(STORE_MODULE)};
const store = await openStore(process.argv[1], { keepEvents: 10000, onBackgroundError: console.error });
console.log("open");
const value = "x".repeat(Number(process.argv[2]));
for (let n = 0; ; n++) {
	const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c" + n, namespace: "d" }, data: { n: String(n), value: value + Math.random() } };
	try {
		const stored = await store.put("core/configmaps/d/c" + n, object, 0);
		console.log(n + " " + stored.revision);
	} catch (error) {
		console.log("failed: " + error.message);
		const state = store.get("core/configmaps/d/c" + n);
		console.log("kept: " + (state === undefined ? "nothing" : state.json));
		const again = await store.put("core/configmaps/d/again", { ...object, data: {} }, 0);
		console.log("again " + again.revision);
		break;
	}
}
await new Promise((resolve) => process.stdin.once("data", resolve));
await store.close();
`;

interface Writer {
	readonly child: ChildProcess;
	next(): Promise<string>;
	ended(): Promise<void>;
}

function startWriter(folder: string, size: number, limitBlocks?: number): Writer {
	const words = ["--input-type=module-typescript", "-e", WRITER, folder, String(size)];
	const child =
		limitBlocks === undefined
			? spawn(process.execPath, words)
			: spawn("sh", ["-c", `ulimit -f ${limitBlocks}; exec "$0" "$@"`, process.execPath, ...words]);
	const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
	child.stderr?.resume();
	const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
	return { child, next: async () => String((await lines.next()).value), ended: () => ended };
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), "lateen-durable-"));
	try {
		await run(folder);
	} finally {
		await rm(folder, { recursive: true });
	}
}

test("kill -9 loses no acknowledged write", () =>
	withFolder(async (folder) => {
		const writer = startWriter(folder, 500);
		assert.equal(await writer.next(), "open");
		let last = "";
		for (let n = 0; n < 40; n++) last = await writer.next();
		writer.child.kill("SIGKILL");
		await writer.ended();
		const [acknowledged, revision] = last.split(" ").map(Number) as [number, number];
		const store = await openStore(folder, OPTIONS);
		for (let n = 0; n <= acknowledged; n++) {
			assert.deepEqual(store.get(`core/configmaps/d/c${n}`)?.object.metadata.name, `c${n}`);
		}
		assert.ok(store.revision >= revision);
		const stored = await store.put("core/configmaps/d/after", { apiVersion: "v1", kind: "ConfigMap", metadata: {} }, 0);
		assert.equal(stored.revision, store.revision);
		await store.close();
	}));

test("a second process is told who has the store", () =>
	withFolder(async (folder) => {
		const writer = startWriter(folder, 10);
		assert.equal(await writer.next(), "open");
		await writer.next();
		await assert.rejects(openStore(folder, OPTIONS), (error) => {
			assert.ok(error instanceof ProblemError);
			const [problem] = error.problems;
			assert.equal(problem?.code, "LTN2001");
			assert.equal(problem?.message, `the store is in use by process ${writer.child.pid}`);
			return true;
		});
		writer.child.kill("SIGKILL");
		await writer.ended();
		await (await openStore(folder, OPTIONS)).close();
	}));

test("a file that cannot grow fails the write by name, keeps the rest, and nothing of the failed one", () =>
	withFolder(async (folder) => {
		// 2 MiB in blocks of 512 bytes: LevelDB's log hits the limit after some writes.
		const writer = startWriter(folder, 100_000, 4096);
		assert.equal(await writer.next(), "open");
		let count = 0;
		let line = await writer.next();
		for (; /^\d/.test(line); line = await writer.next()) count++;
		assert.match(line, /^failed: the store could not write to its disk: .*File too large/);
		assert.equal(await writer.next(), "kept: nothing");
		assert.match(await writer.next(), /^again \d+/); // a fresh log file has room again
		assert.ok(count > 3);
		writer.child.kill("SIGKILL");
		await writer.ended();
		const store = await openStore(folder, OPTIONS);
		assert.equal(store.list("core/configmaps").length, count + 1);
		await store.put(`core/configmaps/d/c${count}`, { apiVersion: "v1", kind: "ConfigMap", metadata: {} }, 0);
		await store.close();
	}));

test("a folder that cannot be made is told with its path", async () => {
	const file = fileURLToPath(import.meta.url);
	await assert.rejects(openStore(join(file, "store"), OPTIONS), (error) => {
		assert.ok(error instanceof ProblemError);
		assert.equal(error.problems[0]?.code, "LTN2002");
		assert.match(error.problems[0]?.message ?? "", /the store cannot be opened: .*ENOTDIR/);
		return true;
	});
});
