import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** A process that cannot be mistaken for another one that got the same pid later. */
export interface ProcessIdentity {
	readonly pid: number;
	/** When it began, as the system says it: clock ticks since boot, or `ps`'s text where there is no /proc. */
	readonly startMark: string;
}

/** Environment variable by which a restarted kubelet knows the processes that an earlier one left behind. */
export const MARK_VARIABLE = "LATEEN_KUBELET";

/** The identity of a living process; undefined when there is none (or only its zombie). */
export function identify(pid: number): ProcessIdentity | undefined {
	const startMark = readStartMark(pid);
	return startMark === undefined ? undefined : { pid, startMark };
}

export function isAlive({ pid, startMark }: ProcessIdentity): boolean {
	return readStartMark(pid) === startMark;
}

/** Signals the process and everything in its process group; false when nothing is there any more. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
	try {
		process.kill(-pid, signal);
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
		throw error;
	}
}

/** SIGKILL for one process; nothing when it is gone. */
export function killProcess(pid: number): void {
	try {
		process.kill(pid, "SIGKILL");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
	}
}

/**
 * Living processes that carry this kubelet's mark in their environment and neither are one of the kept ones nor belong to
 * one (same process group, or a descendant). Empty where the system does not tell (macOS).
 */
export function findStrays(mark: string, kept: ReadonlySet<number>): number[] {
	return findMarked(mark).filter((pid) => !belongsTo(pid, kept));
}

/** Living processes that carry this kubelet's mark in their environment. */
export function findMarked(mark: string): number[] {
	return pids().filter((pid) => readProc(pid, "environ")?.split("\0").includes(`${MARK_VARIABLE}=${mark}`));
}

function belongsTo(pid: number, kept: ReadonlySet<number>): boolean {
	for (let at = pid; at > 1; ) {
		const fields = statFields(at);
		if (kept.has(at) || kept.has(Number(fields?.[2]))) return true;
		at = Number(fields?.[1] ?? 0);
	}
	return false;
}

function pids(): number[] {
	if (process.platform !== "linux") return [];
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.map(Number);
}

function readStartMark(pid: number): string | undefined {
	if (process.platform !== "linux") return startMarkByPs(pid);
	const fields = statFields(pid);
	return fields?.[0] === "Z" ? undefined : fields?.[19];
}

/** State, parent, process group, ... of /proc/<pid>/stat; the name before them may hold anything, so it is skipped by its bracket. */
function statFields(pid: number): string[] | undefined {
	const stat = readProc(pid, "stat");
	return stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function readProc(pid: number, file: string): string | undefined {
	try {
		return readFileSync(`/proc/${pid}/${file}`, "latin1");
	} catch {
		return undefined; // it ended, or it is another user's
	}
}

function startMarkByPs(pid: number): string | undefined {
	try {
		const text = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", stdio: "pipe" });
		return text.trim() || undefined;
	} catch {
		return undefined; // ps exits with 1 when there is no such process
	}
}
