import { existsSync } from "node:fs";
import type { WindowSize } from "./stream-inbox.ts";

const SCRIPT = "/usr/bin/script";

/**
 * The command line that runs a command in a terminal of its own: Node has none to give, the system's `script` has. The window keeps the size
 * that it begins with. Without `script` the command runs with plain pipes, and its first line of output says so.
 */
export function inTerminal(
	command: readonly string[],
	size: WindowSize | undefined,
	hasScript = existsSync(SCRIPT),
): readonly string[] {
	const line = command.map(quote).join(" ");
	if (!hasScript) return ["/bin/sh", "-c", `echo "${SCRIPT} is not there, so this is no terminal"; exec ${line}`];
	const sized = size ? `stty rows ${size.rows} cols ${size.columns}; exec ${line}` : `exec ${line}`;
	return process.platform === "darwin"
		? [SCRIPT, "-q", "/dev/null", "/bin/sh", "-c", sized]
		: [SCRIPT, "--quiet", "--return", "--flush", "--command", sized, "/dev/null"];
}

/** One word for a shell, whatever is in it. */
function quote(word: string): string {
	return `'${word.replaceAll("'", "'\\''")}'`;
}
