import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { ProblemList } from "../problem-list.ts";
import type { FormatContext, FormatEnvironment } from "./format-context.ts";
import { compileTextFormat } from "./text-format.ts";

/** Context → JSON text; undefined: no value. */
type JsonNode = (ctx: FormatContext) => string | undefined;

export interface JsonFormatOptions {
	readonly env: FormatEnvironment;
	/** Leave out members without a value instead of writing null. */
	readonly omitEmpty: boolean;
}

/** Compiles Envoy's `json_format`: one JSON object, members sorted by name, numbers and metadata keep their types; no line end. */
export function compileJsonFormat(
	template: JsonObject,
	options: JsonFormatOptions,
	at: FieldPath,
	problems: ProblemList,
): (ctx: FormatContext) => string {
	const node = compileObject(template, options, at, problems);
	return (ctx) => node(ctx) ?? "{}";
}

function compileNode(value: JsonValue, options: JsonFormatOptions, at: FieldPath, problems: ProblemList): JsonNode {
	if (typeof value === "string") return compileText(value, options, at, problems);
	if (Array.isArray(value)) {
		const items = value.map((item, i) => compileNode(item, options, at.index(i), problems));
		return (ctx) => {
			const texts = items.map((item) => item(ctx));
			return `[${(options.omitEmpty ? texts.filter((text) => text !== undefined) : texts.map((text) => text ?? "null")).join(",")}]`;
		};
	}
	if (typeof value === "object" && value !== null) return compileObject(value, options, at, problems);
	const constant = value === null && options.omitEmpty ? undefined : JSON.stringify(value);
	return () => constant;
}

function compileObject(
	template: JsonObject,
	options: JsonFormatOptions,
	at: FieldPath,
	problems: ProblemList,
): JsonNode {
	const members = Object.keys(template)
		.sort()
		.map((name) => ({
			asFirst: `{${JSON.stringify(name)}:`,
			asNext: `,${JSON.stringify(name)}:`,
			node: compileNode(template[name]!, options, at.key(name), problems),
		}));
	const empty = options.omitEmpty ? undefined : "{}";
	return (ctx) => {
		let out = "";
		for (let i = 0; i < members.length; i++) {
			const member = members[i]!;
			const text = member.node(ctx);
			if (text === undefined && options.omitEmpty) continue;
			out += out === "" ? member.asFirst : member.asNext;
			out += text ?? "null";
		}
		return out === "" ? empty : `${out}}`;
	};
}

function compileText(text: string, options: JsonFormatOptions, at: FieldPath, problems: ProblemList): JsonNode {
	const format = compileTextFormat(text, { env: options.env, missing: options.omitEmpty ? "" : "-" }, at, problems);
	if (format.constant !== undefined) {
		const constant = JSON.stringify(format.constant);
		return () => constant;
	}
	return (ctx) => {
		const value = format.value(ctx);
		if (typeof value === "string") return quoted(value);
		return value === undefined ? undefined : JSON.stringify(value);
	};
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const FIRST_SURROGATE = 0xd800;

/** A string in JSON; the usual ones have nothing to escape, which is sooner seen than done. */
function quoted(text: string): string {
	for (let i = 0; i < text.length; i++) {
		const code = text.charCodeAt(i);
		if (code < 0x20 || code === QUOTE || code === BACKSLASH || code >= FIRST_SURROGATE) return JSON.stringify(text);
	}
	return `"${text}"`;
}
