import { enableCompileCache } from "node:module";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { formatProblem, ProblemError, problem } from "../lib/problem.ts";
import { LOG_LEVELS, type LogLevel, parseLogLevel } from "../telemetry/logger.ts";

interface ProxyFlags {
	readonly config: string;
	readonly level: LogLevel;
	readonly componentLevels: readonly (readonly [string, LogLevel])[];
	readonly validateOnly: boolean;
	readonly drainTimeMs: number;
	readonly shutdownMs: number;
	readonly concurrency: number;
}

const MAX_THREADS = 128;
const EXIT_USAGE = 64;
const EXIT_CONFIG = 65;

/**
 * `lateen proxy -c FILE`: runs a proxy from an Envoy v3 bootstrap until it is told to stop. Prints every problem and sets the
 * exit code when it cannot start.
 */
export async function runProxy(argv: readonly string[]): Promise<void> {
	enableCompileCache();
	try {
		const flags = parseFlags(argv);
		const { readBootstrap } = await import("../proxy/runtime/bootstrap-file.ts");
		const bootstrap = await readBootstrap(flags.config);
		const { hostProxy, validate } = await import("./proxy-host.ts");
		if (flags.validateOnly) {
			await validate(bootstrap);
			process.stdout.write(`configuration '${flags.config}' OK\n`);
			return;
		}
		await hostProxy(bootstrap, {
			level: flags.level,
			componentLevels: flags.componentLevels,
			drainTimeMs: flags.drainTimeMs,
			shutdownMs: flags.shutdownMs,
			concurrency: flags.concurrency,
			configPath: flags.config,
			dnsServer: undefined,
		});
	} catch (error) {
		exitWithProblems(error);
	}
}

/** Tells problems on standard error and sets the exit code; anything else is a bug and thrown on. */
export function exitWithProblems(error: unknown): void {
	if (!(error instanceof ProblemError)) throw error;
	for (const one of error.problems) process.stderr.write(`${formatProblem(one)}\n`);
	process.exitCode = error.problems.some(({ code }) => code === "LTN4301") ? EXIT_USAGE : EXIT_CONFIG;
}

const OPTIONS = {
	"config-path": { type: "string", short: "c" },
	"log-level": { type: "string", short: "l", default: "info" },
	"component-log-level": { type: "string" },
	mode: { type: "string", default: "serve" },
	concurrency: { type: "string", default: "1" },
	"drain-time-s": { type: "string", default: "600" },
	"shutdown-deadline-s": { type: "string", default: "10" },
} as const;

function parseFlags(argv: readonly string[]): ProxyFlags {
	let values: ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>["values"];
	try {
		({ values } = parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false }));
	} catch (error) {
		throw new ProblemError([usage("", (error as Error).message.split("\n", 1)[0]!)], { cause: error });
	}
	const config = values["config-path"];
	if (!config) throw new ProblemError([usage("--config-path", "no bootstrap is named")]);
	const componentLevels = (values["component-log-level"] ?? "")
		.split(",")
		.filter((pair) => pair !== "")
		.map((pair) => {
			const [name, level] = pair.split(":", 2);
			return [name!, readLevel("--component-log-level", level ?? "")] as const;
		});
	if (values.mode !== "serve" && values.mode !== "validate")
		throw new ProblemError([usage("--mode", `"${values.mode}" is neither serve nor validate`)]);
	return {
		config,
		level: readLevel("--log-level", values["log-level"]),
		componentLevels,
		validateOnly: values.mode === "validate",
		concurrency: readThreads(values.concurrency),
		drainTimeMs: readSeconds("--drain-time-s", values["drain-time-s"]),
		shutdownMs: readSeconds("--shutdown-deadline-s", values["shutdown-deadline-s"]),
	};
}

function readLevel(flag: string, text: string): LogLevel {
	const level = parseLogLevel(text);
	if (!level) throw new ProblemError([usage(flag, `"${text}" is not a level (${LOG_LEVELS.join(", ")})`)]);
	return level;
}

/** 0: as many as there are cores, as Envoy's. */
function readThreads(text: string): number {
	const threads = Number(text);
	if (!/^\d+$/.test(text) || threads > MAX_THREADS)
		throw new ProblemError([usage("--concurrency", `"${text}" is not a number of threads (0 to ${MAX_THREADS})`)]);
	return threads === 0 ? availableParallelism() : threads;
}

function readSeconds(flag: string, text: string): number {
	const seconds = Number(text);
	if (!Number.isFinite(seconds) || seconds < 0)
		throw new ProblemError([usage(flag, `"${text}" is not a number of seconds`)]);
	return seconds * 1000;
}

function usage(path: string, message: string) {
	return problem(
		"LTN4301",
		path,
		message,
		"usage: lateen proxy -c FILE [-l LEVEL] [--component-log-level a:LEVEL,...] [--mode serve|validate] [--concurrency N] [--drain-time-s N] [--shutdown-deadline-s N]",
	);
}
