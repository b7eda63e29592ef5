import type { FieldPath } from "../../../lib/field-path.ts";
import type { HeaderMutation } from "../../../xds/generated/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts";
import {
	HeaderValueOption_HeaderAppendAction as Append,
	type HeaderValueOption,
} from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { FormatContext, FormatEnvironment } from "../format/format-context.ts";
import { compileTextFormat } from "../format/text-format.ts";
import { compileStringMatcher } from "../match/string-matcher.ts";
import type { ProblemList } from "../problem-list.ts";

/** One compiled mutation; a list of them runs in order, each on what the one before left. */
export type Mutation = (headers: HeaderMap, ctx: FormatContext) => void;

const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const LINE_BREAKS = /[\r\n\0]/g;

/** Compiles a list of mutations. */
export function compileMutations(
	mutations: readonly HeaderMutation[],
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): readonly Mutation[] {
	return mutations.flatMap(({ action }, i): Mutation | [] => {
		const here = at.index(i);
		switch (action.case) {
			case "append":
				return compileAppend(action.value, env, here.field("append"), problems);
			case "remove":
				return compileRemove(action.value, here.field("remove"), problems);
			case "removeOnMatch": {
				const matcherAt = here.field("remove_on_match").field("key_matcher");
				const { keyMatcher } = action.value;
				if (!keyMatcher) {
					problems.add("missing", matcherAt, "the mutation names no headers");
					return [];
				}
				const test = compileStringMatcher(keyMatcher, matcherAt, problems);
				return (headers) => removeMatching(headers, test);
			}
			default:
				problems.add("missing", here, "the mutation does nothing", "set append, remove or remove_on_match");
				return [];
		}
	});
}

function compileRemove(name: string, at: FieldPath, problems: ProblemList): Mutation {
	const lower = name.toLowerCase();
	checkName(lower, at, problems);
	return (headers) => headers.remove(lower);
}

function checkName(name: string, at: FieldPath, problems: ProblemList): void {
	if (name === "host" || name.startsWith(":"))
		problems.add("invalid", at, `"${name}" cannot be changed by a header mutation`, "use a host or path rewrite");
	else if (!FIELD_NAME.test(name)) problems.add("invalid", at, `"${name}" is no header name`);
}

function removeMatching(headers: HeaderMap, test: (name: string) => boolean): void {
	for (const name of new Set(headers.names)) if (test(name)) headers.remove(name);
}

function compileAppend(
	option: HeaderValueOption,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): Mutation {
	const { header, keepEmptyValue } = option;
	const name = (header?.key ?? "").toLowerCase();
	checkName(name, at.field("header").field("key"), problems);
	const raw = header && header.rawValue.length > 0 ? new TextDecoder().decode(header.rawValue) : "";
	const valueAt = at.field("header").field("value");
	const value = compileTextFormat(header?.value || raw, { env, missing: "" }, valueAt, problems);
	const action = actionOf(option);
	return (headers, ctx) => {
		const text = value.constant ?? value.format(ctx).replace(LINE_BREAKS, " ");
		if (text !== "" || keepEmptyValue) appendField(headers, name, text, action);
	};
}

/** The deprecated flag, where it is set, says it all. */
function actionOf({ append, appendAction }: HeaderValueOption): Append {
	if (append === undefined) return appendAction;
	return append ? Append.APPEND_IF_EXISTS_OR_ADD : Append.OVERWRITE_IF_EXISTS_OR_ADD;
}

/** As in Envoy, a field that is overwritten moves to the end. */
function appendField(headers: HeaderMap, name: string, text: string, action: Append): void {
	const overwrites = action === Append.OVERWRITE_IF_EXISTS || action === Append.OVERWRITE_IF_EXISTS_OR_ADD;
	if (action === Append.ADD_IF_ABSENT && headers.has(name)) return;
	if (action === Append.OVERWRITE_IF_EXISTS && !headers.has(name)) return;
	if (overwrites) headers.remove(name);
	headers.append(name, text);
}
