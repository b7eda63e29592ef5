import type { HeaderCase } from "../http/header-case.ts";
import type { HeaderMap } from "../http/header-map.ts";

/**
 * Writes the names of a head's field lines as they came, where the side that they came from remembers that (Envoy: the message's own
 * formatter goes first), else as `how` says. The head is in lower case, as everything before.
 */
export function recaseHead(head: string, how: HeaderCase, casing: HeaderMap["casing"]): string {
	if (casing === undefined && how !== "proper") return head;
	const nameOf = casing ? (name: string) => casing.get(name) ?? name : properCase;
	const [start, ...lines] = head.split("\r\n");
	return [start, ...lines.map((line) => recaseLine(line, nameOf))].join("\r\n");
}

function recaseLine(line: string, nameOf: (name: string) => string): string {
	const colon = line.indexOf(":");
	return colon <= 0 ? line : `${nameOf(line.slice(0, colon))}${line.slice(colon)}`;
}

/** Envoy's ProperCaseHeaderKeyFormatter: a letter after the start or after a character that is neither letter nor digit. */
function properCase(name: string): string {
	let out = "";
	let begins = true;
	for (const char of name) {
		out += begins ? char.toUpperCase() : char;
		begins = !/[a-z0-9]/.test(char);
	}
	return out;
}
