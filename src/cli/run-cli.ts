import { complete } from "./commands/completion.ts";
import { COMMANDS } from "./commands.ts";
import { runProgram } from "./program.ts";
import { createTerminal } from "./terminal.ts";

/** Runs one command line of `lateen`; answers the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
	if (argv[0] === "__complete") return complete(COMMANDS, argv.slice(1));
	return runProgram(COMMANDS, argv.length === 0 ? ["--help"] : argv, createTerminal(process));
}
