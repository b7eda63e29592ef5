import { OperatorError } from "./format-context.ts";

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
	C: (d) => pad(Math.floor(d.getUTCFullYear() / 100)),
	u: (d) => String(d.getUTCDay() || 7),
	w: (d) => String(d.getUTCDay()),
	k: (d) => String(d.getUTCHours()).padStart(2, " "),
	l: (d) => String(d.getUTCHours() % 12 || 12).padStart(2, " "),
	P: (d) => (d.getUTCHours() < 12 ? "am" : "pm"),
	h: (d) => MONTHS[d.getUTCMonth()]!.slice(0, 3),
	X: (d) => d.toISOString().slice(11, 19),
	x: (d) => FIELDS.D!(d),
	r: (d) => `${FIELDS.I!(d)}:${FIELDS.M!(d)}:${FIELDS.S!(d)} ${FIELDS.p!(d)}`,
	c: (d) => `${FIELDS.a!(d)} ${FIELDS.b!(d)} ${FIELDS.e!(d)} ${FIELDS.T!(d)} ${FIELDS.Y!(d)}`,
	z: () => "+0000",
	Z: () => "UTC",
	t: () => "\t",
	"%": () => "%",
};

const DIRECTIVE = /%(?:E(\d|\*)S|([1-9])?f|(E\*?z|[A-Za-z%]))/y;
/** As Envoy looks for them. */
const LINE_END = /%[-_0^#]*[1-9]*[EO]?n/;

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
 * Compiles a strftime format with Envoy's additions (`%s` seconds, `%f` and `%1f`..`%9f` fractions, `%E3S` and `%E*S` seconds with
 * fraction). Directives that are not known stand for themselves; one that ends the line is an OperatorError.
 */
export function compileTimeFormat(text: string): TimeFormat {
	if (LINE_END.test(text)) throw new OperatorError("the time format contains a line end");
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
		if (part) {
			parts.push(part);
			at = DIRECTIVE.lastIndex;
		} else {
			const unknown = text.slice(at, at + 2);
			parts.push({ field: () => unknown, changes: "seconds" });
			at += 2;
		}
	}
	return formatOf(parts);
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
	if (secondDigits === "*") return { field: wholeSeconds, changes: "milliseconds" };
	if (letter === "Ez" || letter === "E*z")
		return { field: () => (letter === "Ez" ? "+00:00" : "+00:00:00"), changes: "seconds" };
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

/** Seconds with as much of their fraction as there is. */
function wholeSeconds(date: Date): string {
	const ms = date.getUTCMilliseconds();
	return pad(date.getUTCSeconds()) + (ms === 0 ? "" : `.${pad(ms, 3).replace(/0+$/, "")}`);
}

/** The clock has milliseconds; further digits are zeros. */
function fraction(date: Date, digits: number): string {
	return pad(date.getUTCMilliseconds(), 3).padEnd(9, "0").slice(0, digits);
}

const LOCAL_ISO = "%Y-%m-%dT%H:%M:%E3S%z";

/** The same in this machine's time zone; without a format the date and time with its offset. */
export function localTimeFormat(text: string): TimeFormat {
	const byOffset = new Map<number, TimeFormat>();
	return (epochMs) => {
		const minutes = -new Date(epochMs).getTimezoneOffset();
		let format = byOffset.get(minutes);
		if (!format) {
			const sign = minutes < 0 ? "-" : "+";
			const hours = pad(Math.floor(Math.abs(minutes) / 60));
			format = compileTimeFormat((text || LOCAL_ISO).replaceAll("%z", `${sign}${hours}${pad(Math.abs(minutes) % 60)}`));
			byOffset.set(minutes, format);
		}
		return format(epochMs + minutes * 60_000);
	};
}
