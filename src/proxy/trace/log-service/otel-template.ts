import { create } from "@bufbuild/protobuf";
import type { FieldPath } from "../../../lib/field-path.ts";
import {
	type AnyValue,
	AnyValueSchema,
	type KeyValue,
	KeyValueSchema,
} from "../../../xds/generated/opentelemetry/proto/common/v1/common_pb.ts";
import type { FormatContext, FormatEnvironment } from "../../router/format/format-context.ts";
import { compileTextFormat } from "../../router/format/text-format.ts";
import type { ProblemList } from "../../router/problem-list.ts";

type Template<T> = (ctx: FormatContext) => T;

/** Compiles a value whose texts are format strings: a text, a list or a map. */
export function compileAnyValue(
	template: AnyValue,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): Template<AnyValue> {
	const { value } = template;
	switch (value.case) {
		case "stringValue": {
			const format = compileTextFormat(value.value, { env, missing: "-" }, at.field("string_value"), problems);
			return (ctx) => create(AnyValueSchema, { value: { case: "stringValue", value: format.format(ctx) } });
		}
		case "arrayValue": {
			const where = at.field("array_value").field("values");
			const items = value.value.values.map((item, i) => compileAnyValue(item, env, where.index(i), problems));
			return (ctx) =>
				create(AnyValueSchema, { value: { case: "arrayValue", value: { values: items.map((item) => item(ctx)) } } });
		}
		case "kvlistValue": {
			const members = compileKeyValues(value.value.values, env, at.field("kvlist_value"), problems);
			return (ctx) => create(AnyValueSchema, { value: { case: "kvlistValue", value: { values: members(ctx) } } });
		}
		default:
			problems.add("invalid", at, "only texts, lists and maps can be logged");
			return () => template;
	}
}

/** Compiles attributes whose texts are format strings. */
export function compileKeyValues(
	pairs: readonly KeyValue[],
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): Template<KeyValue[]> {
	const compiled = pairs.map(({ key, value }, i) => {
		const where = at.field("values").index(i).field("value");
		return { key, value: value && compileAnyValue(value, env, where, problems) };
	});
	return (ctx) =>
		compiled.map(({ key, value }) => create(KeyValueSchema, { key, ...(value && { value: value(ctx) }) }));
}
