import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { withoutProxies } from "../support/kubectl.ts";

const LATEEN = join(import.meta.dirname, "../../bin/lateen");
const DEADLINE_MS = 60_000;

/** A `lateen` that stays in the foreground, as in a terminal. */
export interface Foreground {
	readonly child: ChildProcess;
	/** Resolves when the text was printed (either stream). */
	printed(text: string | RegExp): Promise<string>;
	/** Resolves with the exit code and all that was printed. */
	readonly ended: Promise<{ code: number | null; output: string }>;
}

export function startForeground(args: readonly string[], cwd: string): Foreground {
	const child = spawn(LATEEN, args, { cwd, env: withoutProxies(process.env), stdio: ["ignore", "pipe", "pipe"] });
	let output = "";
	const watchers = new Set<() => void>();
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding("utf8").on("data", (text: string) => {
			output += text;
			for (const look of watchers) look();
		});
	const deadline = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
	const ended = new Promise<{ code: number | null; output: string }>((resolve, reject) => {
		child.once("error", reject);
		child.once("close", (code) => {
			clearTimeout(deadline);
			resolve({ code, output });
		});
	});
	return {
		child,
		ended,
		printed: (text) =>
			new Promise((resolve, reject) => {
				const look = () => {
					if (output.search(text) < 0) return;
					watchers.delete(look);
					resolve(output);
				};
				watchers.add(look);
				look();
				void ended.then(() => reject(new Error(`it ended before it printed ${text}:\n${output}`)));
			}),
	};
}
