import type { DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { RE2JS } from "re2js";
import { typeUrlOf } from "../../xds/type-urls.ts";

/** One dump (of clusters, of listeners, ...) as JSON, with its type. */
export interface DumpSection {
	readonly desc: DescMessage;
	readonly json: JsonObject;
}

/** What a query asks of `/config_dump` cannot be given. */
export class DumpQueryError extends Error {
	readonly status: 400 | 404;
	constructor(status: 400 | 404, message: string) {
		super(message);
		this.status = status;
	}
}

/** Applies `resource`, `name_regex` and `mask` as Envoy's admin page does; throws DumpQueryError. */
export function queryDump(sections: readonly DumpSection[], query: URLSearchParams): JsonObject[] {
	const pattern = query.get("name_regex");
	const named = pattern ? keepNamed(sections, compile(pattern)) : sections;
	const resource = query.get("resource");
	const mask = query.get("mask");
	if (resource !== null) return maskAll(elementsOf(named, resource), mask, "used");
	return maskAll(named, mask, "applied");
}

function compile(pattern: string): RE2JS {
	try {
		return RE2JS.compile(pattern);
	} catch (error) {
		throw new DumpQueryError(400, `Error while parsing name_regex from ${pattern}: ${(error as Error).message}`);
	}
}

/** Elements whose resource has a name that matches whole; a list that has none left is left out. */
function keepNamed(sections: readonly DumpSection[], pattern: RE2JS): DumpSection[] {
	return sections.map(({ desc, json }) => ({
		desc,
		json: Object.fromEntries(
			Object.entries(json).flatMap(([key, value]): [string, JsonValue][] => {
				if (!Array.isArray(value)) return [[key, value]];
				const kept = value.filter((element) => pattern.matches(nameOf(element)));
				return kept.length > 0 ? [[key, kept]] : [];
			}),
		),
	}));
}

const RESOURCE_FIELDS = [
	"cluster",
	"listener",
	"route_config",
	"endpoint_config",
	"ecds_filter",
	"secret",
	"active_state",
	"warming_state",
];

/** The name of the resource in an element of a dump; endpoints are named by their cluster. */
function nameOf(element: JsonValue): string {
	if (!isObject(element)) return "";
	if (typeof element.name === "string") return element.name;
	if (typeof element.cluster_name === "string") return element.cluster_name;
	for (const field of RESOURCE_FIELDS) {
		const inner = element[field];
		if (inner !== undefined && isObject(inner)) return nameOf(inner);
	}
	return "";
}

/** The elements of a repeated field of some dump, each with its type. */
function elementsOf(sections: readonly DumpSection[], resource: string): DumpSection[] {
	for (const { desc, json } of sections) {
		const field = desc.fields.find(({ name }) => name === resource);
		if (field?.fieldKind !== "list" || field.listKind !== "message") continue;
		const elements = json[resource];
		if (!Array.isArray(elements) || elements.length === 0) continue;
		const inner = field.message;
		return elements.map((element) => ({
			desc: inner,
			json: { "@type": typeUrlOf(inner.typeName), ...(element as JsonObject) },
		}));
	}
	throw new DumpQueryError(404, `${resource} not found in config dump`);
}

function maskAll(sections: readonly DumpSection[], mask: string | null, how: "used" | "applied"): JsonObject[] {
	if (mask === null) return sections.map(({ json }) => json);
	const paths = mask.split(",").map((path) => path.split("."));
	const fitting = sections.filter(({ desc }) =>
		paths.every(([first]) => desc.fields.some(({ name }) => name === first)),
	);
	if (fitting.length === 0) {
		const what = how === "used" ? "used." : "applied to any configs.";
		throw new DumpQueryError(400, `FieldMask ${mask} could not be successfully ${what}`);
	}
	return fitting.map(({ json }) => keepPaths(json, paths));
}

/** The parts of an object that the paths name; a path goes into each element of a list. */
function keepPaths(json: JsonObject, paths: readonly (readonly string[])[]): JsonObject {
	const kept: JsonObject = {};
	for (const [key, value] of Object.entries(json)) {
		if (key === "@type") kept[key] = value;
		const below = paths.filter(([first]) => first === key).map((path) => path.slice(1));
		if (below.length === 0) continue;
		kept[key] = below.some((path) => path.length === 0) ? value : keepBelow(value, below);
	}
	return kept;
}

function keepBelow(value: JsonValue, paths: readonly (readonly string[])[]): JsonValue {
	if (Array.isArray(value)) return value.map((element) => keepBelow(element, paths));
	return isObject(value) ? keepPaths(value, paths) : value;
}

function isObject(value: JsonValue): value is JsonObject {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
