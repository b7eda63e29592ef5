import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldPath } from "../../../../lib/field-path.ts";
import { ProblemList } from "../../problem-list.ts";
import { compileUriTemplate } from "./uri-template.ts";

function compiled(template: string) {
	const problems = new ProblemList();
	const result = compileUriTemplate(template, fieldPath("t"), problems);
	return { ...result, problems: problems.problems };
}

test("one star is one segment, two are any rest", () => {
	for (const [template, path, expected] of [
		["/foo/*", "/foo/bar", true],
		["/foo/*", "/foo/", false],
		["/foo/*", "/foo/bar/baz", false],
		["/foo/**", "/foo/", true],
		["/foo/**", "/foo/bar/baz", true],
		["/foo/**", "/foo", false],
		["/foo/**/", "/foo/bar/", true],
		["/foo/**/", "/foo/bar", false],
		["/foo/*/bar/**", "/foo/x/bar/y/z", true],
		["/a.b", "/axb", false],
		["/videos/*.m4s", "/videos/one.m4s", true],
		["/videos/*.m4s", "/videos/one.mp4", false],
		["/", "/", true],
	] as const)
		assert.equal(compiled(template).test(path), expected, `${template} ${path}`);
});

test("variables capture", () => {
	const template = compiled("/{lang}/{file=docs/*}/x");
	assert.deepEqual(template.variables, ["lang", "file"]);
	assert.deepEqual(
		[...template.captures("/en/docs/a/x")!],
		[
			["lang", "en"],
			["file", "docs/a"],
		],
	);
	assert.equal(template.captures("/en/a/x"), undefined);
});

test("what Envoy refuses is refused", () => {
	for (const template of [
		"",
		"foo",
		"/a//b",
		"/**/x/*",
		"/{a}/{a}",
		"/{1a}",
		"/a b",
		"/*x/y",
		"/{a=}",
		"/{a}/{b}/{c}/{d}/{e}/{f}",
		"/{a",
		"/a=b",
	])
		assert.equal(compiled(template).problems.length, 1, template);
});
