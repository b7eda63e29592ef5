/**
 * The JSONPath of printer columns: `.spec.hosts`, `.spec['a.b']`, `.items[0]`, `[*]` and filters on equality
 * (`.status.conditions[?(@.type=="Ready")].status`). Other forms are refused when the path is compiled.
 */
export type JsonPath = (root: unknown) => unknown[];

type Step = (value: unknown) => unknown[];

/** Stands for `\\.` while a path is taken apart. */
const ESCAPED_DOT = "\uE000";

const STEP =
	/\.([A-Za-z0-9_$\uE000-]+)|\['([^']+)'\]|\["([^"]+)"\]|\[(\d+)\]|\[\*\]|\.\*|\[\?\(@\.([\w.-]+)\s*==\s*(?:"([^"]*)"|'([^']*)')\)\]/y;

/** Compiles a path; throws a SyntaxError that names the part that is not understood. */
export function compileJsonPath(path: string): JsonPath {
	const steps: Step[] = [];
	const text = (path.startsWith("$") ? path.slice(1) : path).replaceAll("\\.", ESCAPED_DOT);
	let at = 0;
	while (at < text.length) {
		STEP.lastIndex = at;
		const match = STEP.exec(text);
		if (!match)
			throw new SyntaxError(`JSONPath ${JSON.stringify(path)} is not understood at ${JSON.stringify(text.slice(at))}`);
		steps.push(stepOf(match));
		at = STEP.lastIndex;
	}
	return (root) => steps.reduce<unknown[]>((values, step) => values.flatMap(step), [root]);
}

function stepOf([whole, name, quoted, doubleQuoted, index, filterPath, wanted, wantedSingle]: RegExpExecArray): Step {
	const member = name ?? quoted ?? doubleQuoted;
	if (member !== undefined) return (value) => memberOf(value, member.replaceAll(ESCAPED_DOT, "."));
	if (index !== undefined)
		return (value) => (Array.isArray(value) && value.length > Number(index) ? [value[Number(index)]] : []);
	if (filterPath !== undefined) {
		const filter = filterPath.split(".");
		const text = wanted ?? wantedSingle;
		return (value) => itemsOf(value).filter((item) => filter.reduce(step, [item])[0] === text);
	}
	if (whole.endsWith("*") || whole === "[*]") return itemsOf;
	throw new SyntaxError(`JSONPath step ${whole}`);
}

const step = (values: unknown[], name: string) => values.flatMap((value) => memberOf(value, name));

function memberOf(value: unknown, name: string): unknown[] {
	if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
	return Object.hasOwn(value, name) ? [(value as Record<string, unknown>)[name]] : [];
}

function itemsOf(value: unknown): unknown[] {
	if (Array.isArray(value)) return value;
	return typeof value === "object" && value !== null ? Object.values(value) : [];
}
