import type { FieldPath } from "../../../../lib/field-path.ts";
import type { ProblemList } from "../../problem-list.ts";

/** One segment of a template: a fixed text, `*` (one segment) or `**` (any rest, the empty one too). */
interface Piece {
	readonly kind: "text" | "segment" | "rest";
	readonly text: string;
	/** Name of the variable that captures this piece and those that follow it under the same name. */
	readonly variable: string | undefined;
	/** A suffix of the segment before it: no slash between them. */
	readonly suffix?: boolean;
}

/** A compiled path template (Envoy: `envoy.path.match.uri_template`). */
export interface UriTemplate {
	/** `path` without query and fragment. */
	test(path: string): boolean;
	/** The texts of the template's variables; undefined when the path does not match. */
	captures(path: string): ReadonlyMap<string, string> | undefined;
	readonly variables: readonly string[];
}

const MAX_VARIABLES = 5;
const LITERAL = /^[a-zA-Z0-9\-._~%!$&'()+,;:@]+$/;
const VARIABLE_NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,15}$/;
const SEGMENT = "[a-zA-Z0-9\\-._~%!$&'()*+,;=:@]+";
const REST = "[a-zA-Z0-9\\-._~%!$&'()*+,;=:@/]*";

/** Compiles `/users/{id}/*` and the like: `{name}`, `{name=pattern}`, `*`, `**` (only as the last operator). */
export function compileUriTemplate(template: string, at: FieldPath, problems: ProblemList): UriTemplate {
	const pieces = parseTemplate(template);
	if (typeof pieces === "string") {
		problems.add("invalid", at, `"${template}" is no path template: ${pieces}`);
		return { test: () => false, captures: () => undefined, variables: [] };
	}
	// Literals have no star, so nothing here backtracks over more than the operators of the template.
	const regex = new RegExp(`^${toPattern(pieces)}$`);
	return {
		test: (path) => regex.test(path),
		captures(path) {
			const groups = regex.exec(path);
			return groups ? new Map(Object.entries(groups.groups ?? {})) : undefined;
		},
		variables: variablesOf(pieces),
	};
}

function variablesOf(pieces: readonly Piece[]): string[] {
	return [...new Set(pieces.flatMap((piece) => piece.variable ?? []))];
}

/** The pieces, or what is wrong with the template. */
function parseTemplate(template: string): Piece[] | string {
	if (!/^\/[\x21-\x7e]*$/.test(template)) return "it must begin with a slash and have no spaces";
	const segments = splitSegments(template.slice(1));
	const pieces: Piece[] = [];
	for (const [i, segment] of segments.entries()) {
		const parsed = parseSegment(segment, i === segments.length - 1);
		if (typeof parsed === "string") return parsed;
		pieces.push(...parsed);
	}
	return checkPieces(pieces, template) ?? pieces;
}

/** At slashes outside of braces. */
function splitSegments(text: string): string[] {
	const segments: string[] = [];
	let start = 0;
	let depth = 0;
	for (let i = 0; i < text.length; i++) {
		if (text[i] === "{") depth++;
		else if (text[i] === "}") depth--;
		else if (text[i] === "/" && depth === 0) {
			segments.push(text.slice(start, i));
			start = i + 1;
		}
	}
	segments.push(text.slice(start));
	return segments;
}

function parseSegment(segment: string, last: boolean): Piece[] | string {
	if (segment === "") return last ? [{ kind: "text", text: "", variable: undefined }] : "it has an empty segment";
	const [, variable, operator, suffix] = /^(?:(\{[^}]*\})|(\*\*?))?(.*)$/.exec(segment)!;
	const matched = variable
		? parseVariable(variable.slice(1, -1))
		: operator
			? [operatorPiece(operator, undefined)]
			: [];
	if (typeof matched === "string") return matched;
	if (suffix === "") return matched;
	if (!LITERAL.test(suffix!)) return `"${suffix}" has characters that a segment cannot have`;
	if (matched.length > 0 && !last) return "a suffix may only follow the last operator";
	return [...matched, { kind: "text", text: suffix!, variable: undefined, suffix: matched.length > 0 }];
}

function parseVariable(body: string): Piece[] | string {
	const equals = body.indexOf("=");
	const name = equals < 0 ? body : body.slice(0, equals);
	if (!VARIABLE_NAME.test(name)) return `"${name}" is no variable name`;
	if (equals < 0) return [operatorPiece("*", name)];
	const pieces: Piece[] = [];
	for (const part of body.slice(equals + 1).split("/")) {
		if (part === "*" || part === "**") pieces.push(operatorPiece(part, name));
		else if (LITERAL.test(part)) pieces.push({ kind: "text", text: part, variable: name });
		else return `"${part}" is no pattern of a variable`;
	}
	return pieces;
}

function operatorPiece(operator: string, variable: string | undefined): Piece {
	return { kind: operator === "**" ? "rest" : "segment", text: operator, variable };
}

function checkPieces(pieces: readonly Piece[], template: string): string | undefined {
	const rest = pieces.findIndex((piece) => piece.kind === "rest");
	if (rest >= 0 && pieces.slice(rest + 1).some((piece) => piece.kind !== "text")) return "an operator follows **";
	const names = [...template.matchAll(/\{([^}=]*)/g)].map((match) => match[1]!);
	if (names.length > MAX_VARIABLES) return `it has more than ${MAX_VARIABLES} variables`;
	if (new Set(names).size < names.length) return "a variable is named twice";
	return undefined;
}

const PATTERNS = { segment: SEGMENT, rest: REST } as const;

function toPattern(pieces: readonly Piece[]): string {
	let pattern = "";
	for (const [i, piece] of pieces.entries()) {
		const opens = piece.variable !== undefined && pieces[i - 1]?.variable !== piece.variable;
		const closes = piece.variable !== undefined && pieces[i + 1]?.variable !== piece.variable;
		const body = piece.kind === "text" ? escapeText(piece.text) : PATTERNS[piece.kind];
		pattern += `${piece.suffix ? "" : "/"}${opens ? `(?<${piece.variable}>` : ""}${body}${closes ? ")" : ""}`;
	}
	return pattern;
}

function escapeText(text: string): string {
	return text.replace(/[$()+.]/g, "\\$&");
}
