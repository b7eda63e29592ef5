import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/** A process of this machine, as /proc tells. */
export interface ProcessView {
	readonly pid: number;
	readonly command: string;
}

/** Processes that have this entry in their environment (`HOSTNAME=<pod>`) and whose command line contains the text. */
export async function processesWith(entry: string, text: string): Promise<ProcessView[]> {
	const found: ProcessView[] = [];
	for (const name of await readdir("/proc")) {
		const pid = Number(name);
		if (!Number.isInteger(pid)) continue;
		const [environment, command] = await Promise.all([readEntries(pid, "environ"), readEntries(pid, "cmdline")]);
		if (environment.includes(entry) && command.join(" ").includes(text))
			found.push({ pid, command: command.join(" ") });
	}
	return found;
}

/** Children of a process whose command line contains the text. */
export async function childrenOf(parent: number, text: string): Promise<ProcessView[]> {
	const children: ProcessView[] = [];
	for (const name of await readdir("/proc")) {
		const pid = Number(name);
		if (!Number.isInteger(pid)) continue;
		const [stat, command] = await Promise.all([readText(pid, "stat"), readEntries(pid, "cmdline")]);
		// After the command in brackets: state, then the parent's id.
		const ppid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
		if (ppid === parent && command.join(" ").includes(text)) children.push({ pid, command: command.join(" ") });
	}
	return children;
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
