import { stripVTControlCharacters } from "node:util";
import pc from "picocolors";

/** Where a command writes: results to stdout, everything else to stderr; colours only on a terminal (and as NO_COLOR says). */
export interface Terminal {
	line(text?: string): void;
	json(value: unknown): void;
	/** Columns padded as kubectl does: three blanks between. */
	table(rows: readonly (readonly string[])[]): void;
	note(text: string): void;
	warn(text: string): void;
	/** True when stdout is a terminal. */
	readonly interactive: boolean;
	readonly style: typeof pc;
}

interface Streams {
	readonly stdout: { write(text: string): unknown; isTTY?: boolean };
	readonly stderr: { write(text: string): unknown; isTTY?: boolean };
}

export function createTerminal(streams: Streams): Terminal {
	const interactive = streams.stdout.isTTY === true;
	const style = pc.createColors(interactive && pc.isColorSupported) as typeof pc;
	const onErr = pc.createColors(streams.stderr.isTTY === true && pc.isColorSupported);
	const line = (text = "") => void streams.stdout.write(`${text}\n`);
	return {
		line,
		json: (value) => line(JSON.stringify(value, null, 2)),
		table: (rows) => formatTable(rows).forEach(line),
		note: (text) => void streams.stderr.write(`${text}\n`),
		warn: (text) => void streams.stderr.write(`${onErr.yellow("Warning:")} ${text}\n`),
		interactive,
		style,
	};
}

export function formatTable(rows: readonly (readonly string[])[]): string[] {
	const widths: number[] = [];
	for (const row of rows)
		row.forEach((cell, i) => {
			widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
		});
	return rows.map((row) =>
		row
			.map((cell, i) => (i === row.length - 1 ? cell : cell + " ".repeat(widths[i]! + 3 - widthOf(cell))))
			.join("")
			.trimEnd(),
	);
}

/** Columns that a text takes; colours take none. */
function widthOf(text: string): number {
	return stripVTControlCharacters(text).length;
}
