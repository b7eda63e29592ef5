import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Container } from "../client/pod.ts";
import type { Exit } from "./container-process.ts";

const MAX_BYTES = 2048;
const MAX_LINES = 80;

/**
 * The last words of a failed container with terminationMessagePolicy FallbackToLogsOnError: the end of its log. A
 * message file at terminationMessagePath cannot be had without a mount namespace.
 */
export function terminationMessage(container: Container, exit: Exit, logPath: string): string | undefined {
	if (exit.unknown) return "the process ended while no kubelet watched it, so its exit code is not known";
	if (exit.exitCode === 0 || container.terminationMessagePolicy !== "FallbackToLogsOnError") return undefined;
	try {
		const lines = readEnd(logPath).trimEnd().split("\n");
		return lines.slice(-MAX_LINES).join("\n") || undefined;
	} catch {
		return undefined; // no log, no last words
	}
}

function readEnd(path: string): string {
	const file = openSync(path, "r");
	try {
		const { size } = fstatSync(file);
		const bytes = Buffer.alloc(Math.min(size, MAX_BYTES));
		readSync(file, bytes, 0, bytes.length, size - bytes.length);
		return bytes.toString("utf8");
	} finally {
		closeSync(file);
	}
}
