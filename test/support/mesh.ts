import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	type CommandResult,
	type Kubectl,
	kubectlFor,
	type RunOptions,
	runCommand,
	withoutProxies,
} from "./kubectl.ts";
import { processesWithArgument } from "./processes.ts";

const ROOT = join(import.meta.dirname, "../..");
const LATEEN = join(ROOT, "bin", "lateen");
const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 60_000;

/** The part of `mesh.json` that tests look at. */
export interface MeshStateView {
	readonly mesh: { readonly pid: number };
	readonly guardian?: { readonly pid: number };
	readonly addressBlock: number;
	readonly ports: Readonly<Record<string, number>>;
	readonly urls: Readonly<Record<string, string>>;
	readonly kubeconfig: string;
}

/** A mesh of the test's own: folder, ports and addresses are nobody else's. */
export interface TestMesh {
	readonly dataDir: string;
	readonly kubectl: Kubectl;
	/** The state file as it is now. */
	state(): Promise<MeshStateView>;
	/** Runs the CLI against this mesh's folder. */
	lateen(args: readonly string[], options?: RunOptions): Promise<CommandResult>;
	/** Stops everything and deletes the folder; with LATEEN_KEEP set the folder stays. */
	stop(): Promise<void>;
}

/** `lateen up --detach` in a fresh temporary folder, with free ports; rejects with what the command said when it fails. */
export async function startMesh(args: readonly string[] = [], parent = tmpdir()): Promise<TestMesh> {
	const folder = await mkdtemp(join(parent, "lateen-e2e-"));
	const dataDir = join(folder, "data");
	const own = ["--data", dataDir, "--ports", "auto", "--address-block", String(nextAddressBlock())];
	const result = await runLateen(["up", "--detach", ...own, ...args], {
		cwd: folder,
		timeoutMs: START_TIMEOUT_MS,
	});
	const stop = async () => {
		const { code, stderr } = await runLateen(["down", "--data", dataDir], { timeoutMs: STOP_TIMEOUT_MS });
		const left = await processesWithArgument(dataDir);
		for (const { pid } of left) process.kill(pid, "SIGKILL");
		if (!process.env.LATEEN_KEEP) await rm(folder, { recursive: true, force: true });
		if (code !== 0 || left.length > 0)
			throw new Error(`lateen down exited ${code} and left ${JSON.stringify(left)} running\n${stderr}`);
	};
	if (result.code !== 0) {
		const log = await readFile(join(dataDir, "logs", "mesh.log"), "utf8").catch(() => "(no log)");
		const left = await stop().then(
			() => "",
			(error: Error) => `\n${error.message}`,
		);
		throw new Error(`lateen up exited ${result.code}\n${result.stderr}${result.stdout}\n${log.slice(-4000)}${left}`);
	}
	const state = async () => JSON.parse(await readFile(join(dataDir, "mesh.json"), "utf8")) as MeshStateView;
	return {
		dataDir,
		kubectl: await kubectlFor((await state()).kubeconfig, join(folder, "home")),
		state,
		lateen: (commandArgs, options) => runLateen([...commandArgs, "--data", dataDir], { cwd: folder, ...options }),
		stop,
	};
}

let meshes = 0;

/** A block of this process' own: meshes that start at the same moment must not meet. */
function nextAddressBlock(): number {
	return 100 + ((process.pid + 50 * meshes++) % 150);
}

/** Runs `bin/lateen` of this checkout. */
export function runLateen(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
	return runCommand(LATEEN, args, { ...options, env: { ...withoutProxies(process.env), ...options.env } });
}
