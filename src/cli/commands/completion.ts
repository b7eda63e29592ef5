import { type CommandSpec, defineCommand } from "../command.ts";
import { completeNames } from "../complete-names.ts";
import { completionScript, completions, SHELLS, type Shell } from "../completion-script.ts";
import { EXIT } from "../exit-codes.ts";

export const completion = defineCommand({
	name: "completion",
	summary: "Print a completion script for your shell",
	details:
		"bash: source <(lateen completion bash)\nzsh:  source <(lateen completion zsh)\nfish: lateen completion fish | source",
	args: [{ name: "shell", help: SHELLS.join(", "), required: true, completes: SHELLS }],
	async run({ args, out }) {
		if (!SHELLS.includes(args[0] as Shell)) {
			out.note(`LTN4220 ${args[0]}: no completion for this shell. Known are ${SHELLS.join(", ")}.`);
			return EXIT.usage;
		}
		out.line(completionScript(args[0] as Shell));
		return EXIT.ok;
	},
});

/** `lateen __complete <words...>`: what the scripts ask; a line a candidate. */
export async function complete(commands: readonly CommandSpec[], words: readonly string[]): Promise<number> {
	for (const candidate of await completions(commands, words, completeNames)) process.stdout.write(`${candidate}\n`);
	return EXIT.ok;
}
