import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";

const SERVER_MODULE = new URL("./start-api-server.ts", import.meta.url).href;
const PLAN_MODULE = new URL("../../lib/address-plan.ts", import.meta.url).href;

/** A server in a process whose files may not grow beyond a limit; prints where it is or why it did not start. */
const SERVER = `
import { startApiServer } from ${JSON.stringify(SERVER_MODULE)};
import { addressPlan } from ${JSON.stringify(PLAN_MODULE)};
const logger = { info() {}, warn() {}, error() {} };
try {
	const { url, caPem, adminToken } = await startApiServer({ dataDir: process.argv[1], addressPlan: addressPlan(79), logger });
	console.log(JSON.stringify({ url, caPem, adminToken }));
} catch (error) {
	console.log(JSON.stringify({ problem: error.problems?.[0], message: error.message }));
	process.exit(1);
}
`;

interface Started {
	readonly url: string;
	readonly caPem: string;
	readonly adminToken: string;
	readonly problem?: { readonly code: string; readonly message: string };
}

async function withLimit(blocks: number, run: (started: Started) => Promise<void>): Promise<void> {
	const folder = await mkdtemp(join(tmpdir(), "lateen-full-"));
	const words = ["--input-type=module-typescript", "-e", SERVER, folder];
	const child = spawn("sh", ["-c", `ulimit -f ${blocks}; exec "$0" "$@"`, process.execPath, ...words]);
	const ended = new Promise((resolve) => child.once("close", resolve));
	child.stderr.resume();
	try {
		const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
		await run(JSON.parse(String(value)) as Started);
	} finally {
		child.kill("SIGKILL");
		await ended;
		await rm(folder, { recursive: true });
	}
}

function send(started: Started, method: string, path: string, body?: object): Promise<{ code: number; text: string }> {
	return new Promise((resolve, reject) => {
		const headers = { authorization: `Bearer ${started.adminToken}`, "content-type": "application/json" };
		const sent = request(`${started.url}${path}`, { method, headers, ca: started.caPem, agent: false }, (answer) => {
			let text = "";
			answer.on("data", (chunk) => {
				text += chunk;
			});
			answer.on("end", () => resolve({ code: answer.statusCode ?? 0, text }));
		});
		sent.on("error", reject);
		sent.end(body && JSON.stringify(body));
	});
}

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";

test("a full disk fails the write with a Status that says so, and changes nothing", () =>
	withLimit(13_000, async (started) => {
		const body = (n: number) => ({
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { name: `c${n}` },
			data: { value: randomBytes(400_000).toString("base64") },
		});
		let n = 0;
		let answer = await send(started, "POST", CONFIG_MAPS, body(n));
		while (answer.code === 201) answer = await send(started, "POST", CONFIG_MAPS, body(++n));
		assert.ok(n > 0);
		assert.equal(answer.code, 500);
		const status = JSON.parse(answer.text) as { kind: string; message: string };
		assert.equal(status.kind, "Status");
		assert.match(status.message, /the store could not write to its disk: .*File too large; nothing was changed$/);
		assert.equal((await send(started, "GET", `${CONFIG_MAPS}/c${n}`)).code, 404);
		assert.equal((await send(started, "GET", `${CONFIG_MAPS}/c${n - 1}`)).code, 200);
		assert.equal((await send(started, "POST", CONFIG_MAPS, { ...body(n), data: {} })).code, 201);
	}));

test("no room for what must be there at start is told", () =>
	withLimit(100, async (started) => {
		assert.equal(started.problem?.code, "LTN2005");
		assert.match(started.problem?.message ?? "", /could not write what must be there at start: .*File too large/);
	}));
