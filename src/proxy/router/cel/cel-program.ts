import type { FieldPath } from "../../../lib/field-path.ts";
import type { FormatContext } from "../format/format-context.ts";
import { compileRegex, type Regex, RegexSyntaxError } from "../match/regex/regex.ts";
import type { ProblemList } from "../problem-list.ts";
import { ATTRIBUTES } from "./cel-attributes.ts";
import { type CelNode, CelSyntaxError, parseCel } from "./cel-parser.ts";

/** The value of an expression; undefined: it has none (an attribute is missing, or types do not fit). */
export type CelProgram = (ctx: FormatContext) => unknown;

interface Scope {
	readonly at: FieldPath;
	readonly problems: ProblemList;
}

/** Compiles an expression over Envoy's attributes; what it cannot be is a problem at `at`. */
export function compileCel(text: string, at: FieldPath, problems: ProblemList): CelProgram {
	try {
		return compile(parseCel(text), { at, problems });
	} catch (error) {
		if (!(error instanceof CelSyntaxError)) throw error;
		problems.add("invalid", at, `"${text}" is no expression that is known here: ${error.message}`);
		return () => undefined;
	}
}

function compile(node: CelNode, scope: Scope): CelProgram {
	switch (node.kind) {
		case "literal":
			return () => node.value;
		case "name":
			return node.name === "filter_state" ? ({ info }) => info.filterState : () => undefined;
		case "member":
			return compileMember(node, scope);
		case "index": {
			const [of, at] = [compile(node.of, scope), compile(node.at, scope)];
			return (ctx) => element(of(ctx), at(ctx));
		}
		case "unary": {
			const of = compile(node.of, scope);
			if (node.op === "!") return (ctx) => asBoolean(of(ctx), (value) => !value);
			return (ctx) => asNumber(of(ctx), (value) => -value);
		}
		case "binary":
			return compileBinary(node, scope);
		case "choice": {
			const [test, then, otherwise] = [node.test, node.then, node.otherwise].map((one) => compile(one, scope));
			return (ctx) => {
				const value = test!(ctx);
				return typeof value === "boolean" ? (value ? then! : otherwise!)(ctx) : undefined;
			};
		}
		case "list": {
			const items = node.items.map((item) => compile(item, scope));
			return (ctx) => items.map((item) => item(ctx));
		}
		case "map": {
			const entries = node.entries.map(([key, value]) => [compile(key, scope), compile(value, scope)] as const);
			return (ctx) => new Map(entries.map(([key, value]) => [key(ctx), value(ctx)]));
		}
		default:
			return compileCall(node, scope);
	}
}

function compileMember(node: CelNode & { kind: "member" }, scope: Scope): CelProgram {
	const group =
		node.of.kind === "name" && Object.hasOwn(ATTRIBUTES, node.of.name) ? ATTRIBUTES[node.of.name] : undefined;
	if (group) return Object.hasOwn(group, node.name) ? group[node.name]! : () => undefined;
	const of = compile(node.of, scope);
	return (ctx) => element(of(ctx), node.name);
}

type Compare = (a: number | string, b: number | string) => boolean;

const COMPARE: Readonly<Record<string, Compare>> = {
	"<": (a, b) => a < b,
	"<=": (a, b) => a <= b,
	">": (a, b) => a > b,
	">=": (a, b) => a >= b,
};

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number | undefined>> = {
	"+": (a, b) => a + b,
	"-": (a, b) => a - b,
	"*": (a, b) => a * b,
	"/": (a, b) => (b === 0 ? undefined : Number.isInteger(a) && Number.isInteger(b) ? Math.trunc(a / b) : a / b),
	"%": (a, b) => (b === 0 ? undefined : a % b),
};

function compileBinary({ op, left: a, right: b }: CelNode & { kind: "binary" }, scope: Scope): CelProgram {
	const [left, right] = [compile(a, scope), compile(b, scope)];
	// What one side decides holds, whatever the other one is.
	if (op === "&&" || op === "||") {
		const decides = op === "||";
		return (ctx) => {
			const one = left(ctx);
			if (one === decides) return decides;
			const other = right(ctx);
			if (other === decides) return decides;
			return typeof one === "boolean" && typeof other === "boolean" ? !decides : undefined;
		};
	}
	if (op === "==" || op === "!=")
		return (ctx) => {
			const [one, other] = [left(ctx), right(ctx)];
			return one === undefined || other === undefined ? undefined : equal(one, other) === (op === "==");
		};
	if (op === "in") return (ctx) => isIn(left(ctx), right(ctx));
	// Envoy joins no texts, unless it is told to.
	const compare = COMPARE[op];
	return (ctx) => {
		const [one, other] = [left(ctx), right(ctx)];
		if (typeof one === "string" && typeof other === "string") return compare?.(one, other);
		if (typeof one !== "number" || typeof other !== "number") return undefined;
		return compare ? compare(one, other) : ARITHMETIC[op]?.(one, other);
	};
}

const TEXT_TESTS: Readonly<Record<string, (text: string, part: string) => boolean>> = {
	contains: (text, part) => text.includes(part),
	startsWith: (text, part) => text.startsWith(part),
	endsWith: (text, part) => text.endsWith(part),
};

const CONVERSIONS: Readonly<Record<string, (value: unknown) => unknown>> = {
	size: sizeOf,
	string: (value) => (typeof value === "object" ? undefined : String(value)),
	int: (value) => asFinite(value, Math.trunc),
	uint: (value) => asFinite(value, Math.trunc),
	double: (value) => asFinite(value, (number) => number),
	bool: (value) =>
		typeof value === "boolean" ? value : value === "true" ? true : value === "false" ? false : undefined,
};

function compileCall({ of, name, args }: CelNode & { kind: "call" }, scope: Scope): CelProgram {
	const operands = [...(of ? [of] : []), ...args];
	if (name === "has" && operands.length === 1) {
		if (operands[0]!.kind !== "member") throw new CelSyntaxError("has() asks for a member: has(request.referer)");
		const value = compile(operands[0]!, scope);
		return (ctx) => value(ctx) !== undefined;
	}
	if (name === "matches" && operands.length === 2) return compileMatches(operands as [CelNode, CelNode], scope);
	const test = Object.hasOwn(TEXT_TESTS, name) && operands.length === 2 ? TEXT_TESTS[name] : undefined;
	if (test) {
		const [whole, part] = operands.map((one) => compile(one, scope)) as [CelProgram, CelProgram];
		return (ctx) => {
			const [a, b] = [whole(ctx), part(ctx)];
			return typeof a === "string" && typeof b === "string" ? test(a, b) : undefined;
		};
	}
	const convert = Object.hasOwn(CONVERSIONS, name) && operands.length === 1 ? CONVERSIONS[name] : undefined;
	if (!convert) throw new CelSyntaxError(`there is no function ${name} with ${operands.length} operands here`);
	const value = compile(operands[0]!, scope);
	return (ctx) => {
		const found = value(ctx);
		return found === undefined ? undefined : convert(found);
	};
}

function compileMatches([text, pattern]: readonly [CelNode, CelNode], scope: Scope): CelProgram {
	if (pattern.kind !== "literal" || typeof pattern.value !== "string")
		throw new CelSyntaxError("the pattern of matches() is to be a text");
	const value = compile(text, scope);
	const regex = regexOf(pattern.value);
	return (ctx) => {
		const found = value(ctx);
		return typeof found === "string" ? regex.matches(found) : undefined;
	};
}

function regexOf(pattern: string): Regex {
	try {
		// A match anywhere is one.
		return compileRegex(`(?s:.*)(?:${pattern})(?s:.*)`);
	} catch (error) {
		if (error instanceof RegexSyntaxError) throw new CelSyntaxError(error.message);
		throw error;
	}
}

/** A member of a map, of headers, of metadata or of a list. */
function element(of: unknown, key: unknown): unknown {
	if (Array.isArray(of)) return typeof key === "number" ? (of as unknown[])[key] : undefined;
	if (typeof of !== "object" || of === null) return undefined;
	if (isKeyed(of)) return of.get(key as string);
	return typeof key === "string" && Object.hasOwn(of, key) ? (of as Record<string, unknown>)[key] : undefined;
}

function isKeyed(value: object): value is { get(key: string): unknown } {
	return "get" in value && typeof value.get === "function";
}

function isIn(value: unknown, container: unknown): boolean | undefined {
	if (value === undefined) return undefined;
	if (Array.isArray(container)) return container.some((item) => equal(item, value));
	return typeof container === "object" && container !== null ? element(container, value) !== undefined : undefined;
}

function equal(a: unknown, b: unknown): boolean {
	if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => equal(item, b[i]));
	return a === b;
}

function sizeOf(value: unknown): number | undefined {
	if (typeof value === "string") return [...value].length;
	if (Array.isArray(value)) return value.length;
	if (value instanceof Map) return value.size;
	return typeof value === "object" && value !== null && !isKeyed(value) ? Object.keys(value).length : undefined;
}

const asBoolean = (value: unknown, use: (value: boolean) => boolean) =>
	typeof value === "boolean" ? use(value) : undefined;
const asNumber = (value: unknown, use: (value: number) => number) =>
	typeof value === "number" ? use(value) : undefined;

function asFinite(value: unknown, use: (value: number) => number): number | undefined {
	if (typeof value !== "number" && (typeof value !== "string" || value.trim() === "")) return undefined;
	const number = Number(value);
	return Number.isFinite(number) ? use(number) : undefined;
}
