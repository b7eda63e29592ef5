/** Both as indented lines beside each other; lines that differ are marked with `≠`. */
export function sideBySide(left: { name: string; value: unknown }, right: { name: string; value: unknown }): string {
	const rows = align(linesOf(left.value), linesOf(right.value));
	const width = Math.min(100, Math.max(left.name.length, ...rows.map(([one]) => one?.length ?? 0)));
	const row = (a: string, mark: string, b: string) => `${a.padEnd(width)} ${mark} ${b}`.trimEnd();
	return [row(left.name, " ", right.name), ...rows.map(([a, b]) => row(a ?? "", a === b ? "|" : "≠", b ?? ""))].join(
		"\n",
	);
}

/** Fields and small lists on one line, the rest indented. */
function linesOf(value: unknown, indent = ""): string[] {
	if (typeof value !== "object" || value === null) return [indent + JSON.stringify(value)];
	const flat = JSON.stringify(value);
	if (flat.length < 60 && (!Array.isArray(value) || value.every((one) => typeof one !== "object")))
		return [indent + flat];
	if (Array.isArray(value)) return value.flatMap((one) => dash(linesOf(one, `${indent}  `), indent));
	return Object.entries(value).flatMap(([key, one]) => {
		const lines = linesOf(one, `${indent}  `);
		return lines.length === 1 ? [`${indent}${key}: ${lines[0]!.trim()}`] : [`${indent}${key}:`, ...lines];
	});
}

function dash(lines: readonly string[], indent: string): string[] {
	return lines.map((line, i) => (i === 0 ? `${indent}- ${line.slice(indent.length + 2)}` : line));
}

type Row = readonly [left: string | undefined, right: string | undefined];

/** The longest common sequence stands in the same rows. */
function align(a: readonly string[], b: readonly string[]): Row[] {
	const length = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
	for (let i = a.length - 1; i >= 0; i--)
		for (let j = b.length - 1; j >= 0; j--)
			length[i]![j] = a[i] === b[j] ? length[i + 1]![j + 1]! + 1 : Math.max(length[i + 1]![j]!, length[i]![j + 1]!);
	const rows: Row[] = [];
	let i = 0;
	let j = 0;
	while (i < a.length || j < b.length) {
		if (i < a.length && j < b.length && a[i] === b[j]) rows.push([a[i++], b[j++]]);
		else if (j >= b.length || (i < a.length && length[i + 1]![j]! >= length[i]![j + 1]!))
			rows.push([a[i++], undefined]);
		else rows.push([undefined, b[j++]]);
	}
	return rows;
}
