import { complete } from "./commands/completion.ts";
import { COMMANDS } from "./commands.ts";
import { runProgram } from "./program.ts";
import { createTerminal } from "./terminal.ts";

/** Runs one command line of `lateen`; answers the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
	// `lateen ... | head`: the reader has had enough, which is no error.
	process.stdout.on("error", (error: NodeJS.ErrnoException) => {
		if (error.code !== "EPIPE") throw error;
		process.exit(0);
	});
	if (argv[0] === "__complete") return complete(COMMANDS, argv.slice(1));
	return runProgram(COMMANDS, argv.length === 0 ? ["--help"] : argv, createTerminal(process));
}
