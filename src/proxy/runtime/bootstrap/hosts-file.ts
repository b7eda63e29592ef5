import { readFileSync, statSync } from "node:fs";

const HOSTS = "/etc/hosts";

let known: { readonly changedMs: number; readonly names: ReadonlySet<string> } | undefined;

/** Whether the system's hosts file names a host; read anew when it changes. */
export function inHostsFile(name: string): boolean {
	const changedMs = statSync(HOSTS, { throwIfNoEntry: false })?.mtimeMs;
	if (changedMs === undefined) return false;
	if (known?.changedMs !== changedMs) known = { changedMs, names: namesIn(readFileSync(HOSTS, "utf8")) };
	return known.names.has(name.toLowerCase().replace(/\.$/, ""));
}

function namesIn(text: string): ReadonlySet<string> {
	const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim().toLowerCase().split(/\s+/));
	return new Set(lines.flatMap(([, ...names]) => names));
}
