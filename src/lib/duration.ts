const UNIT_MS: Readonly<Record<string, number>> = {
	ns: 1e-6,
	us: 1e-3,
	µs: 1e-3,
	ms: 1,
	s: 1000,
	m: 60_000,
	h: 3_600_000,
};
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/y;

/**
 * Parses a duration as Go and proto3-JSON write it (`1.5s`, `10ms`, `1h30m`, `0`), to milliseconds.
 * Returns undefined when the text is not one.
 */
export function parseDurationMs(text: string): number | undefined {
	const negative = text.startsWith("-");
	const body = negative || text.startsWith("+") ? text.slice(1) : text;
	if (body === "0") return 0;
	if (body === "") return undefined;
	let at = 0;
	let total = 0;
	while (at < body.length) {
		PART.lastIndex = at;
		const part = PART.exec(body);
		if (!part) return undefined;
		total += Number(part[1]) * UNIT_MS[part[2]!]!;
		at = PART.lastIndex;
	}
	return negative ? -total : total;
}
