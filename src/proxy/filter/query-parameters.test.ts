import assert from "node:assert/strict";
import { test } from "node:test";
import { changeQuery, parseDecodedQuery } from "./query-parameters.ts";

test("names and values are decoded, all values of a name kept", () => {
	const query = parseDecodedQuery("/p?a=1&b%20c=x%26y&a=2&d#e=f");
	assert.deepEqual(
		[...query],
		[
			["a", ["1", "2"]],
			["b c", ["x&y"]],
			["d", [""]],
		],
	);
	assert.equal(parseDecodedQuery("/p").size, 0);
});

test("what stays is not encoded anew; the query is sorted", () => {
	assert.equal(changeQuery("/p?z=a+b&t=x&a=%2B&y", ["t"]), "/p?a=%2B&y=&z=a+b");
	assert.equal(changeQuery("/p?t=x", ["t"]), "/p");
	assert.equal(changeQuery("/p?b=1&b=2", [], [{ key: "b", value: "a b&c" }]), "/p?b=a%20b%26c");
	assert.equal(changeQuery("/p", ["x"], [{ key: "x", value: "1" }]), "/p");
});
