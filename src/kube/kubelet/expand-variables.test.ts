import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expandVariables } from "./expand-variables.ts";

test("known names are replaced, unknown ones stay, doubled dollars escape", () => {
	const values = new Map([
		["A", "1"],
		["B", "$(A)"],
	]);
	const cases = {
		"$(A)": "1",
		"x$(A)y$(B)": "x1y$(A)",
		"$(C)": "$(C)",
		"$$(A)": "$(A)",
		"$A $": "$A $",
		"$$$(A)": "$1",
	};
	for (const [text, expected] of Object.entries(cases)) assert.equal(expandVariables(text, values), expected, text);
});

test("text without a dollar stays as it is", () => {
	fc.assert(
		fc.property(fc.string(), (text) => {
			const plain = text.replaceAll("$", "");
			assert.equal(expandVariables(plain, new Map([["A", "1"]])), plain);
		}),
	);
});
