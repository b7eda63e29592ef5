import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonSchema } from "../definition.ts";
import { formatFieldError } from "../field-error.ts";
import { builtInSchema } from "./built-in-schemas.ts";
import { applySchemaDefaults } from "./defaults.ts";
import { findListDuplicates } from "./list-duplicates.ts";
import { itemSchema, memberSchema, mergeInfo } from "./schema-path.ts";
import { findUnknownFields, pruneUnknown } from "./unknown-fields.ts";
import { validateSchema } from "./validate-schema.ts";

function errorsOf(schema: JsonSchema, value: unknown): string[] {
	return validateSchema({ type: "object", properties: { spec: schema } }, { spec: value }).map(formatFieldError);
}

test("types, nullable, int-or-string", () => {
	assert.deepEqual(errorsOf({ type: "integer" }, "x"), [
		'spec: Invalid value: "string": spec in body must be of type integer: "string"',
	]);
	assert.deepEqual(errorsOf({ type: "number" }, 3), []);
	assert.deepEqual(errorsOf({ type: "string" }, null), [
		'spec: Invalid value: "null": spec in body must be of type string: "null"',
	]);
	assert.deepEqual(errorsOf({ type: "string", nullable: true }, null), []);
	assert.deepEqual(errorsOf({ "x-kubernetes-int-or-string": true }, "80%"), []);
	assert.equal(errorsOf({ "x-kubernetes-int-or-string": true }, true).length, 1);
});

test("enums, limits, patterns, required", () => {
	assert.deepEqual(errorsOf({ type: "string", enum: ["B", "C"] }, "A"), [
		'spec: Unsupported value: "A": supported values: "B", "C"',
	]);
	assert.deepEqual(errorsOf({ type: "integer", minimum: 1 }, 0), [
		"spec: Invalid value: 0: spec in body should be greater than or equal to 1",
	]);
	assert.deepEqual(errorsOf({ type: "string", maxLength: 2 }, "abc"), [
		'spec: Invalid value: "abc": spec in body should be at most 2 chars long',
	]);
	assert.deepEqual(errorsOf({ type: "array", items: { type: "string" }, maxItems: 1 }, ["a", "b"]), [
		"spec: Too many: 2: must have at most 1 items",
	]);
	assert.deepEqual(errorsOf({ type: "string", pattern: "^a+$" }, "b"), [
		"spec: Invalid value: \"b\": spec in body should match '^a+$'",
	]);
	assert.deepEqual(errorsOf({ type: "object", required: ["host"], properties: { host: { type: "string" } } }, {}), [
		"spec.host: Required value",
	]);
	assert.deepEqual(errorsOf({ type: "string", format: "duration" }, "1 second"), [
		'spec: Invalid value: "1 second": spec in body must be of type duration: "1 second"',
	]);
});

test("composites", () => {
	const oneOf = {
		oneOf: [{ not: { anyOf: [{ required: ["a"] }, { required: ["b"] }] } }, { required: ["a"] }, { required: ["b"] }],
	};
	const schema: JsonSchema = { type: "object", properties: { a: { type: "string" }, b: { type: "string" } }, ...oneOf };
	assert.deepEqual(errorsOf(schema, {}), []);
	assert.deepEqual(errorsOf(schema, { a: "x" }), []);
	assert.deepEqual(errorsOf(schema, { a: "x", b: "y" }), [
		'spec: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives',
	]);
	assert.equal(errorsOf({ type: "object", properties: { a: {} }, not: { required: ["a"] } }, { a: 1 }).length, 1);
});

test("unknown fields are found and pruned, free-form parts left alone", () => {
	const schema: JsonSchema = {
		type: "object",
		properties: {
			list: { type: "array", items: { type: "object", properties: { a: { type: "string" } } } },
			map: { type: "object", additionalProperties: { type: "object", properties: { a: { type: "string" } } } },
			free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
		},
	};
	const value = { list: [{ a: "x" }, { b: 1 }], map: { k: { c: 1 } }, free: { any: { thing: 1 } }, odd: 1 };
	assert.deepEqual(findUnknownFields(schema, value), ["list[1].b", "map.k.c", "odd"]);
	assert.deepEqual(pruneUnknown(schema, value), ["list[1].b", "map.k.c", "odd"]);
	assert.deepEqual(value, { list: [{ a: "x" }, {}], map: { k: {} }, free: { any: { thing: 1 } } });
});

test("a field named as an object's own method is unknown too", () => {
	const schema: JsonSchema = { type: "object", properties: {} };
	assert.deepEqual(findUnknownFields(schema, { constructor: 1, toString: 2 }), ["constructor", "toString"]);
});

test("defaults fill parents first and treat null as absent", () => {
	const schema: JsonSchema = {
		type: "object",
		properties: {
			outer: { type: "object", default: {}, properties: { inner: { type: "integer", default: 3 } } },
			plain: { type: "string", default: "x" },
			free: { type: "string", nullable: true },
		},
	};
	const value: Record<string, unknown> = { plain: null, free: null };
	applySchemaDefaults(schema, value);
	assert.deepEqual(value, { plain: "x", free: null, outer: { inner: 3 } });
});

test("defaults of one object are not shared with the next", () => {
	const schema: JsonSchema = { type: "object", properties: { list: { type: "array", items: {}, default: [] } } };
	const [first, second]: { list?: unknown[] }[] = [{}, {}];
	applySchemaDefaults(schema, first);
	first!.list!.push(1);
	applySchemaDefaults(schema, second);
	assert.deepEqual(second, { list: [] });
});

test("sets and maps refuse doubles", () => {
	const schema: JsonSchema = {
		type: "object",
		properties: {
			names: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" },
			ports: {
				type: "array",
				"x-kubernetes-list-type": "map",
				"x-kubernetes-list-map-keys": ["port"],
				items: { type: "object", properties: { port: { type: "integer" } } },
			},
		},
	};
	const value = { names: ["a", "a"], ports: [{ port: 1 }, { port: 2 }, { port: 1, other: true }] };
	assert.deepEqual(findListDuplicates(schema, value).map(formatFieldError), [
		'names[1]: Duplicate value: "a"',
		'ports[2]: Duplicate value: {"port":1}',
	]);
});

test("merge keys of built-in lists", () => {
	const spec = memberSchema(builtInSchema("io.k8s.api.core.v1.Pod"), "spec")!;
	const containers = memberSchema(spec, "containers")!;
	assert.deepEqual(mergeInfo(containers), {
		patchStrategy: ["merge"],
		patchMergeKey: "name",
		listType: "map",
		listMapKeys: ["name"],
		mapType: "granular",
	});
	const ports = memberSchema(itemSchema(containers)!, "ports")!;
	assert.deepEqual(mergeInfo(ports).listMapKeys, ["containerPort", "protocol"]);
});
