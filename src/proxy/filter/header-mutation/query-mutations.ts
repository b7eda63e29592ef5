import type { FieldPath } from "../../../lib/field-path.ts";
import {
	KeyValueAppend_KeyValueAppendAction as Append,
	type KeyValueAppend,
	type KeyValueMutation,
} from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import { compileTextFormat } from "../../router/format/text-format.ts";
import type { ProblemList } from "../../router/problem-list.ts";

/** Parameters of a query: decoded names and values. */
type Query = Map<string, string[]>;
type QueryMutation = (query: Query, ctx: FormatContext) => void;

/** Compiles `query_parameter_mutations`: path in, path out; undefined when there are none. */
export function compileQueryMutations(
	mutations: readonly KeyValueMutation[],
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): ((path: string, ctx: FormatContext) => string) | undefined {
	const steps = mutations.map(({ append, remove }, i): QueryMutation => {
		const here = at.index(i);
		if (append) return compileAppend(append, env, here.field("append"), problems);
		if (remove === "") problems.add("missing", here, "the mutation does nothing", "set append or remove");
		return (query) => void query.delete(remove);
	});
	if (steps.length === 0) return undefined;
	return (path, ctx) => {
		const query = parseQuery(path);
		for (const step of steps) step(query, ctx);
		return withQuery(path, query);
	};
}

function compileAppend(
	append: KeyValueAppend,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): QueryMutation {
	const { record, entry, action } = append;
	const key = record?.key ?? entry?.key ?? "";
	const kind = record?.value?.kind;
	const text = kind?.case === "stringValue" ? kind.value : entry ? new TextDecoder().decode(entry.value) : undefined;
	if (key === "") problems.add("missing", at.field("record").field("key"), "the parameter has no name");
	if (text === undefined)
		problems.add("invalid", at.field("record").field("value"), "the parameter's value must be a text");
	const valueAt = at.field("record").field("value");
	const value = compileTextFormat(text ?? "", { env, missing: "" }, valueAt, problems);
	return (query, ctx) => appendTo(query, { key, value: value.format(ctx), action });
}

function appendTo(query: Query, { key, value, action }: { key: string; value: string; action: Append }): void {
	const known = query.get(key);
	if (action === Append.APPEND_IF_EXISTS_OR_ADD) query.set(key, [...(known ?? []), value]);
	else if (action === Append.OVERWRITE_IF_EXISTS_OR_ADD) query.set(key, [value]);
	else if ((known !== undefined) === (action === Append.OVERWRITE_IF_EXISTS)) query.set(key, [value]);
}

function parseQuery(path: string): Query {
	const query: Query = new Map();
	const mark = path.indexOf("?");
	if (mark < 0) return query;
	for (const part of path.slice(mark + 1).split("&")) {
		const equals = part.indexOf("=");
		const key = percentDecoded(equals < 0 ? part : part.slice(0, equals));
		const value = equals < 0 ? "" : percentDecoded(part.slice(equals + 1));
		query.set(key, [...(query.get(key) ?? []), value]);
	}
	return query;
}

/** As Envoy writes it: names in order of their bytes. */
function withQuery(path: string, query: Query): string {
	const bare = path.split("?", 1)[0]!;
	const parts = [...query.keys()].sort().flatMap((key) => query.get(key)!.map((value) => `${key}=${value}`));
	return parts.length > 0 ? `${bare}?${parts.join("&")}` : bare;
}

const ESCAPE = /%([0-9a-fA-F]{2})/g;

/** Texts stand for bytes: one character each. */
function percentDecoded(text: string): string {
	return text.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
