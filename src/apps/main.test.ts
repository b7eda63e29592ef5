import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { exchange } from "../../test/support/serve-handler.ts";

const ENTRY = fileURLToPath(new URL("main.mjs", import.meta.url));
/** An address of this test's own, so that fixed container ports do not meet another program's. */
const HOST = `127.254.${1 + (process.pid % 250)}.9`;

function run(name: string, env: Record<string, string> = {}): ChildProcess {
	return spawn(process.execPath, [ENTRY, name], {
		env: { ...process.env, HOST, ...env },
		stdio: ["ignore", "pipe", "pipe"],
	});
}

test("a program listens on its port at HOST and ends cleanly on SIGTERM, the request in flight answered", async () => {
	const child = run("httpbin", { PORT: "8080" });
	await once(child.stdout!, "data");
	const inFlight = exchange(`http://${HOST}:8080/delay/0.3`, {});
	await exchange(`http://${HOST}:8080/get`, {});
	child.kill("SIGTERM");
	assert.equal((await inFlight).status, 200);
	const [code, signal] = await once(child, "exit");
	assert.deepEqual([code, signal], [0, null]);
});

test("an unknown program and one that cannot start say so", async () => {
	for (const [name, env, code, message] of [
		["nonsense", {}, 2, /no sample app "nonsense"/],
		["ratings", { SERVICE_VERSION: "v2" }, 1, /no database client/],
		["details", { HOST: "127.0.0.1.nowhere.invalid" }, 1, /ENOTFOUND|EAI_AGAIN/],
	] as const) {
		const child = run(name, env);
		const [[error], [status]] = await Promise.all([once(child.stderr!, "data"), once(child, "exit")]);
		assert.equal(status, code);
		assert.match(String(error), message);
	}
});

test("sleep runs until it is told to stop", async () => {
	const child = run("sleep", { NODE_DEBUG: "" });
	await once(child, "spawn");
	assert.equal(child.exitCode, null);
	child.kill("SIGTERM");
	const [code, signal] = await once(child, "exit");
	assert.ok(code === 0 || signal === "SIGTERM");
});
