import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { dataFolder } from "../../app/data-folder.ts";
import { adoptMesh, type GuardianEnd, guardMesh, OPTIONS_VARIABLE } from "../../app/guardian.ts";
import { ADOPT_VARIABLE } from "../../app/keep-guardian.ts";
import { encodeEvent, eventDecoder, type MeshEvent } from "../../app/mesh-events.ts";
import { AUTO_PORTS, DEFAULT_PORTS, type MeshOptions } from "../../app/mesh-options.ts";
import { lockHolder, type MeshPorts, runningMesh } from "../../app/mesh-state.ts";
import { packageRoot } from "../../app/package-root.ts";
import type { ProcessIdentity } from "../../app/process-identity.ts";
import { startProblems } from "../../app/start-problems.ts";
import { formatProblem, type Problem, problem } from "../../lib/problem.ts";
import { type CommandInput, DATA_FLAG, defineCommand, OUTPUT_FLAG } from "../command.ts";
import { CommandError, EXIT } from "../exit-codes.ts";
import { nextSteps } from "../next-steps.ts";
import { progressPrinter } from "../progress.ts";

/** Set in the environment of the detached guardian: events go to file descriptor 3 instead of the terminal. */
const RELAY_VARIABLE = "LATEEN_RELAY_EVENTS";

export const up = defineCommand({
	name: "up",
	summary: "Start a mesh on this machine",
	details:
		"Starts the Kubernetes API, control plane, gateway and console, resumes what ran in the folder before, and stays in the foreground. Ctrl-C stops all of it.",
	flags: {
		data: DATA_FLAG,
		detach: { short: "d", help: "go on in the background; stop with `lateen down`" },
		sample: { value: "name", help: "deploy a sample application", choices: ["bookinfo"] },
		config: {
			short: "f",
			value: "file",
			help: "lateen.yaml: image map and mesh settings (default: lateen.yaml in the working folder, if there)",
		},
		"address-block": {
			value: "n",
			help: "addresses of the mesh are 127.<n>.0.0/16 (default: the first free one from 64 on)",
		},
		ports: {
			value: "which",
			help: "the well-known ones, or any that are free",
			default: "fixed",
			choices: ["fixed", "auto"],
		},
		"api-port": { value: "port", help: "port of the Kubernetes API" },
		"xds-port": { value: "port", help: "port of discovery (xDS)" },
		"debug-port": { value: "port", help: "port of the control plane's metrics and debug pages" },
		"console-port": { value: "port", help: "port of the console" },
		"kubelet-port": { value: "port", help: "port of the pod runner" },
		"strict-istio": { help: "refuse what Istio refuses, also where Lateen is kinder (weights that are missing)" },
		"log-level": {
			value: "level",
			help: "of logs/mesh.log",
			default: "info",
			choices: ["debug", "info", "warn", "error"],
		},
		output: OUTPUT_FLAG,
	},
	examples: ["lateen up", "lateen up --sample bookinfo --detach", "lateen up --data /tmp/other --ports auto"],
	async run(input) {
		const adopted = process.env[ADOPT_VARIABLE];
		if (adopted) return adopt(JSON.parse(adopted) as ProcessIdentity, input.signal);
		const options = optionsOf(input);
		if (process.env[RELAY_VARIABLE]) return endCode(await guardInBackground(options, input.signal), options);
		const print = progressPrinter(input.out, input.flag("output") === "json", nextSteps(input.isSet("detach")));
		if (!input.isSet("detach")) return endCode(await guardMesh(options, print, input.signal), options);
		return detach(options, print, input.signal);
	},
});

function optionsOf(input: CommandInput): MeshOptions {
	const base = input.flag("ports") === "auto" ? AUTO_PORTS : DEFAULT_PORTS;
	const ports: MeshPorts = {
		kubeApi: port(input, "api-port") ?? base.kubeApi,
		xds: port(input, "xds-port") ?? base.xds,
		controlPlaneDebug: port(input, "debug-port") ?? base.controlPlaneDebug,
		console: port(input, "console-port") ?? base.console,
		kubelet: port(input, "kubelet-port") ?? base.kubelet,
	};
	const file = input.flag("config");
	return {
		dataDir: resolve(input.flag("data")!),
		addressBlock: wholeNumber(input, "address-block", 1, 254),
		ports,
		configFile: file === undefined ? undefined : resolve(file),
		strictIstio: input.isSet("strict-istio"),
		sample: input.flag("sample"),
		logLevel: input.flag("log-level") as MeshOptions["logLevel"],
	};
}

function port(input: CommandInput, name: string): number | undefined {
	return wholeNumber(input, name, 0, 65_535);
}

function wholeNumber(input: CommandInput, name: string, min: number, max: number): number | undefined {
	const text = input.flag(name);
	if (text === undefined) return undefined;
	const value = Number(text);
	if (/^\d+$/.test(text) && value >= min && value <= max) return value;
	throw new CommandError(
		EXIT.usage,
		formatProblem(problem("LTN4003", `--${name}`, `"${text}" is not a whole number from ${min} to ${max}`)),
	);
}

async function adopt(mesh: ProcessIdentity, signal: AbortSignal): Promise<number> {
	const options = JSON.parse(process.env[OPTIONS_VARIABLE] ?? "") as MeshOptions;
	delete process.env[ADOPT_VARIABLE];
	delete process.env[OPTIONS_VARIABLE];
	return endCode(await adoptMesh(options, mesh, signal), options);
}

/** The log of the background may be on a disk that is full: what went wrong is told to the command that waits in front. */
async function guardInBackground(options: MeshOptions, signal: AbortSignal): Promise<GuardianEnd> {
	try {
		return await guardMesh(options, relay, signal);
	} catch (error) {
		const told = startProblems(error, options.dataDir);
		relay({ type: "failed", problems: told });
		return { kind: "failed", problems: told };
	}
}

function relay(event: MeshEvent): void {
	try {
		writeSync(3, encodeEvent(event));
	} catch (error) {
		// The command that started us has printed what it wanted and is gone.
		if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
	}
}

function endCode(end: GuardianEnd, options: MeshOptions): number {
	if (end.kind === "stopped") return EXIT.ok;
	if (end.kind === "failed") return failureCode(end.problems);
	throw locked(options, end.pid);
}

const SETTINGS_PROBLEM = /^LTN(603\d|1\d{3})$/;

/** By what went wrong: the user's lateen.yaml, Lateen itself, or something on this machine. */
function failureCode(problems: readonly Problem[]): number {
	if (problems.some(({ code }) => code === "LTN6090")) return EXIT.bug;
	return problems.length > 0 && problems.every(({ code }) => SETTINGS_PROBLEM.test(code))
		? EXIT.badInput
		: EXIT.cannotCreate;
}

function locked(options: MeshOptions, pid: number): CommandError {
	const told = problem(
		"LTN6003",
		options.dataDir,
		`a mesh already runs in this folder (process ${pid})`,
		"look at it with `lateen status`, stop it with `lateen down`, or use another folder with --data",
	);
	return new CommandError(EXIT.locked, formatProblem(told));
}

/** Starts this command again in the background and prints its progress until the mesh is up. */
async function detach(options: MeshOptions, print: (event: MeshEvent) => void, signal: AbortSignal): Promise<number> {
	const folder = dataFolder(options.dataDir);
	mkdirSync(folder.logs, { recursive: true, mode: 0o700 });
	const log = openSync(join(folder.logs, "up.log"), "a", 0o600);
	const child = spawn(
		process.execPath,
		[join(packageRoot(), "dist", "lateen.mjs"), ...process.argv.slice(2).filter((a) => a !== "--detach" && a !== "-d")],
		{
			detached: true,
			stdio: ["ignore", log, log, "pipe"],
			env: { ...process.env, [RELAY_VARIABLE]: "1" },
		},
	);
	closeSync(log);
	const onAbort = () => child.kill("SIGTERM");
	signal.addEventListener("abort", onAbort, { once: true });
	const events = child.stdio[3] as Readable;
	return new Promise((done, fail) => {
		let code: number | undefined;
		const decode = eventDecoder((event) => {
			print(event);
			if (event.type !== "ready" || signal.aborted) return;
			code = EXIT.ok;
			events.destroy();
			child.unref();
			done(EXIT.ok);
		});
		events.setEncoding("utf8").on("data", decode);
		child.once("error", fail);
		child.once("exit", (exit) => {
			if (code !== undefined) return;
			const holder = lockHolder(folder) ?? runningMesh(folder)?.mesh;
			if (exit === EXIT.locked && holder) fail(locked(options, holder.pid));
			else done(signal.aborted ? EXIT.interrupted : (exit ?? EXIT.failed));
		});
	});
}
