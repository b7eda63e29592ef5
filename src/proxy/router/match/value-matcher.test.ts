import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { fieldPath } from "../../../lib/field-path.ts";
import { MetadataMatcherSchema } from "../../../xds/generated/envoy/type/matcher/v3/metadata_pb.ts";
import { ProblemList } from "../problem-list.ts";
import { compileMetadataMatcher } from "./value-matcher.ts";

const METADATA: Record<string, unknown> = {
	n: { s: "text", num: 3, yes: true, none: null, list: ["a", "b", 7], deep: { er: "x" } },
};

function matches(path: string[], value: JsonObject, more: JsonObject = {}): boolean {
	const problems = new ProblemList();
	const message = fromJson(MetadataMatcherSchema, { filter: "n", path: path.map((key) => ({ key })), value, ...more });
	const test = compileMetadataMatcher(message, fieldPath("m"), problems);
	problems.throwIfAny();
	return test((namespace) => METADATA[namespace]);
}

test("each kind of value is matched by its own pattern only", () => {
	const text = { string_match: { prefix: "te" } };
	for (const [path, value, expected] of [
		[["s"], text, true],
		[["num"], text, false],
		[["num"], { double_match: { range: { start: 3, end: 4 } } }, true],
		[["num"], { double_match: { range: { start: 2, end: 3 } } }, false],
		[["num"], { double_match: { exact: 3 } }, true],
		[["yes"], { bool_match: true }, true],
		[["s"], { bool_match: true }, false],
		[["none"], { null_match: {} }, true],
		[["gone"], { null_match: {} }, false],
		[["none"], { present_match: true }, true],
		[["gone"], { present_match: true }, false],
		[["list"], { list_match: { one_of: { string_match: { exact: "b" } } } }, true],
		[["list"], { list_match: { one_of: { string_match: { exact: "c" } } } }, false],
		[["s"], { list_match: { one_of: text } }, false],
		[["s"], { or_match: { value_matchers: [{ bool_match: true }, text] } }, true],
		[["deep", "er"], { string_match: { exact: "x" } }, true],
		[["s", "er"], { string_match: { exact: "x" } }, false],
	] as const)
		assert.equal(matches([...path], value as JsonObject), expected, JSON.stringify([path, value]));
});

test("inverted, a missing value matches", () => {
	assert.equal(matches(["gone"], { string_match: { exact: "x" } }, { invert: true }), true);
	assert.equal(matches(["s"], { string_match: { exact: "text" } }, { invert: true }), false);
});

test("a matcher without its parts is refused", () => {
	assert.throws(() => matches([], { bool_match: true }), /m\.path/);
	assert.throws(() => matches(["a"], {}), /m\.value/);
	assert.throws(() => matches(["a"], { or_match: { value_matchers: [{ bool_match: true }] } }), /at least two/);
});
