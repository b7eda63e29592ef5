import { Argument, Command, CommanderError, Option } from "commander";
import { fileProblem } from "../app/file-problem.ts";
import { VERSION } from "../lib/names.ts";
import { formatProblem, ProblemError } from "../lib/problem.ts";
import type { CommandInput, CommandSpec, FlagSpec } from "./command.ts";
import { CommandError, EXIT } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

const HELP_COLUMNS = 100;
/** Heading of what stands under no other. */
const REST = "Besides:";

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
	const program = parent(new Command("lateen"), REST)
		.description("A service mesh that speaks Istio's API.")
		.version(VERSION, "-v, --version", "print the version")
		.configureOutput(writers(out));
	const groups = new Map<string, Command>();
	for (const spec of commands) {
		const words = spec.name.split(" ");
		const isTop = words.length === 1;
		const holder = isTop ? program : group(program, groups, spec);
		const command = base(holder.command(words.at(-1)!, { hidden: spec.hidden === true }));
		if (isTop && spec.heading !== undefined) command.helpGroup(spec.heading);
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
		summary: "Show a proxy's listeners, routes, clusters or endpoints",
	},
};

function group(program: Command, groups: Map<string, Command>, { name: full, heading }: CommandSpec): Command {
	const name = full.split(" ")[0]!;
	const known = groups.get(name);
	if (known) return known;
	const about = GROUPS[name];
	if (!about) throw new Error(`command group ${name} of ${full} has no summary`);
	const created = parent(program.command(name), "Commands:").description(about.summary).aliases(about.aliases);
	if (heading !== undefined) created.helpGroup(heading);
	groups.set(name, created);
	return created;
}

/** Help is wrapped for reading: at the terminal's width, at most 100 columns. */
function writers(out: Terminal) {
	const width = () => Math.min(process.stdout.columns ?? HELP_COLUMNS, HELP_COLUMNS);
	return {
		writeOut: (text: string) => out.line(text.trimEnd()),
		writeErr: (text: string) => out.note(text.trimEnd()),
		getOutHelpWidth: width,
		getErrHelpWidth: width,
	};
}

/** Names alone in lists of commands: what they take is on their own pages. */
function commandTerm(command: Command): string {
	return [command.name(), ...command.aliases()].join(", ");
}

function describeOption({ description, argChoices, defaultValue }: Option): string {
	const notes = [
		...(argChoices ? [argChoices.join("|")] : []),
		...(typeof defaultValue === "string" ? [`default: ${defaultValue}`] : []),
	];
	return notes.length === 0 ? description : `${description} (${notes.join("; ")})`;
}

/** A command that has commands; those without a heading of their own, the help among them, stand under the given one. */
function parent(command: Command, heading: string): Command {
	return base(command).commandsGroup(heading).helpCommand("help [command]", "Show the page of a command");
}

function base(command: Command): Command {
	return command
		.exitOverride()
		.helpOption("-h, --help", "show this page")
		.configureHelp({ subcommandTerm: commandTerm, optionDescription: describeOption })
		.showHelpAfterError("Run with --help for the flags and examples.")
		.showSuggestionAfterError(true);
}

function addSpec(command: Command, spec: CommandSpec, out: Terminal): void {
	command.summary(spec.summary).description(spec.details ? `${spec.summary}\n\n${spec.details}` : spec.summary);
	command.aliases(spec.aliases ?? []);
	command.configureOutput(writers(out));
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
