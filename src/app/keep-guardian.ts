import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Logger } from "../telemetry/logger.ts";
import { OPTIONS_VARIABLE } from "./guardian.ts";
import type { MeshOptions } from "./mesh-options.ts";
import { packageRoot } from "./package-root.ts";
import { identifyProcess, isAlive, type ProcessIdentity } from "./process-identity.ts";

/** Environment variable that makes `lateen up` the guardian of a mesh process that runs already; its identity as JSON. */
export const ADOPT_VARIABLE = "LATEEN_ADOPT_MESH";

const WATCH_MS = 1000;

/**
 * The guardian starts the mesh process again when it dies, and the other way round: when the guardian is killed, a new one is started in the
 * background. Answers what ends the watching; the guardian itself is left alone.
 */
export function keepGuardian(options: MeshOptions, guardianPid: number, log: Logger): () => void {
	let guardian = identifyProcess(guardianPid);
	const timer = setInterval(() => {
		if (isAlive(guardian)) return;
		guardian = startGuardian(options);
		log.warn({ pid: guardian.pid }, "the guardian was killed; another one looks after the mesh process now");
	}, WATCH_MS);
	return () => clearInterval(timer);
}

function startGuardian(options: MeshOptions): ProcessIdentity {
	const child = spawn(process.execPath, [join(packageRoot(), "dist", "lateen.mjs"), "up", "--data", options.dataDir], {
		detached: true,
		// It tells nobody anything; what it restarts has its own log.
		stdio: "ignore",
		env: {
			...process.env,
			[OPTIONS_VARIABLE]: JSON.stringify(options),
			[ADOPT_VARIABLE]: JSON.stringify(identifyProcess(process.pid)),
		},
	});
	child.once("error", () => undefined); // it is not alive at the next look, and is tried again
	child.unref();
	return identifyProcess(child.pid ?? 0);
}
