import assert from "node:assert/strict";
import { test } from "node:test";
import { isPrivate, isVisibleTo, visibilityOf } from "./visibility.ts";

test("exportTo: who sees what", () => {
	const cases: [string[], string[], boolean, boolean][] = [
		// entries, mesh default, own namespace sees it, another does
		[[], ["*"], true, true],
		[[], ["."], true, false],
		[["."], ["*"], true, false],
		[["*", "other"], ["."], true, true],
		[["~"], ["*"], false, false],
		[["other"], ["*"], false, true],
		[[".", "other"], ["*"], true, true],
	];
	for (const [entries, fallback, own, other] of cases) {
		const visibility = visibilityOf(entries, "own", fallback);
		assert.equal(isVisibleTo(visibility, "own"), own, `own sees ${entries}`);
		assert.equal(isVisibleTo(visibility, "other"), other, `other sees ${entries}`);
	}
	assert.ok(isPrivate(visibilityOf(["."], "own", []), "own"));
	assert.ok(!isPrivate(visibilityOf(["other"], "own", []), "own"));
});
