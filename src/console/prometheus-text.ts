/** One line of a scrape. */
export interface Series {
	readonly name: string;
	readonly labels: Readonly<Record<string, string>>;
	readonly value: number;
	/** Name and labels as they stood: the identity of the series within its target. */
	readonly key: string;
}

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/g;
const ESCAPES: Readonly<Record<string, string>> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/** Reads Prometheus' text exposition format; only series whose name starts with `prefix`, since a scrape holds thousands. */
export function parsePrometheusText(text: string, prefix: string): Series[] {
	const lines = text.split("\n").filter((line) => line.startsWith(prefix));
	return lines.map(parseLine).filter((series) => series !== undefined);
}

function parseLine(line: string): Series | undefined {
	const end = line.lastIndexOf("}");
	const keyEnd = end < 0 ? line.indexOf(" ") : end + 1;
	const value = Number(line.slice(keyEnd).trim().split(" ")[0]);
	if (keyEnd <= 0 || Number.isNaN(value)) return undefined;
	const brace = line.indexOf("{");
	const labels: Record<string, string> = {};
	const labelText = brace < 0 ? "" : line.slice(brace + 1, end);
	for (const [, name, raw] of labelText.matchAll(LABEL)) labels[name!] = raw!.replace(/\\[n"\\]/g, (e) => ESCAPES[e]!);
	return { name: line.slice(0, brace < 0 ? keyEnd : brace), labels, value, key: line.slice(0, keyEnd) };
}
