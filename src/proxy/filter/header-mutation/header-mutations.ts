import type { FieldPath } from "../../../lib/field-path.ts";
import type { HeaderMutation } from "../../../xds/generated/envoy/config/common/mutation_rules/v3/mutation_rules_pb.ts";
import {
	HeaderValueOption_HeaderAppendAction as Append,
	type HeaderValueOption,
} from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import { compileTextFormat } from "../../router/format/text-format.ts";
import { compileStringMatcher } from "../../router/match/string-matcher.ts";
import type { ProblemList } from "../../router/problem-list.ts";

/** What mutations change: a head's fields with its pseudo headers, or trailers. */
export interface MutableFields {
	readonly headers: HeaderMap;
	/** Pseudo headers (`:path`, `host`...); undefined where there are none. */
	readonly pseudo: { get(name: string): string; set(name: string, value: string): void } | undefined;
}

/** One compiled mutation; a list of them runs in order, each on what the one before left. */
export type Mutation = (fields: MutableFields, ctx: FormatContext) => void;

const FIELD_NAME = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
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
				return ({ headers }) => removeMatching(headers, test);
			}
			default:
				problems.add("missing", here, "the mutation does nothing", "set append, remove or remove_on_match");
				return [];
		}
	});
}

function compileRemove(name: string, at: FieldPath, problems: ProblemList): Mutation {
	const lower = name.toLowerCase();
	if (!FIELD_NAME.test(lower)) problems.add("invalid", at, `"${name}" is no header name`);
	else if (lower.startsWith(":") || lower === "host")
		problems.add("invalid", at, `"${name}" cannot be removed`, "name a header field other than the pseudo headers");
	return ({ headers }) => headers.remove(lower);
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
	if (!FIELD_NAME.test(name)) problems.add("invalid", at.field("header").field("key"), `"${name}" is no header name`);
	const raw = header && header.rawValue.length > 0 ? new TextDecoder().decode(header.rawValue) : "";
	const valueAt = at.field("header").field("value");
	const value = compileTextFormat(header?.value || raw, { env, missing: "" }, valueAt, problems);
	const action = actionOf(option);
	const isPseudo = name.startsWith(":") || name === "host";
	return (fields, ctx) => {
		const text = value.constant ?? value.format(ctx).replace(LINE_BREAKS, " ");
		if (text === "" && !keepEmptyValue) return;
		if (isPseudo) appendPseudo(fields, name === "host" ? ":authority" : name, text, action);
		else appendField(fields.headers, name, text, action);
	};
}

/** The deprecated flag, where it is set, says it all. */
function actionOf({ append, appendAction }: HeaderValueOption): Append {
	if (append === undefined) return appendAction;
	return append ? Append.APPEND_IF_EXISTS_OR_ADD : Append.OVERWRITE_IF_EXISTS_OR_ADD;
}

function appendField(headers: HeaderMap, name: string, text: string, action: Append): void {
	if (action === Append.APPEND_IF_EXISTS_OR_ADD) headers.append(name, text);
	else if (action === Append.OVERWRITE_IF_EXISTS_OR_ADD) headers.set(name, text);
	else if (headers.has(name) === (action === Append.OVERWRITE_IF_EXISTS)) headers.set(name, text);
}

/** Pseudo headers are always there and single: what is appended joins what there is. */
function appendPseudo({ pseudo }: MutableFields, name: string, text: string, action: Append): void {
	if (!pseudo || action === Append.ADD_IF_ABSENT) return;
	pseudo.set(name, action === Append.APPEND_IF_EXISTS_OR_ADD ? `${pseudo.get(name)},${text}` : text);
}

/** A request's fields and pseudo headers. */
export function requestFields(request: RequestHead): MutableFields {
	return {
		headers: request.headers,
		pseudo: {
			get: (name) => request[PSEUDO[name] ?? "path"],
			set(name, value) {
				const member = PSEUDO[name];
				if (member) request[member] = value;
				else if (name === ":scheme" && (value === "http" || value === "https")) request.scheme = value;
			},
		},
	};
}

const PSEUDO: Readonly<Record<string, "path" | "method" | "authority">> = {
	":path": "path",
	":method": "method",
	":authority": "authority",
};

/** A response's fields and its status. */
export function responseFields(response: ResponseHead): MutableFields {
	return {
		headers: response.headers,
		pseudo: {
			get: () => String(response.status),
			set(name, value) {
				if (name === ":status" && /^[1-5]\d\d$/.test(value)) response.status = Number(value);
			},
		},
	};
}
