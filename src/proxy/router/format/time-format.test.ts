import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileTimeFormat, isoTime } from "./time-format.ts";

/** Instants close together and, by the way, a fraction below the next second. */
const instants = fc.array(
	fc.tuple(fc.integer({ min: 1.79e12, max: 1.79e12 + 3000 }), fc.constantFrom(0, 0.5, 0.9997)),
	{ minLength: 1 },
);

test("times that follow each other are those of the calendar", () => {
	const compiled = compileTimeFormat("%F %T.%3f");
	fc.assert(
		fc.property(instants, (list) => {
			for (const [ms, fraction] of list) {
				const iso = new Date(ms).toISOString();
				assert.equal(isoTime(ms + fraction), iso);
				assert.equal(compiled(ms + fraction), iso.slice(0, -1).replace("T", " "));
			}
		}),
	);
});
