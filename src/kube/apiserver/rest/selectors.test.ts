import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../kinds/object.ts";
import { ApiError } from "../http/api-error.ts";
import { compileFieldSelector, parseFieldSelector } from "./field-selector.ts";
import { formatLabelSelector, parseLabelSelector } from "./label-selector.ts";
import { compareVersions } from "./resource-table.ts";

test("label selectors", () => {
	const cases: [string, Record<string, string>, boolean][] = [
		["a=b", { a: "b" }, true],
		["a==b", { a: "c" }, false],
		["a!=b", {}, true],
		["a != b", { a: "b" }, false],
		["a in (x,y)", { a: "y" }, true],
		["a in (x, y),c", { a: "y" }, false],
		["a notin (x)", {}, true],
		["a notin (x)", { a: "x" }, false],
		["a", { a: "" }, true],
		["!a", { a: "" }, false],
		["example.com/app=web,!b", { "example.com/app": "web" }, true],
		["a=", { a: "" }, true],
		["constructor", {}, false],
		["toString notin (x)", {}, true],
	];
	for (const [selector, labels, expected] of cases)
		assert.equal(parseLabelSelector(selector)?.(labels), expected, selector);
	assert.equal(parseLabelSelector(" "), undefined);
	for (const wrong of ["a b", "a=b=c", "a in x", "-a", "a=b c", ",", "a in (b"]) {
		assert.throws(() => parseLabelSelector(wrong), ApiError, wrong);
	}
	const texts = {
		"a=b=c": "found '=', expected: ',' or 'end of string'",
		"a in b": "unable to parse requirement: found 'b' expected: '('",
		"a b": "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
	};
	for (const [wrong, message] of Object.entries(texts))
		assert.throws(() => parseLabelSelector(wrong), { message }, wrong);
});

test("label selectors of objects in text", () => {
	const text = formatLabelSelector({
		matchLabels: { b: "2", a: "1" },
		matchExpressions: [
			{ key: "c", operator: "In", values: ["y", "x"] },
			{ key: "d", operator: "DoesNotExist" },
		],
	});
	assert.equal(text, "a=1,b=2,c in (x,y),!d");
});

test("field selectors", () => {
	const pod: KubeObject = { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "n" } };
	const fields = { "status.phase": () => "Running", "spec.x": () => "1,2" };
	const holds = (text: string) => compileFieldSelector(parseFieldSelector(text), fields)?.(pod);
	assert.equal(holds("metadata.name=a,status.phase!=Failed,status.phase!=Succeeded"), true);
	assert.equal(holds("metadata.namespace==m"), false);
	assert.equal(holds("spec.x=1\\,2"), true);
	assert.equal(holds("metadata.namespace="), false);
	assert.equal(holds(""), undefined);
	assert.throws(() => holds("spec.y=1"), /field label not supported: spec.y/);
	assert.throws(() => holds("constructor=1"), /field label not supported: constructor/);
	assert.throws(() => holds("metadata.name"), /can't understand/);
});

test("versions are ordered by stability, then number", () => {
	const sorted = ["v1alpha3", "v1", "v1beta1", "v2beta1", "v2", "foo", "v10"].sort(compareVersions);
	assert.deepEqual(sorted, ["v10", "v2", "v1", "v2beta1", "v1beta1", "v1alpha3", "foo"]);
});
