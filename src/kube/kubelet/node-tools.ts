import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findBinary } from "./images.ts";
import type { NodeEnvironment } from "./launch-environment.ts";

/** Beside this file, or from a bundle in `dist/` or `dist/chunks/` at its place in the package. */
const PRELOAD_CANDIDATES = [".", "../src/kube/kubelet", "../../src/kube/kubelet"].map(
	(folder) => `${folder}/preload.mjs`,
);

/** Writes the tools that containers find first in their PATH, and says what is the same in every container's environment. */
export function installNodeTools(dataDir: string): NodeEnvironment {
	const toolsDir = join(dataDir, "bin");
	const hostPath = process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin";
	mkdirSync(toolsDir, { recursive: true });
	const curl = join(toolsDir, "curl");
	writeFileSync(curl, curlWrapper(findBinary("curl", hostPath)));
	chmodSync(curl, 0o755);
	// The one that this process uses, so that a container starts warm from the first mesh on.
	const compileCacheDir = process.env.NODE_COMPILE_CACHE ?? join(dataDir, "compile-cache");
	mkdirSync(compileCacheDir, { recursive: true });
	return { mark: dataDir, toolsDir, hostPath, preloadUrl: findPreload(), compileCacheDir };
}

function findPreload(): string {
	const candidates = PRELOAD_CANDIDATES.map((path) => fileURLToPath(new URL(path, import.meta.url)));
	const found = candidates.find((path) => existsSync(path));
	if (found === undefined) throw new Error(`the preload for Node programs is missing: ${candidates.join(", ")}`);
	return pathToFileURL(found).href;
}

/** `localhost` must be the pod's own, also for probes that call curl (docs/contracts.md). */
function curlWrapper(curl: string | undefined): string {
	if (curl === undefined)
		return '#!/bin/sh\necho "curl: not installed on this machine; install curl to use it in containers" >&2\nexit 127\n';
	const own = '"localhost::$LATEEN_LOCALHOST:" --connect-to "127.0.0.1::$LATEEN_LOCALHOST:"';
	return `#!/bin/sh\nexec '${curl.replaceAll("'", "'\\''")}' --connect-to ${own} "$@"\n`;
}
