import type { JsonSchema } from "../definition.ts";
import { parseQuantity, QUANTITY_SYNTAX } from "../quantity.ts";
import { resolveSchema } from "./built-in-schemas.ts";
import { isObject } from "./schema-path.ts";

/** Where Go's decoder is: the struct that it fills, and the members on the way there (list indexes and map keys are not told). */
interface Place {
	readonly struct: string;
	readonly members: readonly string[];
}

/**
 * Values that Go's decoder would refuse, in its words; a built-in kind with one of these is refused with 400 before any
 * validation. `null` is always allowed (it means absent).
 */
export function findTypeErrors(schema: JsonSchema, object: unknown): string[] {
	const found: string[] = [];
	walk(schema, object, { struct: "", members: [] }, found);
	return found;
}

function walk(schema: JsonSchema, value: unknown, place: Place, found: string[]): void {
	if (value === null || value === undefined) return;
	const node = resolveSchema(schema);
	if (!accepts(node, value)) {
		found.push(mismatch(schema, node, value, place));
		return;
	}
	const problem = problemOfText(schema, node, value);
	if (problem !== undefined) found.push(problem);
	if (Array.isArray(value)) walkList(node, value, place, found);
	else if (isObject(value)) walkObject(schema, value, place, found);
}

function mismatch(schema: JsonSchema, node: JsonSchema, value: unknown, { struct, members }: Place): string {
	const word = typeof value === "number" && node.type === "integer" ? `number ${value}` : jsonWord(value);
	const target = members.length === 0 ? "Go value" : `Go struct field ${struct}.${members.join(".")}`;
	return `json: cannot unmarshal ${word} into ${target} of type ${goType(schema)}`;
}

function walkList({ items }: JsonSchema, list: readonly unknown[], place: Place, found: string[]): void {
	if (items) for (const item of list) walk(items, item, place, found);
}

function walkObject(schema: JsonSchema, object: object, place: Place, found: string[]): void {
	const { properties = {}, additionalProperties } = resolveSchema(schema);
	const struct = definitionName(schema)?.name ?? place.struct;
	for (const [name, member] of Object.entries(object)) {
		const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
		if (property) walk(property, member, { struct, members: [...place.members, name] }, found);
		else if (typeof additionalProperties === "object") walk(additionalProperties, member, place, found);
	}
}

/** Go's word for a JSON value, as its decoder prints it. */
function jsonWord(value: unknown): string {
	if (Array.isArray(value)) return "array";
	if (typeof value === "object") return "object";
	if (typeof value === "boolean") return "bool";
	return typeof value;
}

function goType(schema: JsonSchema): string {
	const node = resolveSchema(schema);
	if (node.type === "array") return `[]${goType(node.items ?? {})}`;
	if (node.type === "object") {
		if (typeof node.additionalProperties === "object") return `map[string]${goType(node.additionalProperties)}`;
		const definition = definitionName(schema);
		return definition ? `${definition.version}.${definition.name}` : "struct";
	}
	if (node.type === "boolean") return "bool";
	if (node.type === "integer") return node.format === "int32" ? "int32" : "int64";
	return node.type === "number" ? "float64" : (node.type ?? "interface {}");
}

/** `io.k8s.api.core.v1.EnvVar` is Go's `v1.EnvVar`. */
function definitionName({ $ref }: JsonSchema): { readonly version: string; readonly name: string } | undefined {
	const [name, version] = $ref?.split(".").reverse() ?? [];
	return name === undefined || version === undefined ? undefined : { version, name };
}

const WORD_OF_TYPE: Readonly<Record<string, string>> = { integer: "number", boolean: "bool" };

function accepts(node: JsonSchema, value: unknown): boolean {
	if (node.type === undefined) return true;
	if (isNumberOrText(node)) return typeof value === "string" || typeof value === "number";
	const word = jsonWord(value);
	if (word !== (WORD_OF_TYPE[node.type] ?? node.type)) return false;
	return node.type !== "integer" || fitsInteger(node, value as number);
}

function fitsInteger(node: JsonSchema, value: number): boolean {
	if (!Number.isInteger(value)) return false;
	return node.format !== "int32" || (value >= -(2 ** 31) && value < 2 ** 31);
}

/** IntOrString and Quantity are written as numbers too. */
function isNumberOrText(node: JsonSchema): boolean {
	return node.format === "int-or-string" || node.oneOf?.some(({ type }) => type === "number") === true;
}

const QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity";

/** What Go's own decoders of texts (quantities, bytes, times) say of this one. */
function problemOfText({ $ref }: JsonSchema, { format }: JsonSchema, value: unknown): string | undefined {
	if ($ref === QUANTITY) return parseQuantity(value) === undefined ? QUANTITY_SYNTAX : undefined;
	if (typeof value !== "string") return undefined;
	if (format === "byte") {
		const offset = base64ErrorOffset(value);
		return offset === undefined ? undefined : `illegal base64 data at input byte ${offset}`;
	}
	if (format !== "date-time" || RFC3339.test(value)) return undefined;
	return `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(value)} as "2006"`;
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Where Go's base64 decoder stumbles: at the first foreign character, else at the unfinished group; line ends are ignored, as there. */
function base64ErrorOffset(text: string): number | undefined {
	const foreign = /[^A-Za-z0-9+/\r\n]/.exec(text.replace(/[=\r\n]+$/, ""));
	if (foreign) return foreign.index;
	const length = text.replace(/[\r\n]/g, "").length;
	const isComplete = length % 4 === 0 && !/={3}/.test(text);
	return isComplete ? undefined : text.length - (length % 4 || 4);
}
