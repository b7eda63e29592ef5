import type { FieldPath } from "../../../lib/field-path.ts";
import {
	type CustomTag_Metadata,
	type CustomTag as Message,
	CustomTag_ValueType as ValueType,
} from "../../../xds/generated/envoy/type/tracing/v3/custom_tag_pb.ts";
import type { FormatContext, FormatEnvironment } from "../format/format-context.ts";
import { compileTextFormat } from "../format/text-format.ts";
import type { ProblemList } from "../problem-list.ts";

/** One configured tag; an empty value: the span does not get it. */
export interface CustomTag {
	readonly name: string;
	value(ctx: TagContext): string;
}

/** What a tag is made from. */
export interface TagContext extends FormatContext {
	/** Metadata of the upstream's cluster and endpoint. */
	metadataOf(kind: "cluster" | "host"): Metadata | undefined;
}

type Metadata = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Compiles `custom_tags`; of tags with the same name the later counts. */
export function compileCustomTags(
	tags: readonly Message[],
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): readonly CustomTag[] {
	const compiled = new Map<string, CustomTag>();
	for (const [i, tag] of tags.entries()) {
		const here = at.index(i);
		if (tag.tag === "") problems.add("missing", here.field("tag"), "the tag has no name");
		compiled.set(tag.tag, { name: tag.tag, value: compileValue(tag, env, here, problems) });
	}
	return [...compiled.values()];
}

function compileValue(
	{ type, valueType }: Message,
	env: FormatEnvironment,
	at: FieldPath,
	problems: ProblemList,
): CustomTag["value"] {
	if (valueType !== ValueType.UNSPECIFIED && valueType !== ValueType.STRING)
		problems.notImplemented(at.field("value_type"), "a tag that is no text");
	switch (type.case) {
		case "literal": {
			const { value } = type.value;
			if (value === "") problems.add("missing", at.field("literal").field("value"), "the tag has no value");
			return () => value;
		}
		case "environment": {
			const { name, defaultValue } = type.value;
			if (name === "") problems.add("missing", at.field("environment").field("name"), "the variable has no name");
			const value = env.environment(name) ?? defaultValue;
			return () => value;
		}
		case "requestHeader": {
			const { name, defaultValue } = type.value;
			if (name === "") problems.add("missing", at.field("request_header").field("name"), "the header has no name");
			const lower = name.toLowerCase();
			return ({ request }) => request?.headers.get(lower) ?? defaultValue;
		}
		case "metadata":
			return compileMetadata(type.value, at.field("metadata"), problems);
		case "value": {
			const format = compileTextFormat(type.value, { env, missing: "" }, at.field("value"), problems);
			return (ctx) => format.format(ctx);
		}
		default:
			problems.add(
				"missing",
				at,
				"the tag has no value",
				"set literal, environment, request_header, metadata or value",
			);
			return () => "";
	}
}

function compileMetadata(
	{ kind, metadataKey, defaultValue }: CustomTag_Metadata,
	at: FieldPath,
	problems: ProblemList,
): CustomTag["value"] {
	const source = kind?.kind.case;
	if (source === undefined) problems.add("missing", at.field("kind"), "the metadata has no kind");
	if (!metadataKey) problems.add("missing", at.field("metadata_key"), "the metadata has no key");
	const path = metadataKey?.path.map(({ segment }) => segment.value ?? "") ?? [];
	return (ctx) => {
		let value: unknown = source && metadataFrom(source, ctx, metadataKey?.key ?? "");
		for (const key of path)
			value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined;
		if (value === undefined || value === null) return defaultValue;
		return typeof value === "object" ? JSON.stringify(value) : String(value);
	};
}

function metadataFrom(source: "request" | "route" | "cluster" | "host", ctx: TagContext, namespace: string): unknown {
	if (source === "request") return ctx.info.dynamicMetadata.get(namespace);
	if (source === "route") return ctx.route?.metadata[namespace];
	return ctx.metadataOf(source)?.[namespace];
}
