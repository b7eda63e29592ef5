import type { FieldPath } from "../../../lib/field-path.ts";
import type { HeaderValueOption } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { HeaderValueOption_HeaderAppendAction as Append } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { FormatContext, FormatEnvironment } from "../format/format-context.ts";
import { compileTextFormat, type TextFormat } from "../format/text-format.ts";
import type { ProblemList } from "../problem-list.ts";

/** The header operations of one level (Envoy: HeaderParser). */
export interface HeaderOperations {
	/** Removes, then evaluates all values on what is there, then overwrites, then adds. */
	apply(headers: HeaderMap, ctx: FormatContext): void;
}

/** Lists as the xDS messages hold them. */
export interface HeaderLists {
	readonly add: readonly HeaderValueOption[];
	readonly remove: readonly string[];
	readonly addAt: FieldPath;
	readonly removeAt: FieldPath;
}

interface Addition {
	readonly name: string;
	readonly value: TextFormat;
	readonly action: Append;
	readonly keepEmpty: boolean;
}

const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const LINE_BREAKS = /[\r\n\0]/g;

/** Compiles one level's operations; undefined when there are none. */
export function compileHeaderOperations(
	lists: HeaderLists,
	env: FormatEnvironment,
	problems: ProblemList,
): HeaderOperations | undefined {
	const removals = lists.remove.map((name, i) => compileRemoval(name, lists.removeAt.index(i), problems));
	const additions = lists.add.map((option, i) => compileAddition(option, env, lists.addAt.index(i), problems));
	if (removals.length === 0 && additions.length === 0) return undefined;
	return { apply: (headers, ctx) => applyOperations(removals, additions, headers, ctx) };
}

function compileRemoval(name: string, at: FieldPath, problems: ProblemList): string {
	const lower = name.toLowerCase();
	if (lower === "host" || !FIELD_NAME.test(lower))
		problems.add(
			"invalid",
			at,
			`"${name}" cannot be removed`,
			"name a header field other than Host and the pseudo headers",
		);
	return lower;
}

function compileAddition(
	option: HeaderValueOption,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): Addition {
	const name = (option.header?.key ?? "").toLowerCase();
	checkName(name, at.field("header").field("key"), problems);
	const valueAt = at.field("header").field("value");
	const value = compileTextFormat(headerText(option, valueAt, problems), { env, missing: "" }, valueAt, problems);
	return { name, value, action: compileAction(option, at, problems), keepEmpty: option.keepEmptyValue };
}

function checkName(name: string, at: FieldPath, problems: ProblemList): void {
	if (name === "") problems.add("missing", at, "the header has no name");
	else if (name === "host" || name.startsWith(":"))
		problems.add("invalid", at, `"${name}" cannot be set by a header operation`, "use a host or path rewrite");
	else if (!FIELD_NAME.test(name)) problems.add("invalid", at, `"${name}" is no header name`);
}

function headerText(option: HeaderValueOption, at: FieldPath, problems: ProblemList): string {
	const header = option.header;
	const raw = header && header.rawValue.length > 0 ? new TextDecoder().decode(header.rawValue) : "";
	const text = header?.value || raw;
	if (/[\r\n\0]/.test(text)) problems.add("invalid", at, "a header value has no line breaks");
	return text;
}

function compileAction(option: HeaderValueOption, at: FieldPath, problems: ProblemList): Append {
	if (option.append === undefined) {
		if (!(option.appendAction in ACTION_NAMES))
			problems.add("invalid", at.field("append_action"), `${option.appendAction} is no append action`);
		return option.appendAction;
	}
	// The deprecated flag excludes the enumeration that took its place.
	if (option.appendAction !== Append.APPEND_IF_EXISTS_OR_ADD)
		problems.add(
			"invalid",
			at.field("append"),
			"append and append_action exclude each other",
			"set append_action only",
		);
	return option.append ? Append.APPEND_IF_EXISTS_OR_ADD : Append.OVERWRITE_IF_EXISTS_OR_ADD;
}

const ACTION_NAMES = Object.fromEntries(Object.entries(Append).map(([name, value]) => [value, name]));

function applyOperations(
	removals: readonly string[],
	additions: readonly Addition[],
	headers: HeaderMap,
	ctx: FormatContext,
): void {
	for (const name of removals) headers.remove(name);
	if (additions.length === 0) return;
	const values = additions.map((addition) => evaluate(addition, headers, ctx));
	additions.forEach(({ name, action }, i) => {
		if (values[i] === undefined || !overwrites(action)) return;
		// In Envoy's order of fields: what takes another's place comes last.
		headers.remove(name);
		headers.append(name, values[i]);
	});
	additions.forEach(({ name, action }, i) => {
		if (values[i] !== undefined && !overwrites(action)) headers.append(name, values[i]);
	});
}

const overwrites = (action: Append) =>
	action === Append.OVERWRITE_IF_EXISTS || action === Append.OVERWRITE_IF_EXISTS_OR_ADD;

/** The value to write, or undefined when there is nothing to do; sees the headers before any of this level's writes. */
function evaluate(addition: Addition, headers: HeaderMap, ctx: FormatContext): string | undefined {
	const { name, value, action, keepEmpty } = addition;
	if (action === Append.ADD_IF_ABSENT && headers.has(name)) return undefined;
	if (action === Append.OVERWRITE_IF_EXISTS && !headers.has(name)) return undefined;
	const text = value.constant ?? value.format(ctx).replace(LINE_BREAKS, " ");
	return text !== "" || keepEmpty ? text : undefined;
}
