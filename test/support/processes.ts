import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/** A process of this machine, as /proc tells. */
export interface ProcessView {
	readonly pid: number;
	readonly command: string;
}

/** Processes that have this entry in their environment (`HOSTNAME=<pod>`) and whose command line contains the text. */
export function processesWith(entry: string, text: string): Promise<ProcessView[]> {
	return findProcesses(
		async (pid, command) => command.includes(text) && (await readEntries(pid, "environ")).includes(entry),
	);
}

/** Processes whose command line names this folder: a mesh's guardian and networking. */
export function processesWithArgument(folder: string): Promise<ProcessView[]> {
	return findProcesses(async (pid, command) => pid !== process.pid && command.includes(folder));
}

/** Children of a process whose command line contains the text. */
export function childrenOf(parent: number, text: string): Promise<ProcessView[]> {
	return findProcesses(async (pid, command) => {
		const stat = await readText(pid, "stat");
		// After the command in brackets: state, then the parent's id.
		return command.includes(text) && Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent;
	});
}

async function findProcesses(isWanted: (pid: number, command: string) => Promise<boolean>): Promise<ProcessView[]> {
	const found: ProcessView[] = [];
	for (const pid of (await readdir("/proc")).map(Number).filter(Number.isInteger)) {
		const command = (await readEntries(pid, "cmdline")).join(" ");
		if (await isWanted(pid, command)) found.push({ pid, command });
	}
	return found;
}

/** True while the process is there and not a zombie. */
export function isRunning(pid: number): boolean {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
	} catch {
		return false; // gone
	}
}

async function readEntries(pid: number, file: string): Promise<string[]> {
	return (await readText(pid, file)).split("\0");
}

async function readText(pid: number, file: string): Promise<string> {
	try {
		return await readFile(`/proc/${pid}/${file}`, "utf8");
	} catch {
		return ""; // gone, or not ours
	}
}
