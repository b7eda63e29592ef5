import { readFileSync } from "node:fs";

/** A process, told apart from a later one with the same pid. */
export interface ProcessIdentity {
	readonly pid: number;
	/** Start time in clock ticks since boot (Linux, /proc/<pid>/stat field 22); 0 where the system does not tell. */
	readonly startTicks: number;
}

export function identifyProcess(pid: number): ProcessIdentity {
	return { pid, startTicks: startTicks(pid) ?? 0 };
}

/** True while that very process lives (a zombie does not). */
export function isAlive(identity: ProcessIdentity): boolean {
	try {
		process.kill(identity.pid, 0);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
	}
	if (identity.startTicks === 0) return true;
	return startTicks(identity.pid) === identity.startTicks;
}

function startTicks(pid: number): number | undefined {
	let stat: string;
	try {
		stat = readFileSync(`/proc/${pid}/stat`, "latin1");
	} catch {
		// No /proc (macOS), or the process is gone: the caller's signal 0 decides.
		return undefined;
	}
	// The command name stands in parentheses and may hold blanks: count fields after the last one.
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return fields[0] === "Z" ? undefined : Number(fields[19]);
}
