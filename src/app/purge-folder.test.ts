import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type DataFolder, dataFolder } from "./data-folder.ts";
import { purgeFolder } from "./purge-folder.ts";

let folder: DataFolder;
beforeEach(() => {
	folder = dataFolder(mkdtempSync(join(tmpdir(), "lateen-purge-")));
});
afterEach(() => rmSync(folder.root, { recursive: true, force: true }));

const fill = () => {
	for (const path of [folder.store, folder.logs, folder.pods]) mkdirSync(join(path, "deep"), { recursive: true });
	for (const path of [folder.meshState, folder.kubeletToken, `${folder.meshState}.123`]) writeFileSync(path, "{}");
};

test("a mesh's folder goes whole", () => {
	fill();
	assert.deepEqual(purgeFolder(folder), []);
	assert.equal(existsSync(folder.root), false);
	assert.deepEqual(purgeFolder(folder), []);
});

test("what others put there stays, and the folder with it", () => {
	fill();
	writeFileSync(join(folder.root, "server.js"), "");
	assert.deepEqual(purgeFolder(folder), ["server.js"]);
	assert.deepEqual(readdirSync(folder.root), ["server.js"]);
});

test("a folder that no mesh keeps its state in is not touched", () => {
	mkdirSync(join(folder.root, "logs"));
	writeFileSync(join(folder.root, "server.js"), "");
	assert.equal(purgeFolder(folder), "foreign");
	assert.deepEqual(readdirSync(folder.root).sort(), ["logs", "server.js"]);
});
