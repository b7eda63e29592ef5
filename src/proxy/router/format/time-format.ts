/** A compiled time format: wall clock milliseconds → text, in UTC. */
export type TimeFormat = (epochMs: number) => string;

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
	"January",
	"February",
	"March",
	"April",
	"May",
	"June",
	"July",
	"August",
	"September",
	"October",
	"November",
	"December",
];
const pad = (n: number, width = 2) => String(n).padStart(width, "0");

type Field = (date: Date) => string;

interface Part {
	readonly field: Field;
	/** How often its text is another one. */
	readonly changes: "seconds" | "milliseconds";
}

const FIELDS: Readonly<Record<string, Field>> = {
	Y: (d) => String(d.getUTCFullYear()),
	y: (d) => pad(d.getUTCFullYear() % 100),
	m: (d) => pad(d.getUTCMonth() + 1),
	d: (d) => pad(d.getUTCDate()),
	e: (d) => String(d.getUTCDate()).padStart(2, " "),
	H: (d) => pad(d.getUTCHours()),
	I: (d) => pad(d.getUTCHours() % 12 || 12),
	p: (d) => (d.getUTCHours() < 12 ? "AM" : "PM"),
	M: (d) => pad(d.getUTCMinutes()),
	S: (d) => pad(d.getUTCSeconds()),
	j: (d) => pad(1 + Math.floor((d.getTime() - Date.UTC(d.getUTCFullYear(), 0, 1)) / 86_400_000), 3),
	a: (d) => DAYS[d.getUTCDay()]!.slice(0, 3),
	A: (d) => DAYS[d.getUTCDay()]!,
	b: (d) => MONTHS[d.getUTCMonth()]!.slice(0, 3),
	B: (d) => MONTHS[d.getUTCMonth()]!,
	F: (d) => d.toISOString().slice(0, 10),
	T: (d) => d.toISOString().slice(11, 19),
	R: (d) => d.toISOString().slice(11, 16),
	D: (d) => `${pad(d.getUTCMonth() + 1)}/${pad(d.getUTCDate())}/${pad(d.getUTCFullYear() % 100)}`,
	s: (d) => String(Math.floor(d.getTime() / 1000)),
	z: () => "+0000",
	Z: () => "UTC",
	n: () => "\n",
	t: () => "\t",
	"%": () => "%",
};

const DIRECTIVE = /%(?:E(\d)S|([1-9])?f|([A-Za-z%]))/y;

/** Ends of `isoTime`: logs ask for the same second many times, which leaves a look-up to each. */
const MILLISECONDS = Array.from({ length: 1000 }, (_, i) => `${pad(i, 3)}Z`);

/** `2026-01-31T08:05:09.123Z`, Envoy's default for %START_TIME%. */
export const isoTime: TimeFormat = isoTimeFormat();

function isoTimeFormat(): TimeFormat {
	let known = Number.NaN;
	let start = "";
	return (epochMs) => {
		const wholeMs = Math.floor(epochMs);
		const second = Math.floor(wholeMs / 1000);
		if (second !== known) {
			start = new Date(wholeMs).toISOString().slice(0, -"000Z".length);
			known = second;
		}
		return start + MILLISECONDS[wholeMs - second * 1000]!;
	};
}

/**
 * Compiles a strftime format with Envoy's additions (`%s` seconds, `%f` and `%1f`..`%9f` fractions, `%E3S` seconds with
 * fraction). Returns the directive that is not known as `unknown`.
 */
export function compileTimeFormat(text: string): { format: TimeFormat } | { unknown: string } {
	const parts: Part[] = [];
	let at = 0;
	while (at < text.length) {
		const percent = text.indexOf("%", at);
		if (percent !== at) {
			const literal = text.slice(at, percent < 0 ? undefined : percent);
			parts.push({ field: () => literal, changes: "seconds" });
			at = percent < 0 ? text.length : percent;
			continue;
		}
		DIRECTIVE.lastIndex = at;
		const directive = DIRECTIVE.exec(text);
		const part = directive && compileDirective(directive);
		if (!part) return { unknown: text.slice(at, at + 2) };
		parts.push(part);
		at = DIRECTIVE.lastIndex;
	}
	return { format: formatOf(parts) };
}

/** The pieces that stay the same for a second are made once in it. */
function formatOf(parts: readonly Part[]): TimeFormat {
	const pieces = parts.map(() => "");
	let known = Number.NaN;
	return (epochMs) => {
		const date = new Date(epochMs);
		const second = Math.floor(date.getTime() / 1000);
		const fresh = second !== known;
		known = second;
		let out = "";
		for (let i = 0; i < parts.length; i++) {
			const { field, changes } = parts[i]!;
			if (fresh || changes === "milliseconds") pieces[i] = field(date);
			out += pieces[i];
		}
		return out;
	};
}

function compileDirective([, secondDigits, fractionDigits, letter]: RegExpExecArray): Part | undefined {
	if (secondDigits !== undefined) {
		const digits = Number(secondDigits);
		const field: Field = (d) => pad(d.getUTCSeconds()) + (digits === 0 ? "" : `.${fraction(d, digits)}`);
		return { field, changes: "milliseconds" };
	}
	const field = letter === undefined || letter === "f" ? undefined : FIELDS[letter];
	if (field) return { field, changes: "seconds" };
	if (letter !== undefined && letter !== "f") return undefined;
	return { field: (d) => fraction(d, Number(fractionDigits ?? 9)), changes: "milliseconds" };
}

/** The clock has milliseconds; further digits are zeros. */
function fraction(date: Date, digits: number): string {
	return pad(date.getUTCMilliseconds(), 3).padEnd(9, "0").slice(0, digits);
}
