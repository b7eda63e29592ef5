// Process of a mesh, started by the guardian; tells what it does as events on file descriptor 3.
import { writeSync } from "node:fs";
import { createLogging } from "../telemetry/logger.ts";
import { OPTIONS_VARIABLE } from "./guardian.ts";
import { keepGuardian } from "./keep-guardian.ts";
import { Mesh } from "./mesh.ts";
import { encodeEvent, type MeshEvent } from "./mesh-events.ts";
import type { MeshOptions } from "./mesh-options.ts";
import { startProblems } from "./start-problems.ts";

const options = JSON.parse(process.env[OPTIONS_VARIABLE] ?? "") as MeshOptions;
delete process.env[OPTIONS_VARIABLE];
const logging = createLogging({ level: options.logLevel === "warn" ? "warning" : options.logLevel });
const log = logging.component("mesh");

const guardianPid = process.ppid;
const mesh = new Mesh(options, { logging, onEvent, guardianPid });
let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop());

let stopKeeping = () => {};
try {
	await mesh.start();
	stopKeeping = keepGuardian(options, guardianPid, log);
} catch (error) {
	// Being stopped in the middle of starting makes steps fail; that is what was asked for.
	if (!stopping) fail(error);
}

function fail(error: unknown): never {
	log.error({ err: error }, "the mesh could not be started");
	onEvent({ type: "failed", problems: startProblems(error, options.dataDir) });
	process.exit(1);
}

async function stop(): Promise<void> {
	if (stopping) return;
	stopping = true;
	stopKeeping();
	await mesh.stop();
	process.exit(0);
}

function onEvent(event: MeshEvent): void {
	try {
		writeSync(3, encodeEvent(event));
	} catch (error) {
		// The guardian is gone; the mesh goes on without it.
		if (!["EPIPE", "EBADF"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
	}
}
