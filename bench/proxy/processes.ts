import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";

/** The core that the measured proxy has to itself, and the one of everything else. */
export const PROXY_CORES = "0";
export const LOAD_CORES = "1";

const TICKS_PER_SECOND = 100;

/** Children of the benchmark; `end` kills what is left of them. */
export class Processes {
	readonly #children = new Set<ChildProcess>();

	/** Starts a command on some cores (taskset's list). */
	start(cores: string, command: readonly string[]): ChildProcess {
		const child = spawn("taskset", ["-c", cores, ...command], { stdio: ["ignore", "pipe", "inherit"] });
		this.#children.add(child);
		child.once("exit", () => this.#children.delete(child));
		return child;
	}

	end(): void {
		for (const child of this.#children) child.kill("SIGKILL");
	}
}

/** First line that a child prints; rejects when it ends before. */
export function firstLine(child: ChildProcess): Promise<string> {
	return new Promise((resolve, reject) => {
		let text = "";
		child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
			text += chunk;
			if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
		});
		child.once("exit", () => reject(new Error("a child of the benchmark ended early")));
	});
}

/** All that a child prints until it ends. */
export function wholeOutput(child: ChildProcess): Promise<string> {
	return new Promise((resolve, reject) => {
		let text = "";
		child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
			text += chunk;
		});
		child.once("close", (code) =>
			code === 0 ? resolve(text) : reject(new Error(`a child ended with ${code}: ${text}`)),
		);
	});
}

export function stop(child: ChildProcess): Promise<void> {
	return new Promise((resolve) => {
		child.once("exit", () => resolve());
		child.kill("SIGKILL");
	});
}

/** utime + stime of a process and its threads (proc(5)). */
export function cpuUs(pid: number): number {
	const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
		.replace(/^.*\) /, "")
		.split(" ");
	return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6;
}

/** CPU time of each thread of a process, by its id (sched-stats(5)). */
export function threadsUs(pid: number): ReadonlyMap<string, number> {
	const threads = readdirSync(`/proc/${pid}/task`);
	return new Map(
		threads.map((id) => [id, Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")[0]) / 1000]),
	);
}

export function rssMb(pid: number): number {
	return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

export function openFiles(pid: number): number {
	return readdirSync(`/proc/${pid}/fd`).length;
}

export function freePort(): Promise<number> {
	return new Promise((resolve) => {
		const server = createServer().listen(0, "127.0.0.1", () => {
			const { port } = server.address() as AddressInfo;
			server.close(() => resolve(port));
		});
	});
}

export async function listening(port: number): Promise<void> {
	const deadline = Date.now() + 30_000;
	while (!(await accepts(port))) {
		if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after 30 s`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

function accepts(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect(port, "127.0.0.1");
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		socket.once("error", () => resolve(false));
	});
}
