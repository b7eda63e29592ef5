import type { ContainerState } from "../client/pod.ts";
import type { CrashBackoff } from "./crash-backoff.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/** What the runner remembers of one container across its own restarts. */
export interface ContainerRecord {
	/** How often a process was started (or tried to be). */
	runs: number;
	state: ContainerState;
	lastState: ContainerState;
	started: boolean;
	ready: boolean;
	imageId: string;
	containerId?: string;
	process?: ProcessIdentity & { readonly startedAtMs: number };
	backoff?: CrashBackoff;
}

/** What the runner remembers of one pod; `<data>/pods/<uid>/state.json`. */
export interface PodRecord {
	readonly uid: string;
	readonly namespace: string;
	readonly name: string;
	readonly podIp: string;
	containers: Record<string, ContainerRecord>;
}

export function newContainerRecord(): ContainerRecord {
	return { runs: 0, state: {}, lastState: {}, started: false, ready: false, imageId: "" };
}
