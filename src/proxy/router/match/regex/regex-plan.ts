/** A string operation that answers for a regular expression; right for every value without a line feed (`.` never matches one). */
export type StringTest = (value: string) => boolean;

type Token =
	| { readonly kind: "literal"; readonly text: string }
	| { readonly kind: "any"; readonly min: 0 | 1 }
	| { readonly kind: "choice"; readonly options: readonly string[] };

/** Istio's documented way to match a cookie: `^(.*?;)?(user=jason)(;.*)?$`. */
const COOKIE = /^\^?\(\.\*\??;\)\?\(((?:[^()[\]{}.*+?|\\^$]|\\[^A-Za-z0-9])+)\)\(;\.\*\)\?\$?$/;
const SPECIAL = new Set("\\.+*?()|[]{}^$");
const MAX_OPTIONS = 64;

/**
 * The string operation that equals a full match of `pattern`, for the shapes that people write most: literals,
 * literals around `.*` and `.+`, alternatives of literals, a cookie among others. Undefined: ask the engine.
 */
export function planRegex(pattern: string): StringTest | undefined {
	const cookie = COOKIE.exec(pattern);
	if (cookie) return amongCookies(unescapeText(cookie[1]!));
	const tokens = tokenize(stripAnchors(pattern));
	return tokens && planTokens(tokens);
}

/** The literal text that every match of `pattern` begins with; empty when nothing is known. */
export function literalPrefix(pattern: string): string {
	if (pattern.includes("|") || pattern.startsWith("(?")) return "";
	let at = pattern.startsWith("^") ? 1 : 0;
	let prefix = "";
	while (at < pattern.length) {
		const next = readLiteralChar(pattern, at);
		if (!next || "*?{+".includes(pattern[next.end] ?? "-")) break;
		prefix += next.char;
		at = next.end;
	}
	return prefix;
}

function amongCookies(pair: string): StringTest {
	const first = `${pair};`;
	const last = `;${pair}`;
	const between = `;${pair};`;
	return (v) => v === pair || v.startsWith(first) || v.endsWith(last) || v.includes(between);
}

function stripAnchors(pattern: string): string {
	const body = pattern.startsWith("^") ? pattern.slice(1) : pattern;
	return /(^|[^\\])(\\\\)*\$$/.test(body) ? body.slice(0, -1) : body;
}

function tokenize(body: string): Token[] | undefined {
	if (body.includes("|") && !body.includes("(")) return tokenizeChoice(body);
	const tokens: Token[] = [];
	let at = 0;
	while (at < body.length) {
		const read = body[at] === "." ? readAny(body, at) : body[at] === "(" ? readGroup(body, at) : readLiteral(body, at);
		if (!read) return undefined;
		tokens.push(read.token);
		at = read.end;
	}
	return tokens;
}

function tokenizeChoice(body: string): Token[] | undefined {
	const options = literalOptions(body);
	return options && [{ kind: "choice", options }];
}

interface Read {
	readonly token: Token;
	readonly end: number;
}

function readAny(body: string, at: number): Read | undefined {
	const repeat = body[at + 1];
	if (repeat !== "*" && repeat !== "+") return undefined;
	const lazy = body[at + 2] === "?" ? 1 : 0;
	const end = at + 2 + lazy;
	if ("*+?{".includes(body[end] ?? "-")) return undefined;
	return { token: { kind: "any", min: repeat === "*" ? 0 : 1 }, end };
}

function readGroup(body: string, at: number): Read | undefined {
	const close = body.indexOf(")", at);
	if (close < 0 || "*+?{".includes(body[close + 1] ?? "-")) return undefined;
	let inner = body.slice(at + 1, close);
	if (inner.startsWith("?:")) inner = inner.slice(2);
	const options = literalOptions(inner);
	return options && { token: { kind: "choice", options }, end: close + 1 };
}

function literalOptions(text: string): string[] | undefined {
	const options: string[] = [];
	for (const part of text.split("|")) {
		const option = part === "" ? { text: "", end: 0 } : readLiteralText(part, 0);
		if (!option || option.end !== part.length) return undefined;
		options.push(option.text);
	}
	return options.length <= MAX_OPTIONS ? options : undefined;
}

function readLiteral(body: string, at: number): Read | undefined {
	const read = readLiteralText(body, at);
	return read && { token: { kind: "literal", text: read.text }, end: read.end };
}

function readLiteralText(body: string, at: number): { text: string; end: number } | undefined {
	let text = "";
	let end = at;
	while (end < body.length) {
		const next = readLiteralChar(body, end);
		if (!next) break;
		text += next.char;
		end = next.end;
	}
	if (end === at || "*+?{".includes(body[end] ?? "-")) return undefined;
	return { text, end };
}

function readLiteralChar(body: string, at: number): { char: string; end: number } | undefined {
	const char = body[at]!;
	if (char === "\\") {
		const escaped = body[at + 1];
		// Only escaped punctuation stands for itself; \d, \w, \A and the like do not.
		if (escaped === undefined || /[A-Za-z0-9]/.test(escaped) || escaped.charCodeAt(0) > 126) return undefined;
		return { char: escaped, end: at + 2 };
	}
	if (SPECIAL.has(char)) return undefined;
	return { char, end: at + 1 };
}

function unescapeText(text: string): string {
	return text.replace(/\\(.)/g, "$1");
}

function planTokens(tokens: readonly Token[]): StringTest | undefined {
	const anys = tokens.filter((t) => t.kind === "any");
	if (anys.length === 0) return planFinite(tokens);
	const texts = tokens.map((t) => (t.kind === "literal" ? t.text : undefined));
	if (tokens.some((t) => t.kind === "choice")) return undefined;
	if (tokens.length === 1) return anys[0]!.min === 0 ? () => true : (v) => v.length > 0;
	if (anys.length === 1) return planAround(texts, anys[0]!.min);
	if (tokens.length === 3 && tokens[1]!.kind === "literal") return planInside(texts[1]!, tokens);
	return undefined;
}

/** Literals and choices only: a set of values. */
function planFinite(tokens: readonly Token[]): StringTest | undefined {
	let values = [""];
	for (const token of tokens) {
		if (token.kind === "any") return undefined;
		const options = token.kind === "literal" ? [token.text] : token.options;
		if (values.length * options.length > MAX_OPTIONS) return undefined;
		values = values.flatMap((v) => options.map((o) => v + o));
	}
	if (values.length === 1) {
		const only = values[0]!;
		return (v) => v === only;
	}
	const set = new Set(values);
	return (v) => set.has(v);
}

/** `lit.*`, `.*lit`, `lit.*lit`. */
function planAround(texts: readonly (string | undefined)[], min: number): StringTest | undefined {
	const gap = texts.indexOf(undefined);
	const head = texts.slice(0, gap).join("");
	const tail = texts.slice(gap + 1).join("");
	const least = head.length + tail.length + min;
	if (tail === "") return (v) => v.length >= least && v.startsWith(head);
	if (head === "") return (v) => v.length >= least && v.endsWith(tail);
	return (v) => v.length >= least && v.startsWith(head) && v.endsWith(tail);
}

/** `.*lit.*`, with `+` in either place. */
function planInside(text: string, tokens: readonly Token[]): StringTest | undefined {
	const [before, , after] = tokens;
	if (before?.kind !== "any" || after?.kind !== "any") return undefined;
	const from = before.min;
	const rest = after.min;
	return (v) => {
		const at = v.indexOf(text, from);
		return at >= 0 && at + text.length + rest <= v.length;
	};
}
