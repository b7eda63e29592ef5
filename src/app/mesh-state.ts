import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { DataFolder } from "./data-folder.ts";
import { identifyProcess, isAlive, type ProcessIdentity } from "./process-identity.ts";

/** What `mesh.json` tells of a mesh: who runs it and where its doors are. */
export interface MeshState {
	readonly version: string;
	/** The process that holds API server, controllers, control plane and console. */
	readonly mesh: ProcessIdentity;
	/** `lateen up`, which starts the mesh process again when it dies; absent when the mesh was started alone. */
	readonly guardian: ProcessIdentity | undefined;
	/** `stopped`: ended as asked; the file stays, so that the next `up` opens the same doors. */
	readonly phase: "starting" | "ready" | "stopped";
	readonly startedAt: string;
	readonly addressBlock: number;
	readonly ports: MeshPorts;
	readonly urls: MeshUrls;
	readonly kubeconfig: string;
	/** Name of the sample that it was started with. */
	readonly sample?: string;
}

export interface MeshPorts {
	readonly kubeApi: number;
	readonly xds: number;
	readonly controlPlaneDebug: number;
	readonly console: number;
	readonly kubelet: number;
}

export interface MeshUrls {
	readonly kubeApi: string;
	readonly console: string;
	readonly controlPlaneDebug: string;
}

/**
 * The state file's content, whether or not its process lives; undefined when there is none or it was torn (a disk that failed). Throws when it
 * cannot be read.
 */
export function readMeshState(folder: DataFolder): MeshState | undefined {
	return readJson<MeshState>(folder.meshState);
}

function readJson<T>(file: string): T | undefined {
	try {
		return JSON.parse(readFileSync(file, "utf8")) as T;
	} catch (error) {
		if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw error;
	}
}

/** The running mesh of this folder, or undefined. */
export function runningMesh(folder: DataFolder): MeshState | undefined {
	const state = readMeshState(folder);
	return state && isAlive(state.mesh) ? state : undefined;
}

/** Replaces the file whole, so that a reader never sees half of it. */
export function writeMeshState(folder: DataFolder, state: MeshState): void {
	mkdirSync(folder.root, { recursive: true });
	const fresh = `${folder.meshState}.${process.pid}`;
	writeFileSync(fresh, `${JSON.stringify(state, null, "\t")}\n`, { mode: 0o600 });
	renameSync(fresh, folder.meshState);
}

/** Notes that the mesh was stopped; nothing where there was none. */
export function markStopped(folder: DataFolder): void {
	const state = readMeshState(folder);
	if (state) writeMeshState(folder, { ...state, phase: "stopped" });
}

/** Who holds the folder. */
export interface LockHolder extends ProcessIdentity {
	readonly command: string;
}

/**
 * Takes the folder's lock for this process; answers the holder when another living process has it. A lock whose process is gone is
 * taken over.
 */
export function takeLock(folder: DataFolder, command: string): LockHolder | undefined {
	mkdirSync(folder.root, { recursive: true, mode: 0o700 });
	const mine: LockHolder = { ...identifyProcess(process.pid), command };
	for (let attempt = 0; attempt < 3; attempt++) {
		try {
			writeFileSync(folder.lock, JSON.stringify(mine), { flag: "wx", mode: 0o600 });
			return undefined;
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
		}
		const holder = lockHolder(folder);
		if (holder && isAlive(holder)) return holder;
		rmSync(folder.lock, { force: true });
	}
	throw new Error(`the lock ${folder.lock} cannot be taken`);
}

/** Undefined when nobody holds it: absent, or torn by a crash in the middle of the first write. */
export function lockHolder(folder: DataFolder): LockHolder | undefined {
	return readJson<LockHolder>(folder.lock);
}

export function releaseLock(folder: DataFolder): void {
	if (lockHolder(folder)?.pid === process.pid) rmSync(folder.lock, { force: true });
}
