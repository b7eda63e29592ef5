interface Level {
	readonly path: string;
	/** Member names seen so far; undefined in a list. */
	readonly names: Set<string> | undefined;
	index: number;
	member: string;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** Paths of members that a (well-formed) JSON text gives more than once: `spec.replicas`. JSON.parse keeps the last silently. */
export function findDuplicateMembers(text: string): string[] {
	const found: string[] = [];
	const levels: Level[] = [];
	let awaitsName = false;
	for (const [token] of text.matchAll(TOKEN)) {
		const level = levels.at(-1);
		if (token === "{" || token === "[") {
			levels.push(open(token, level));
			awaitsName = token === "{";
		} else if (token === "}" || token === "]") {
			levels.pop();
			awaitsName = false;
		} else if (token === ",") {
			if (level) level.index++;
			awaitsName = level?.names !== undefined;
		} else if (token !== ":" && awaitsName && level?.names) {
			noteName(level, JSON.parse(token) as string, found);
			awaitsName = false;
		}
	}
	return found;
}

function open(token: string, parent: Level | undefined): Level {
	return { path: parent ? pathOf(parent) : "", names: token === "{" ? new Set() : undefined, index: 0, member: "" };
}

function noteName(level: Level, name: string, found: string[]): void {
	level.member = name;
	if (level.names!.has(name)) found.push(pathOf(level));
	level.names!.add(name);
}

function pathOf({ path, names, index, member }: Level): string {
	if (!names) return `${path}[${index}]`;
	return path === "" ? member : `${path}.${member}`;
}
