import { writeSync } from "node:fs";

/** Errors of a log's place that must not end the program: full disk, closed pipe, broken device, a pipe that nobody empties. */
const TOLERATED = new Set(["ENOSPC", "EDQUOT", "EPIPE", "EIO", "EAGAIN"]);

/**
 * Writes whole lines to a file descriptor, at once. What the place refuses is lost, and the next line that it takes is preceded by how many
 * those were: a full disk ends the log, not the program.
 */
export function logDestination(fd: number, write = writeSync): { write(line: string): void } {
	let lost = 0;
	return {
		write(line) {
			try {
				const told = lost > 0 ? lostLines(lost) : "";
				writeWhole(fd, told + line, write);
				lost = 0;
			} catch (error) {
				if (!TOLERATED.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
				lost++;
			}
		},
	};
}

function lostLines(count: number): string {
	const entry = { level: "warn", component: "log", msg: `${count} lines could not be written before this one` };
	return `${JSON.stringify(entry)}\n`;
}

function writeWhole(fd: number, text: string, write: typeof writeSync): void {
	let rest = Buffer.from(text);
	while (rest.length > 0) rest = rest.subarray(write(fd, rest));
}
