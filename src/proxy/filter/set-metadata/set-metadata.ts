import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { FieldPath } from "../../../lib/field-path.ts";
import type { Config } from "../../../xds/generated/envoy/extensions/filters/http/set_metadata/v3/set_metadata_pb.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";

interface Entry {
	readonly namespace: string;
	readonly value: JsonObject;
	/** Merge into what is there instead of leaving it. */
	readonly overwrite: boolean;
}

/** Gives each request dynamic metadata from the configuration (Envoy: set metadata filter). */
export function setMetadataFilter(): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config",
		parse(config, path, name) {
			const entries = readingConfig(path, (at, problems) => parseEntries(config as Config, at, problems));
			const filter: HttpFilter = { decodeHeaders: (stream) => setMetadata(stream, entries) };
			return { name, create: () => filter };
		},
	};
}

function parseEntries(config: Config, at: FieldPath, problems: ProblemList): readonly Entry[] {
	const { metadataNamespace, value, metadata } = config;
	const legacy = value && metadataNamespace !== "" ? [{ namespace: metadataNamespace, value, overwrite: true }] : [];
	const entries = metadata.flatMap((entry, i): Entry[] => {
		const here = at.field("metadata").index(i);
		if (entry.metadataNamespace === "")
			problems.add("missing", here.field("metadata_namespace"), "the metadata has no namespace");
		// Typed metadata is for extensions that this proxy does not have.
		if (entry.typedValue) problems.notImplemented(here.field("typed_value"), "typed metadata");
		return entry.value
			? [{ namespace: entry.metadataNamespace, value: entry.value, overwrite: entry.allowOverwrite }]
			: [];
	});
	return [...legacy, ...entries];
}

function setMetadata({ info }: FilterStream, entries: readonly Entry[]): "pass" {
	for (const { namespace, value, overwrite } of entries) {
		const before = info.dynamicMetadata.get(namespace) as JsonObject | undefined;
		if (!before) info.dynamicMetadata.set(namespace, value);
		else if (overwrite) info.dynamicMetadata.set(namespace, merged(before, value));
	}
	return "pass";
}

/** Envoy's merge: objects member by member, lists one after the other, everything else is replaced; a value of another kind replaces too. */
function merged(before: JsonObject, update: JsonObject): JsonObject {
	const result: JsonObject = { ...before };
	for (const [key, value] of Object.entries(update)) {
		const old = result[key];
		result[key] = old === undefined ? value : mergedValue(old, value);
	}
	return result;
}

function mergedValue(before: JsonValue, update: JsonValue): JsonValue {
	if (Array.isArray(before) && Array.isArray(update)) return [...before, ...update];
	return isObject(before) && isObject(update) ? merged(before, update) : update;
}

function isObject(value: JsonValue): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
