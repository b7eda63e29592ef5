import type { FieldPath } from "../../../lib/field-path.ts";
import type { ProblemList } from "../problem-list.ts";
import {
	type FormatContext,
	type FormatEnvironment,
	type FormatOperator,
	type FormatValue,
	OperatorError,
} from "./format-context.ts";
import { compileOperator } from "./operators.ts";

/** A compiled format: literal texts and operators in order. */
export interface TextFormat {
	/** The text when the format has no operator. */
	readonly constant: string | undefined;
	format(ctx: FormatContext): string;
	/** The typed value when the format is one operator alone, else the text. */
	value(ctx: FormatContext): FormatValue;
}

export interface TextFormatOptions {
	readonly env: FormatEnvironment;
	/** What stands for a missing value: `-` in logs, nothing in headers. */
	readonly missing: "-" | "";
}

const COMMAND = /%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::([0-9]+))?%/y;

/** Compiles a format string (Envoy: `%OPERATOR(parameters):max_length%`, `%%` is a percent sign). */
export function compileTextFormat(
	text: string,
	options: TextFormatOptions,
	at: FieldPath,
	problems: ProblemList,
): TextFormat {
	const parts = parseParts(text, options.env, at, problems);
	const { missing } = options;
	if (parts.every((part) => typeof part === "string")) {
		const constant = parts.join("");
		return { constant, format: () => constant, value: () => constant };
	}
	const { pieces, end } = piecesOf(parts, missing);
	const format = (ctx: FormatContext) => {
		let out = "";
		for (let i = 0; i < pieces.length; i++) {
			const { before, operator, whole } = pieces[i]!;
			const value = operator(ctx);
			out += value === undefined ? whole : before + textOf(value);
		}
		return out + end;
	};
	const only = parts.length === 1 ? (parts[0] as FormatOperator) : undefined;
	return { constant: undefined, format, value: only?.typed ?? only ?? format };
}

/** An operator with the literal before it: short ones become one string, what is missing is there already. */
interface Piece {
	readonly before: string;
	readonly operator: FormatOperator;
	/** With what stands for a missing value. */
	readonly whole: string;
}

function piecesOf(parts: readonly (string | FormatOperator)[], missing: string) {
	const pieces: Piece[] = [];
	let before = "";
	for (const part of parts) {
		if (typeof part === "string") before += part;
		else {
			pieces.push({ before, operator: part, whole: before + missing });
			before = "";
		}
	}
	return { pieces, end: before };
}

function parseParts(
	text: string,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): (string | FormatOperator)[] {
	const parts: (string | FormatOperator)[] = [];
	let literal = "";
	let position = 0;
	while (position < text.length) {
		const percent = text.indexOf("%", position);
		literal += text.slice(position, percent < 0 ? undefined : percent);
		if (percent < 0) break;
		if (text[percent + 1] === "%") {
			literal += "%";
			position = percent + 2;
			continue;
		}
		COMMAND.lastIndex = percent;
		const command = COMMAND.exec(text);
		if (!command) {
			problems.add(
				"format",
				at,
				`the format has no valid operator at "${text.slice(percent, percent + 20)}"`,
				"write %% for a percent sign",
			);
			return [];
		}
		if (literal !== "") parts.push(literal);
		literal = "";
		parts.push(buildOperator(command, env, at, problems));
		position = COMMAND.lastIndex;
	}
	if (literal !== "") parts.push(literal);
	return parts;
}

function buildOperator(
	[, name, text, length]: RegExpExecArray,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): FormatOperator {
	try {
		const operator = compileOperator(name!, text, env, length !== undefined);
		return length === undefined ? operator : truncated(operator, Number(length));
	} catch (error) {
		if (!(error instanceof OperatorError)) throw error;
		problems.add("format", at, error.message);
		return () => undefined;
	}
}

/** Where types are kept only texts are cut, as in Envoy. */
function truncated(operator: FormatOperator, length: number): FormatOperator {
	const cut: FormatOperator = (ctx) => {
		const value = operator(ctx);
		return value === undefined ? undefined : textOf(value).slice(0, length);
	};
	const typed: FormatOperator = (ctx) => {
		const value = operator(ctx);
		return typeof value === "string" ? value.slice(0, length) : value;
	};
	return Object.assign(cut, { typed });
}

function textOf(value: NonNullable<FormatValue>): string {
	if (typeof value === "string") return value;
	return typeof value === "object" ? JSON.stringify(value) : String(value);
}
