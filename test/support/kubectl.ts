import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findKubectl } from "../../tools/kubectl/find-kubectl.ts";

/** What a command left behind. */
export interface CommandResult {
	readonly code: number;
	readonly stdout: string;
	readonly stderr: string;
}

export interface RunOptions {
	/** Sent to the command's standard input. */
	readonly input?: string;
	readonly timeoutMs?: number;
	readonly env?: NodeJS.ProcessEnv;
	readonly cwd?: string;
}

/** The real kubectl against one mesh, with a home and caches of its own: other servers' discovery must not be believed. */
export interface Kubectl {
	/** Runs to the end, whatever the exit code. */
	(args: readonly string[], options?: RunOptions): Promise<CommandResult>;
	/** Standard output; throws with everything that was said unless the command succeeds. */
	ok(args: readonly string[], options?: RunOptions): Promise<string>;
	/** Starts and leaves it running, for watches, logs and load. */
	start(args: readonly string[]): ChildProcessWithoutNullStreams;
}

const TIMEOUT_MS = 60_000;

/** `homeDir` is made when it is not there. */
export async function kubectlFor(kubeconfig: string, homeDir: string): Promise<Kubectl> {
	const binary = await findKubectl();
	mkdirSync(homeDir, { recursive: true });
	const env = {
		...withoutProxies(process.env),
		HOME: homeDir,
		KUBECONFIG: kubeconfig,
		KUBECACHEDIR: join(homeDir, "cache"),
	};
	const run = (args: readonly string[], options: RunOptions = {}) =>
		runCommand(binary, args, { ...options, env: { ...env, ...options.env } });
	return Object.assign(run, {
		ok: async (args: readonly string[], options?: RunOptions) => {
			const result = await run(args, options);
			if (result.code !== 0)
				throw new Error(`kubectl ${args.join(" ")} exited ${result.code}\n${result.stderr}${result.stdout}`);
			return result.stdout;
		},
		start: (args: readonly string[]) => spawn(binary, args, { env }),
	});
}

/** Runs a command to its end; a command that takes longer than `timeoutMs` is killed and that is an error. */
export function runCommand(file: string, args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
	const { input = "", timeoutMs = TIMEOUT_MS, env = process.env, cwd } = options;
	return new Promise((resolve, reject) => {
		const child = spawn(file, args, { env, cwd });
		let stdout = "";
		let stderr = "";
		child.stdout.setEncoding("utf8").on("data", (text: string) => {
			stdout += text;
		});
		child.stderr.setEncoding("utf8").on("data", (text: string) => {
			stderr += text;
		});
		const timer = setTimeout(() => {
			child.kill("SIGKILL");
			reject(new Error(`${file} ${args.join(" ")} took longer than ${timeoutMs} ms\n${stderr}${stdout}`));
		}, timeoutMs);
		child.once("error", reject);
		child.once("close", (code, signal) => {
			clearTimeout(timer);
			resolve({ code: code ?? (signal === null ? 1 : 128), stdout, stderr });
		});
		child.stdin.on("error", () => {}); // a command that does not read its input is free to close it
		child.stdin.end(input);
	});
}

/** The environment without the proxies of this machine: the tests' own requests go straight to 127/8. */
export function withoutProxies(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
	return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(https?|all|no)_proxy$/i.test(name)));
}
