import { existsSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { packageRoot } from "./package-root.ts";

/** Megabytes of V8's young generation in a worker thread: three semi-spaces as large as `bin/lateen` gives the main thread. */
const YOUNG_GENERATION_MB = 24;

/** Starts `proxy-worker-main` in a thread: from the sources when this code runs from them, else from the bundle. */
export function openWorkerThread(): Worker {
	const source = join(import.meta.dirname, "proxy-worker-main.ts");
	const entry = existsSync(source) ? source : join(packageRoot(), "dist", "proxy-worker.mjs");
	return new Worker(entry, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB }, execArgv: [] });
}
