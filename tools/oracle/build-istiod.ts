// Builds a real istiod (with the agent that renders its proxies' bootstraps), which test/oracle drives Lateen's proxy with. Run by
// hand; about six minutes of one core: node tools/oracle/build-istiod.ts

import { execFile } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

/** Istio's release branch; the commit is in istiod/go.mod. */
const VERSION = "1.31";
const BUILD_TIMEOUT_MS = 40 * 60_000;
const MODULE = join(import.meta.dirname, "istiod");

/** Where the program is kept; it need not be there. */
export function istioPath(env: NodeJS.ProcessEnv = process.env): string {
	return join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "lateen", `istio-${VERSION}`);
}

/** Folder of Istio's own source, with its samples and test data; undefined where the module is not downloaded. */
export async function istioSource(): Promise<string | undefined> {
	const { stdout } = await promisify(execFile)("go", ["list", "-m", "-f", "{{.Dir}}", "istio.io/istio"], {
		cwd: MODULE,
		env: { ...process.env, GOFLAGS: "-mod=mod", GOPROXY: "off" },
	});
	return stdout.trim() || undefined;
}

async function build(target: string): Promise<void> {
	mkdirSync(dirname(target), { recursive: true });
	const fresh = `${target}.${process.pid}`;
	await promisify(execFile)("go", ["build", "-trimpath", "-ldflags", "-s -w", "-o", fresh, "."], {
		cwd: MODULE,
		env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-p=1 -buildvcs=false -mod=readonly" },
		timeout: BUILD_TIMEOUT_MS,
	});
	renameSync(fresh, target);
}

if (import.meta.main) {
	await build(istioPath());
	process.stdout.write(`${istioPath()}\n`);
}
