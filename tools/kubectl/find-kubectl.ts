// Finds or builds a real kubectl of the minor version that Lateen's API server speaks. As a program it prints the path.

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, realpathSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

const MINOR = 32;
const BUILT_VERSION = `v1.${MINOR}.0`;
const PROBE_TIMEOUT_MS = 20_000;
const BUILD_TIMEOUT_MS = 20 * 60_000;

const run = promisify(execFile);

/**
 * The path of a kubectl 1.32: LATEEN_KUBECTL, else one on PATH (also under a versioned name, also beside a dispatcher), else one
 * built by Go into the cache folder, which takes about two minutes once. Throws with what to do when there is none.
 */
export async function findKubectl(env: NodeJS.ProcessEnv = process.env): Promise<string> {
	if (env.LATEEN_KUBECTL) {
		const version = await versionOf(env.LATEEN_KUBECTL);
		if (isWanted(version)) return env.LATEEN_KUBECTL;
		throw new Error(`LATEEN_KUBECTL=${env.LATEEN_KUBECTL} is ${version ?? "not a kubectl"}, wanted is 1.${MINOR}`);
	}
	for (const file of candidates(env.PATH ?? "")) if (isWanted(await versionOf(file))) return file;
	const built = join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "lateen", `kubectl-${BUILT_VERSION}`);
	if (!existsSync(built)) await build(built);
	return built;
}

/** Files that may be it, the named versions first: a plain `kubectl` is asked last, it may be a dispatcher that starts slowly. */
function candidates(path: string): string[] {
	const folders = new Set(path.split(delimiter).filter((folder) => folder !== ""));
	for (const folder of [...folders]) {
		const plain = join(folder, "kubectl");
		// The Google Cloud SDK keeps its versions beside the dispatcher that a link on PATH points at.
		if (existsSync(plain)) folders.add(dirname(realpathSync(plain)));
	}
	const names = [`kubectl.1.${MINOR}`, `kubectl-1.${MINOR}`, `kubectl1.${MINOR}`, `kubectl-v1.${MINOR}`, "kubectl"];
	return names.flatMap((name) => [...folders].map((folder) => join(folder, name))).filter((file) => existsSync(file));
}

/** What the binary says it is; undefined when it does not answer as kubectl does. */
async function versionOf(file: string): Promise<string | undefined> {
	try {
		const { stdout } = await run(file, ["version", "--client", "--output=json"], { timeout: PROBE_TIMEOUT_MS });
		return (JSON.parse(stdout) as { clientVersion?: { gitVersion?: string } }).clientVersion?.gitVersion;
	} catch {
		return undefined; // something else by that name
	}
}

/** A dispatcher is not wanted: it runs the kubectl of the server's minor, whatever was asked of it. */
function isWanted(version: string | undefined): boolean {
	return version?.startsWith(`v1.${MINOR}.`) === true && !version.includes("dispatcher");
}

async function build(target: string): Promise<void> {
	process.stderr.write(`Building kubectl ${BUILT_VERSION} with Go (once, some minutes)...\n`);
	mkdirSync(dirname(target), { recursive: true });
	const fresh = `${target}.${process.pid}`;
	const stamp = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`;
	const flags = [
		"-s",
		"-w",
		stamp("gitVersion", BUILT_VERSION),
		stamp("gitMajor", "1"),
		stamp("gitMinor", String(MINOR)),
	];
	try {
		await run("go", ["build", "-trimpath", "-ldflags", flags.join(" "), "-o", fresh, "."], {
			cwd: import.meta.dirname,
			env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false -mod=readonly" },
			timeout: BUILD_TIMEOUT_MS,
		});
	} catch (cause) {
		const { code, stderr = "" } = cause as { code?: string; stderr?: string };
		const why = code === "ENOENT" ? "Go is not installed" : `go build failed: ${stderr.trim().split("\n").at(-1)}`;
		throw new Error(`no kubectl 1.${MINOR} on PATH and ${why}; install one, or name it in LATEEN_KUBECTL`, { cause });
	}
	renameSync(fresh, target);
}

if (import.meta.main) process.stdout.write(`${await findKubectl()}\n`);
