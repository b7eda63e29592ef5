import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type Problem, problem } from "../lib/problem.ts";
import { type DataFolder, dataFolder } from "./data-folder.ts";
import { eventDecoder, type MeshEvent } from "./mesh-events.ts";
import type { MeshOptions } from "./mesh-options.ts";
import { readMeshState, releaseLock, runningMesh, takeLock, writeMeshState } from "./mesh-state.ts";
import { packageRoot } from "./package-root.ts";
import { identifyProcess, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { stopStrayPods } from "./stray-pods.ts";

/** Environment variable that carries the mesh process' options. */
export const OPTIONS_VARIABLE = "LATEEN_MESH_OPTIONS";

const FIRST_RESTART_DELAY_MS = 200;
const MAX_RESTART_DELAY_MS = 10_000;
/** A mesh that ran this long starts the back-off anew. */
const STEADY_MS = 30_000;
/** Longest graceful stop of a pod (30 s) and some. */
const STOP_DEADLINE_MS = 40_000;
/** An adopted process is not our child: the system tells us nothing, we have to look. */
const ADOPTED_LOOK_MS = 250;

/** How a guarded mesh ended. */
export type GuardianEnd =
	| { readonly kind: "stopped" }
	| { readonly kind: "failed"; readonly problems: readonly Problem[] }
	| { readonly kind: "locked"; readonly pid: number };

/**
 * Runs the mesh process and starts it again when it dies; containers and proxies outlive it and are adopted. Resolves when the mesh
 * was stopped (abort `signal`), never came up, or the folder is taken.
 */
export async function guardMesh(
	options: MeshOptions,
	onEvent: (event: MeshEvent) => void,
	signal: AbortSignal,
): Promise<GuardianEnd> {
	const folder = dataFolder(options.dataDir);
	const holder = takeLock(folder, "lateen up") ?? runningMesh(folder)?.mesh;
	if (holder) {
		releaseLock(folder);
		return { kind: "locked", pid: holder.pid };
	}
	try {
		return await superviseMesh(folder, options, { onEvent, signal, wasReady: false });
	} finally {
		releaseLock(folder);
	}
}

/** The guardian of a mesh process that runs already and whose guardian was killed; otherwise as `guardMesh`. */
export async function adoptMesh(
	options: MeshOptions,
	mesh: ProcessIdentity,
	signal: AbortSignal,
): Promise<GuardianEnd> {
	const folder = dataFolder(options.dataDir);
	// Stopped, or even purged, while we were starting: there is nothing to look after.
	if (readMeshState(folder)?.phase !== "ready") return { kind: "stopped" };
	const holder = takeLock(folder, "lateen up");
	if (holder) return { kind: "locked", pid: holder.pid };
	try {
		const state = readMeshState(folder);
		if (state && isAlive(mesh)) writeMeshState(folder, { ...state, guardian: identifyProcess(process.pid) });
		const how = await watchAdopted(folder, mesh, signal);
		if (signal.aborted || how === STOPPED) return { kind: "stopped" };
		return await superviseMesh(folder, options, { onEvent: () => undefined, signal, wasReady: true });
	} finally {
		releaseLock(folder);
	}
}

const STOPPED = "exit code 0";

/** Resolves when the process, which is not our child, has ended; ends it when the signal says so. */
async function watchAdopted(folder: DataFolder, mesh: ProcessIdentity, signal: AbortSignal): Promise<string> {
	const unlink = stopOnAbort({ kill: (name) => killIfAlive(mesh, name) }, () => undefined, signal);
	while (isAlive(mesh)) await sleep(ADOPTED_LOOK_MS);
	unlink();
	return readMeshState(folder)?.phase === "ready" ? "killed" : STOPPED;
}

function killIfAlive(mesh: ProcessIdentity, signal: NodeJS.Signals): void {
	if (isAlive(mesh)) process.kill(mesh.pid, signal);
}

interface Supervision {
	readonly onEvent: (event: MeshEvent) => void;
	readonly signal: AbortSignal;
	/** It was up once: what goes wrong from then on is tried again. */
	wasReady: boolean;
}

async function superviseMesh(folder: DataFolder, options: MeshOptions, by: Supervision): Promise<GuardianEnd> {
	const { onEvent, signal } = by;
	let delayMs = FIRST_RESTART_DELAY_MS;
	for (;;) {
		const startedMs = performance.now();
		const run = await runMesh(folder, options, onEvent, signal);
		if (signal.aborted) {
			onEvent({ type: "stopped" });
			return { kind: "stopped" };
		}
		by.wasReady ||= run.ready;
		if (!by.wasReady) {
			return { kind: "failed", problems: run.problems ?? (await cleanUp(folder, run.how, onEvent)) };
		}
		if (run.how === STOPPED) return { kind: "stopped" };
		delayMs =
			performance.now() - startedMs > STEADY_MS ? FIRST_RESTART_DELAY_MS : Math.min(delayMs * 2, MAX_RESTART_DELAY_MS);
		onEvent({ type: "restarting", reason: run.how });
		await pause(delayMs, signal);
	}
}

/** The mesh process was killed in the middle of its start: what it had begun is ended, as it would have done itself. */
async function cleanUp(folder: DataFolder, how: string, onEvent: (event: MeshEvent) => void): Promise<Problem[]> {
	await stopStrayPods(folder);
	const message = `the mesh process ended (${how}) before it was up`;
	const problems = [problem("LTN6010", folder.meshLog, message, "read the end of the log")];
	onEvent({ type: "failed", problems });
	return problems;
}

interface MeshRun {
	readonly ready: boolean;
	/** What a "failed" event said; undefined when none was sent. */
	readonly problems: readonly Problem[] | undefined;
	/** `exit code 1`, `signal SIGKILL`. */
	readonly how: string;
}

function runMesh(
	folder: DataFolder,
	options: MeshOptions,
	onEvent: (event: MeshEvent) => void,
	signal: AbortSignal,
): Promise<MeshRun> {
	if (signal.aborted) return Promise.resolve({ ready: false, problems: undefined, how: "stopped" });
	const child = spawnMesh(folder, options);
	let ready = false;
	let problems: readonly Problem[] | undefined;
	const decode = eventDecoder((event) => {
		ready ||= event.type === "ready";
		if (event.type === "failed") problems = event.problems;
		onEvent(event);
	});
	(child.stdio[3] as Readable).setEncoding("utf8").on("data", decode);
	const unlink = stopOnAbort(child, onEvent, signal);
	return new Promise((resolve, reject) => {
		child.once("error", (cause) =>
			reject(new Error(`the mesh process cannot be started: ${cause.message}`, { cause })),
		);
		child.once("close", (code, killedBy) => {
			unlink();
			resolve({ ready, problems, how: killedBy ? `signal ${killedBy}` : `exit code ${code}` });
		});
	});
}

function spawnMesh(folder: DataFolder, options: MeshOptions): ChildProcess {
	mkdirSync(folder.logs, { recursive: true, mode: 0o700 });
	const log = openSync(folder.meshLog, "a", 0o600);
	try {
		return spawn(process.execPath, [join(packageRoot(), "dist", "mesh.mjs")], {
			// A group of its own: Ctrl-C reaches the guardian alone, which stops the mesh in order.
			detached: true,
			stdio: ["ignore", log, log, "pipe"],
			env: { ...process.env, [OPTIONS_VARIABLE]: JSON.stringify(options) },
		});
	} finally {
		closeSync(log);
	}
}

function stopOnAbort(
	child: { kill(signal: NodeJS.Signals): void },
	onEvent: (event: MeshEvent) => void,
	signal: AbortSignal,
): () => void {
	let deadline: NodeJS.Timeout | undefined;
	const stop = () => {
		onEvent({ type: "stopping" });
		child.kill("SIGTERM");
		deadline = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
	};
	signal.addEventListener("abort", stop, { once: true });
	return () => {
		signal.removeEventListener("abort", stop);
		clearTimeout(deadline);
	};
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
	return new Promise((resolve) => {
		const timer = setTimeout(resolve, ms);
		signal.addEventListener(
			"abort",
			() => {
				clearTimeout(timer);
				resolve();
			},
			{ once: true },
		);
	});
}
