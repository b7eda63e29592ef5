import { writeSync } from "node:fs";

/** A log that nobody reads any more, or that has no room, must not end the program that writes it. */
const TOLERATED = new Set(["ENOSPC", "EDQUOT", "EPIPE", "EIO", "EAGAIN"]);

/** A line on standard output. */
export function say(line: string): void {
	write(1, line);
}

/** A line on standard error. */
export function complain(line: string): void {
	write(2, line);
}

function write(fd: number, line: string): void {
	try {
		writeSync(fd, `${line}\n`);
	} catch (error) {
		if (!TOLERATED.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
	}
}
