import { RE2JS } from "re2js";
import { planRegex } from "./regex-plan.ts";

/** A compiled regular expression with RE2's syntax and linear time. */
export interface Regex {
	readonly pattern: string;
	/** True when the whole value matches. */
	matches(value: string): boolean;
}

/** A regular expression with the text that takes the place of each match (`\1` is the first group, `\0` the match). */
export interface RegexRewrite {
	/** Replaces all non-overlapping matches, from left to right. */
	apply(value: string): string;
}

/** The pattern is not RE2's; `message` says why. */
export class RegexSyntaxError extends Error {
	constructor(message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = "RegexSyntaxError";
	}
}

/** Compiled expressions kept for the next configuration, which mostly holds the same ones. */
const CACHE_SIZE = 4096;
const cache = new Map<string, Regex>();
/** Istio's own setting of Envoy's `re2.max_program_size.error_level`. */
const MAX_PROGRAM_SIZE = 32768;

/** Compiles `pattern` for whole-value matches, cached. Throws RegexSyntaxError. */
export function compileRegex(pattern: string): Regex {
	const known = cache.get(pattern);
	if (known) return known;
	const regex = buildRegex(pattern);
	if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value!);
	cache.set(pattern, regex);
	return regex;
}

function buildRegex(pattern: string): Regex {
	compileEngine(pattern); // alone first: `a)|(b` must not become valid by the group around it
	const engine = compileEngine(`^(?:${pattern})$`);
	const plan = planRegex(pattern);
	if (!plan) return { pattern, matches: (value) => engine.test(value) };
	return { pattern, matches: (value) => (value.indexOf("\n") < 0 ? plan(value) : engine.test(value)) };
}

function compileEngine(pattern: string): RE2JS {
	let engine: RE2JS;
	try {
		engine = RE2JS.compile(pattern);
	} catch (cause) {
		throw new RegexSyntaxError(cause instanceof Error ? cause.message : String(cause), { cause });
	}
	if (engine.programSize() > MAX_PROGRAM_SIZE)
		throw new RegexSyntaxError(`the expression is too large (more than ${MAX_PROGRAM_SIZE} instructions)`);
	return engine;
}

/** Finds a tag in a stat's name (Envoy: TagSpecifier.regex): the first group goes, the second (or the only one) is the value. Throws RegexSyntaxError. */
export function compileTagRegex(
	pattern: string,
): (text: string) => { readonly removed: string; readonly value: string } | undefined {
	// Envoy reads these by the C++ library's ECMAScript syntax, and Istio's own tags look ahead, which RE2 cannot. They come from the bootstrap, and are
	// tried once per stat: linear time matters less here.
	const regex = ecmaScript(pattern);
	const groups = new RegExp(`${regex.source}|`).exec("")!.length - 1;
	if (groups === 0) throw new RegexSyntaxError("the expression has no group");
	return (text) => {
		const match = regex.exec(text);
		if (!match) return undefined;
		const removed = match[1] ?? "";
		return { removed, value: (groups > 1 ? match[2] : removed) ?? "" };
	};
}

const POSIX_CLASSES: Readonly<Record<string, string>> = {
	alnum: "a-zA-Z0-9",
	alpha: "a-zA-Z",
	digit: "0-9",
	lower: "a-z",
	space: "\\s",
	upper: "A-Z",
	xdigit: "a-fA-F0-9",
};

function ecmaScript(pattern: string): RegExp {
	try {
		return new RegExp(pattern.replaceAll(/\[:(\w+):\]/g, (whole, name: string) => POSIX_CLASSES[name] ?? whole));
	} catch (cause) {
		throw new RegexSyntaxError(cause instanceof Error ? cause.message : String(cause), { cause });
	}
}

/** Compiles a match-and-substitute pair (Envoy: RegexMatchAndSubstitute). Throws RegexSyntaxError. */
export function compileRegexRewrite(pattern: string, substitution: string): RegexRewrite {
	const engine = compileEngine(pattern);
	const parts = parseSubstitution(substitution, engine.groupCount());
	return { apply: (value) => replaceAll(engine, parts, value) };
}

/** Texts and group numbers, in order. */
function parseSubstitution(text: string, groupCount: number): (string | number)[] {
	const parts: (string | number)[] = [];
	let literal = "";
	for (let i = 0; i < text.length; i++) {
		if (text[i] !== "\\") {
			literal += text[i];
			continue;
		}
		const next = text[++i];
		if (next === "\\") literal += "\\";
		else if (next !== undefined && next >= "0" && next <= "9") {
			if (Number(next) > groupCount)
				throw new RegexSyntaxError(`the substitution names group ${next}, the expression has ${groupCount}`);
			parts.push(literal, Number(next));
			literal = "";
		} else throw new RegexSyntaxError("a backslash in a substitution is followed by a digit or a backslash");
	}
	parts.push(literal);
	return parts.filter((part) => part !== "");
}

/** RE2's GlobalReplace: an empty match right after another match does not count. */
function replaceAll(engine: RE2JS, parts: readonly (string | number)[], value: string): string {
	const matcher = engine.matcher(value);
	let out = "";
	let at = 0;
	let lastEnd = -1;
	while (at <= value.length && matcher.find(at)) {
		const start = matcher.start();
		const end = matcher.end();
		out += value.slice(at, start);
		if (start === lastEnd && end === start) {
			if (start >= value.length) return out;
			const char = String.fromCodePoint(value.codePointAt(start)!);
			out += char;
			at = start + char.length;
			continue;
		}
		for (const part of parts) out += typeof part === "string" ? part : (matcher.group(part) ?? "");
		at = end;
		lastEnd = end;
	}
	return out + value.slice(at);
}
