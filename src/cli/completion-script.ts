import type { CommandSpec } from "./command.ts";

export type Shell = "bash" | "zsh" | "fish";
export const SHELLS: readonly Shell[] = ["bash", "zsh", "fish"];

/** The script that a shell reads once; candidates come from `lateen __complete <words...>`. */
export function completionScript(shell: Shell): string {
	if (shell === "fish") {
		return `complete -c lateen -f -a '(lateen __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'`;
	}
	const bash = `_lateen_complete() {
	local words=("\${COMP_WORDS[@]:1:$COMP_CWORD}")
	COMPREPLY=($(compgen -W "$(lateen __complete "\${words[@]}" 2>/dev/null)" -- "\${COMP_WORDS[$COMP_CWORD]}"))
	[ \${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- "\${COMP_WORDS[$COMP_CWORD]}"))
}
complete -o default -F _lateen_complete lateen`;
	return shell === "bash" ? bash : `autoload -Uz bashcompinit && bashcompinit\n${bash}`;
}

/** What may stand where the last of `words` is being typed; `names` answers for pods and namespaces. */
export async function completions(
	commands: readonly CommandSpec[],
	words: readonly string[],
	names: (what: "pod" | "namespace") => Promise<readonly string[]>,
): Promise<readonly string[]> {
	const current = words.at(-1) ?? "";
	const before = words.slice(0, -1).filter((w) => !w.startsWith("-"));
	const visible = commands.filter((c) => !c.hidden);
	const command = visible.find((c) => matchesWords(c, before));
	const candidates = command
		? await forCommand(command, { words, before, current }, names)
		: nextWords(visible, before);
	return [...new Set(candidates)].filter((c) => c.startsWith(current)).sort();
}

function matchesWords(command: CommandSpec, before: readonly string[]): boolean {
	const own = command.name.split(" ");
	return own.every(
		(word, i) => before[i] === word || (i === own.length - 1 && command.aliases?.includes(before[i] ?? "")),
	);
}

function nextWords(commands: readonly CommandSpec[], before: readonly string[]): string[] {
	return commands
		.map((c) => c.name.split(" "))
		.filter((own) => before.every((word, i) => own[i] === word))
		.map((own) => own[before.length])
		.filter((word) => word !== undefined);
}

async function forCommand(
	command: CommandSpec,
	typed: { words: readonly string[]; before: readonly string[]; current: string },
	names: (what: "pod" | "namespace") => Promise<readonly string[]>,
): Promise<readonly string[]> {
	const flags = Object.entries(command.flags ?? {});
	const previous = typed.words.at(-2) ?? "";
	const valued = flags.find(([name, f]) => f.value && (previous === `--${name}` || previous === `-${f.short}`));
	if (valued) return valued[0] === "namespace" ? names("namespace") : (valued[1].choices ?? []);
	if (typed.current.startsWith("-")) return [...flags.map(([name]) => `--${name}`), "--help"];
	const arg = command.args?.[Math.min(typed.before.length - command.name.split(" ").length, command.args.length - 1)];
	const completes = arg?.completes;
	if (completes === "pod" || completes === "namespace") return names(completes);
	return Array.isArray(completes) ? completes : [];
}
