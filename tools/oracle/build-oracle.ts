// Builds a real kube-apiserver with its etcd, against which test/oracle compares Lateen's API server. Run by hand; about five
// minutes of one core: node tools/oracle/build-oracle.ts

import { execFile } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const VERSION = "v1.32.0";
const BUILD_TIMEOUT_MS = 40 * 60_000;

/** Where the program is kept; it need not be there. */
export function oraclePath(env: NodeJS.ProcessEnv = process.env): string {
	return join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "lateen", `kube-apiserver-${VERSION}`);
}

async function build(target: string): Promise<void> {
	mkdirSync(dirname(target), { recursive: true });
	const fresh = `${target}.${process.pid}`;
	const stamp = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`;
	const flags = ["-s", "-w", stamp("gitVersion", VERSION), stamp("gitMajor", "1"), stamp("gitMinor", "32")].join(" ");
	await promisify(execFile)("go", ["build", "-trimpath", "-ldflags", flags, "-o", fresh, "."], {
		cwd: import.meta.dirname,
		env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-p=1 -buildvcs=false -mod=readonly" },
		timeout: BUILD_TIMEOUT_MS,
	});
	renameSync(fresh, target);
}

if (import.meta.main) {
	await build(oraclePath());
	process.stdout.write(`${oraclePath()}\n`);
}
