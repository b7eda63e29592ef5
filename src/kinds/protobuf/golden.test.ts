import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { decodeProtobuf } from "./decode-protobuf.ts";
import { messageOfKind } from "./message-table.ts";

/** Kubernetes' own round-trip files: the same fully populated object as JSON and as protobuf. */
function goldenFolder(): string | undefined {
	try {
		const cache = execFileSync("go", ["env", "GOMODCACHE"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
		const folder = join(cache.trim(), "k8s.io/api@v0.32.0/testdata/HEAD");
		return existsSync(folder) ? folder : undefined;
	} catch {
		return undefined; // no Go on this machine: the small fixtures of decode-protobuf.test.ts remain
	}
}

const folder = goldenFolder();

test("decodes Kubernetes' golden files to their JSON", {
	skip: folder ? false : "Go module k8s.io/api@v0.32.0 is not in the module cache",
}, () => {
	let decoded = 0;
	for (const file of readdirSync(folder!).filter((name) => name.endsWith(".pb"))) {
		const json = JSON.parse(readFileSync(join(folder!, file.replace(/pb$/, "json")), "utf8"));
		if (messageOfKind(json.apiVersion, json.kind) === undefined) continue; // alpha and beta groups are not served
		assert.deepEqual(decodeProtobuf(readFileSync(join(folder!, file))), json, file);
		decoded++;
	}
	assert.ok(decoded >= 60, `only ${decoded} files were tried`);
});
