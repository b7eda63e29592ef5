import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { MARK_VARIABLE } from "../../src/kube/kubelet/process-identity.ts";

/** A process that belongs to a mesh, as /proc shows it. */
export interface MeshProcess {
	readonly pid: number;
	readonly commandLine: string;
}

/** Every living process of the mesh in a folder: guardian, mesh, netproxy, containers and what they started. */
export function processesOf(dataDir: string): MeshProcess[] {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
		.flatMap((name) => {
			const environment = read(`/proc/${name}/environ`);
			const commandLine = read(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim();
			const isContainer = environment.split("\0").includes(`${MARK_VARIABLE}=${dataDir}`);
			const isMesh = environment.includes(`"dataDir":"${dataDir}"`);
			const isNamed = commandLine.includes(`${dataDir} `) || commandLine.includes(`${dataDir}/kubeconfig`);
			return isContainer || isMesh || isNamed ? [{ pid: Number(name), commandLine }] : [];
		});
}

/** Addresses of the mesh's own block that somebody listens at. */
export function listenersInBlock(block: number): string[] {
	const [, ...lines] = read("/proc/net/tcp").split("\n");
	return lines.flatMap((line) => {
		const [, local = "", , state] = line.trim().split(/\s+/);
		if (state !== "0A") return [];
		const [hex = "", port = ""] = local.split(":");
		const bytes = (hex.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16));
		return bytes[0] === 127 && bytes[1] === block ? [`${bytes.join(".")}:${Number.parseInt(port, 16)}`] : [];
	});
}

/** Fails when anything of the mesh still runs or listens. */
export function assertNothingLeft(dataDir: string, block?: number): void {
	assert.deepEqual(processesOf(dataDir), [], "no process is left");
	if (block !== undefined) assert.deepEqual(listenersInBlock(block), [], "no socket is left");
}

function read(path: string): string {
	try {
		return readFileSync(path, "latin1");
	} catch {
		return ""; // it ended while we looked, or is not ours
	}
}
