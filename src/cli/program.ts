import { Argument, Command, CommanderError, Option } from "commander";
import { fileProblem } from "../app/file-problem.ts";
import { VERSION } from "../lib/names.ts";
import { formatProblem, ProblemError } from "../lib/problem.ts";
import type { CommandInput, CommandSpec, FlagSpec } from "./command.ts";
import { CommandError, EXIT } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** Ctrl-C, `kill`, and a terminal that is closed. */
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs one command line; answers the exit code. Never throws for what a user can cause. */
export async function runProgram(
	commands: readonly CommandSpec[],
	argv: readonly string[],
	out: Terminal,
): Promise<number> {
	const abort = new AbortController();
	const onSignal = () => abort.abort();
	for (const signal of STOP_SIGNALS) process.once(signal, onSignal);
	let exitCode: number = EXIT.ok;
	const program = buildProgram(commands, out, abort.signal, (code) => {
		exitCode = code;
	});
	try {
		await program.parseAsync(argv as string[], { from: "user" });
		return exitCode;
	} catch (error) {
		return report(error, out);
	} finally {
		for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
	}
}

function report(error: unknown, out: Terminal): number {
	if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
	if (error instanceof CommandError) {
		out.note(error.message);
		return error.exitCode;
	}
	if (error instanceof ProblemError) {
		out.note(error.message);
		return EXIT.failed;
	}
	const onDisk = fileProblem(error);
	if (onDisk) {
		out.note(formatProblem(onDisk));
		return EXIT.cannotCreate;
	}
	out.note(
		`lateen: this is a bug in Lateen: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
	);
	return EXIT.bug;
}

function buildProgram(
	commands: readonly CommandSpec[],
	out: Terminal,
	signal: AbortSignal,
	done: (code: number) => void,
): Command {
	const program = base(new Command("lateen"))
		.description("Lateen: a service mesh that speaks Istio's API, on this machine or on a cluster.")
		.version(VERSION, "-v, --version", "print the version of this program")
		.configureOutput({ writeOut: (text) => out.line(text.trimEnd()), writeErr: (text) => out.note(text.trimEnd()) });
	const groups = new Map<string, Command>();
	for (const spec of commands) {
		const words = spec.name.split(" ");
		const parent = words.length === 1 ? program : group(program, groups, words[0]!, commands);
		const command = base(parent.command(words.at(-1)!, { hidden: spec.hidden === true }));
		addSpec(command, spec, out);
		command.action(async (...given: unknown[]) => {
			const args = given
				.slice(0, spec.args?.length ?? 0)
				.flat()
				.filter((a) => a !== undefined) as string[];
			done(await spec.run(inputOf(args, command, { out, signal })));
		});
	}
	return program;
}

const GROUPS: Readonly<Record<string, { aliases: readonly string[]; summary: string }>> = {
	"proxy-config": {
		aliases: ["pc"],
		summary: "Show what a proxy has been told: listeners, routes, clusters, endpoints",
	},
};

function group(
	program: Command,
	groups: Map<string, Command>,
	name: string,
	commands: readonly CommandSpec[],
): Command {
	const known = groups.get(name);
	if (known) return known;
	const about = GROUPS[name];
	if (!about) throw new Error(`command group ${name} of ${commands.length} commands has no summary`);
	const created = base(program.command(name)).description(about.summary).aliases(about.aliases);
	groups.set(name, created);
	return created;
}

function base(command: Command): Command {
	return command
		.exitOverride()
		.showHelpAfterError("Run with --help for the flags and examples.")
		.showSuggestionAfterError(true);
}

function addSpec(command: Command, spec: CommandSpec, out: Terminal): void {
	command.summary(spec.summary).description(spec.details ? `${spec.summary}\n\n${spec.details}` : spec.summary);
	command.aliases(spec.aliases ?? []);
	command.configureOutput({
		writeOut: (text) => out.line(text.trimEnd()),
		writeErr: (text) => out.note(text.trimEnd()),
	});
	for (const arg of spec.args ?? []) {
		const suffix = arg.repeat ? "..." : "";
		command.addArgument(new Argument(arg.required ? `<${arg.name}${suffix}>` : `[${arg.name}${suffix}]`, arg.help));
	}
	for (const [name, flag] of Object.entries(spec.flags ?? {})) command.addOption(option(name, flag));
	if (spec.examples) command.addHelpText("after", `\nExamples:\n${spec.examples.map((e) => `  ${e}`).join("\n")}`);
}

function option(name: string, flag: FlagSpec): Option {
	const value = flag.value ? ` <${flag.value}>` : "";
	const made = new Option(`${flag.short ? `-${flag.short}, ` : ""}--${name}${value}`, flag.help);
	if (flag.choices) made.choices(flag.choices);
	if (flag.default !== undefined) made.default(flag.default);
	if (flag.repeat) made.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
	return made;
}

function inputOf(
	args: readonly string[],
	command: Command,
	rest: { out: Terminal; signal: AbortSignal },
): CommandInput {
	const value = (name: string): unknown =>
		command.getOptionValue(name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()));
	return {
		args,
		flag: (name) => {
			const v = value(name);
			return typeof v === "string" ? v : undefined;
		},
		flags: (name) => {
			const v = value(name);
			return Array.isArray(v) ? (v as string[]) : [];
		},
		isSet: (name) => value(name) === true,
		...rest,
	};
}
