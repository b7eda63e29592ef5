import { setTimeout as sleep } from "node:timers/promises";
import { findMarked } from "../kube/kubelet/process-identity.ts";
import { systemClock } from "../lib/clock.ts";
import type { DataFolder } from "./data-folder.ts";
import { stopStrayNetproxy } from "./netproxy-process.ts";

const GRACE_MS = 5000;
const POLL_MS = 50;

/** Ends what a killed mesh left running: containers and the netproxy of this folder. Answers how many processes there were. */
export async function stopStrayPods(folder: DataFolder): Promise<number> {
	const netproxy = await stopStrayNetproxy(folder, systemClock);
	const found = findMarked(folder.root);
	signalAll(found, "SIGTERM");
	const deadlineMs = performance.now() + GRACE_MS;
	while (findMarked(folder.root).length > 0 && performance.now() < deadlineMs) await sleep(POLL_MS);
	signalAll(findMarked(folder.root), "SIGKILL");
	return found.length + (netproxy ? 1 : 0);
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
	for (const pid of pids) {
		try {
			process.kill(pid, signal);
		} catch (error) {
			// It ended by itself in between.
			if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
		}
	}
}
