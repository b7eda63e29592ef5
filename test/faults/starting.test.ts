import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { CommandResult } from "../support/kubectl.ts";
import { runLateen } from "../support/mesh.ts";
import { startForeground } from "./foreground.ts";
import { assertNothingLeft } from "./left-behind.ts";

// Blocks below those of the end-to-end tests and above what a person's mesh takes first.
const BLOCK = 20 + (process.pid % 40);

let folder = "";
let dataDir = "";
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), "lateen-faults-"));
	dataDir = join(folder, "data");
});
afterEach(async () => {
	await runLateen(["down", "--data", dataDir]);
	rmSync(folder, { recursive: true, force: true });
});

function up(...args: string[]): Promise<CommandResult> {
	const own = ["--data", dataDir, "--ports", "auto", "--address-block", String(BLOCK)];
	return runLateen(["up", "--detach", ...own, ...args], { cwd: folder, timeoutMs: 90_000 });
}

function assertNotUp(): void {
	assert.equal(existsSync(join(dataDir, "lock")), false, "the lock is released");
	assertNothingLeft(dataDir, BLOCK);
}

describe("A lateen.yaml that is wrong", () => {
	for (const [what, text, messages] of [
		["broken YAML", "images:\n  a: [b\n", [/LTN6031 .*lateen\.yaml:3:1: .*Mend the YAML/]],
		[
			"unknown settings and wrong values, all at once",
			"image: {}\nimages:\n  a: { command: node x, cwd: / }\n",
			[
				/LTN6032 .*lateen\.yaml: image: unknown setting\. Known are images and mesh\./,
				/LTN6032 .*lateen\.yaml: images\[a\]\.cwd: unknown setting/,
				/LTN6033 .*lateen\.yaml: images\[a\]\.command: a list of words is needed/,
			],
		],
		[
			"a mesh setting that is wrong",
			"mesh:\n  outboundTrafficPolicy: { mode: SOMETIMES }\n",
			[/lateen\.yaml: mesh\.outboundTrafficPolicy\.mode: must be one of ALLOW_ANY, REGISTRY_ONLY/],
		],
	] as const)
		test(what, async () => {
			writeFileSync(join(folder, "lateen.yaml"), text);
			const { code, stderr } = await up();
			assert.equal(code, 65, stderr);
			for (const message of messages) assert.match(stderr, message);
			assertNotUp();
		});

	test("a file that is not there", async () => {
		const { code, stderr } = await up("--config", "other.yaml");
		assert.equal(code, 65, stderr);
		assert.match(stderr, /LTN6030 .*other\.yaml: cannot be read: .*Name an existing file with --config/);
	});

	test("no folder is made for flags that are wrong", async () => {
		for (const flags of [
			["--api-port", "70000"],
			["--address-block", "300"],
			["--sample", "no-such"],
			["--frobnicate"],
		]) {
			const { code, stderr } = await up(...flags);
			assert.equal(code, 64, stderr);
			assert.match(stderr, new RegExp(flags[0]!));
		}
		assert.equal(existsSync(dataDir), false);
	});
});

describe("A port in use", () => {
	let taken: Server;
	beforeEach(async () => {
		taken = createServer();
		await new Promise<void>((resolve) => {
			taken.listen(0, resolve);
		});
	});
	afterEach(() => new Promise((resolve) => taken.close(resolve)));

	for (const flag of ["--api-port", "--xds-port", "--debug-port", "--console-port", "--kubelet-port"])
		test(`${flag}: who has it, and how to choose another`, async () => {
			const { port } = taken.address() as { port: number };
			const { code, stderr } = await up(flag, String(port));
			assert.equal(code, 73, stderr);
			const holder = `port ${port} is in use by node \\S*starting\\.test\\.ts \\(process ${process.pid}\\)`;
			assert.match(
				stderr,
				new RegExp(`LTN6012 ${flag}: ${holder}\\. End that process, or choose another port with ${flag}`),
			);
			assertNotUp();
		});
});

describe("A folder that cannot be used", () => {
	test("a file stands where the folder should be", async () => {
		writeFileSync(dataDir, "");
		const { code, stderr } = await up();
		assert.equal(code, 73, stderr);
		assert.match(
			stderr,
			/LTN6016 .*data\S*: cannot be written: a file stands where a folder is needed .*choose another folder with --data/,
		);
		rmSync(dataDir);
	});

	test("a file of the state is torn", async () => {
		mkdirSync(dataDir);
		writeFileSync(join(dataDir, "mesh.json"), '{"version": "0.1');
		const { code, stderr } = await up();
		assert.equal(code, 0, stderr);
	});
});

describe("Ctrl-C", () => {
	const inForeground = () =>
		startForeground(
			["up", "--sample", "bookinfo", "--data", dataDir, "--ports", "auto", "--address-block", String(BLOCK)],
			folder,
		);

	test("stops a mesh that is up: exit code 0, nothing left", async () => {
		const mesh = inForeground();
		await mesh.printed(/Kubeconfig .*\n/);
		const startedMs = performance.now();
		mesh.child.kill("SIGINT");
		const { code, output } = await mesh.ended;
		assert.equal(code, 0, output);
		assert.match(output, /Stopping: pods get their grace period.*\n.*Stopped\./);
		assert.ok(performance.now() - startedMs < 15_000);
		assertNotUp();
	});

	for (const step of ["Kubernetes API", "Control plane", "Sample bookinfo deployed"])
		test(`in the middle of starting, after "${step}": exit code 0, nothing left`, async () => {
			const mesh = inForeground();
			await mesh.printed(step);
			mesh.child.kill("SIGINT");
			const { code, output } = await mesh.ended;
			assert.equal(code, 0, output);
			assert.doesNotMatch(output, /Gateway {2}/);
			assertNotUp();
		});

	test("a terminal that is closed stops the mesh as Ctrl-C does", async () => {
		const mesh = inForeground();
		await mesh.printed("Control plane");
		mesh.child.kill("SIGHUP");
		const { code, output } = await mesh.ended;
		assert.equal(code, 0, output);
		assertNotUp();
	});
});
