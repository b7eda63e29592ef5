/** JSON as Python's `json.dumps` writes it: `", "` and `": "` between parts, other than ASCII escaped. */
export function pythonJson(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
	if (typeof value === "object" && value !== null) {
		const members = Object.entries(value).filter(([, member]) => member !== undefined);
		return `{${members.map(([name, member]) => `${asciiJson(name)}: ${pythonJson(member)}`).join(", ")}}`;
	}
	return asciiJson(value);
}

function asciiJson(value: unknown): string {
	return JSON.stringify(value ?? null).replace(
		/[\u007f-\uffff]/g,
		(unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
}
