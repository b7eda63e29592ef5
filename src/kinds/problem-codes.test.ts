import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PROBLEM_CODES } from "./problem-codes.ts";

const ROOM = import.meta.dirname;

test("every code that the room reports is in the table, and the other way round", () => {
	const used = new Set<string>();
	for (const file of readdirSync(ROOM, { recursive: true, encoding: "utf8" })) {
		if (!file.endsWith(".ts") || file.endsWith(".test.ts") || file.endsWith("problem-codes.ts")) continue;
		for (const [, code] of readFileSync(join(ROOM, file), "utf8").matchAll(/"(LTN\d{4})"/g)) used.add(code!);
	}
	assert.deepEqual([...used].sort(), Object.keys(PROBLEM_CODES).sort());
});

test("codes have meanings of their own", () => {
	const meanings = Object.values(PROBLEM_CODES);
	assert.equal(new Set(meanings).size, meanings.length);
});
