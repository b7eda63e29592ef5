import type { Terminal } from "./terminal.ts";

/** A flag: `--output <value>` takes a value when `value` names one, else it is a switch. */
export interface FlagSpec {
	readonly help: string;
	readonly short?: string;
	/** Placeholder of the value; absent: a switch. */
	readonly value?: string;
	readonly default?: string;
	readonly choices?: readonly string[];
	/** May be given several times. */
	readonly repeat?: boolean;
}

export interface ArgSpec {
	readonly name: string;
	readonly help: string;
	readonly required?: boolean;
	readonly repeat?: boolean;
	/** What shell completion offers for it. */
	readonly completes?: "pod" | "namespace" | "file" | readonly string[];
}

export interface CommandInput {
	readonly args: readonly string[];
	/** Value of a flag that takes one. */
	flag(name: string): string | undefined;
	/** All values of a flag that repeats. */
	flags(name: string): readonly string[];
	isSet(name: string): boolean;
	readonly out: Terminal;
	readonly signal: AbortSignal;
}

/** A command, declared: help, completion and the reference page come from this. */
export interface CommandSpec {
	/** Words after `lateen`: `proxy-config clusters`. */
	readonly name: string;
	readonly aliases?: readonly string[];
	readonly summary: string;
	readonly details?: string;
	readonly args?: readonly ArgSpec[];
	readonly flags?: Readonly<Record<string, FlagSpec>>;
	readonly examples?: readonly string[];
	/** Heading of the help page under which it stands. */
	readonly heading?: string;
	/** Not listed in help: for processes that Lateen starts itself. */
	readonly hidden?: boolean;
	/** Answers the exit code. */
	run(input: CommandInput): Promise<number>;
}

export function defineCommand(spec: CommandSpec): CommandSpec {
	return spec;
}

/** Flags that several commands share. */
export const DATA_FLAG: FlagSpec = { value: "dir", help: "folder of the mesh's state", default: ".lateen" };
/** For commands that only look. */
export const MESH_FLAG: FlagSpec = {
	value: "dir",
	help: "folder of the mesh's state (default: .lateen, else the mesh of $KUBECONFIG)",
};
export const OUTPUT_FLAG: FlagSpec = {
	short: "o",
	value: "format",
	help: "format of the result",
	default: "table",
	choices: ["table", "json"],
};
export const NAMESPACE_FLAG: FlagSpec = {
	short: "n",
	value: "namespace",
	help: "namespace of the pod",
	default: "default",
};
