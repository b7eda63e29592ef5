import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { StreamTable } from "./stream-table.ts";

test("streams are found by their numbers however they come and go", () => {
	// Each step opens a stream so many numbers further on, or ends one of those that are open.
	const steps = fc.array(fc.oneof(fc.record({ skip: fc.integer({ min: 1, max: 40 }) }), fc.record({ end: fc.nat() })), {
		maxLength: 200,
	});
	fc.assert(
		fc.property(steps, (list) => {
			const table = new StreamTable<{ readonly id: number }>();
			const map = new Map<number, { readonly id: number }>();
			let last = 1;
			for (const step of list) {
				if ("skip" in step) {
					last += 2 * step.skip;
					const stream = { id: last };
					table.add(stream);
					map.set(last, stream);
				} else {
					const ids = [...map.keys()];
					const id = ids[step.end % ids.length] ?? last + 2;
					table.delete(id);
					map.delete(id);
					assert.equal(table.get(id), undefined);
				}
				assert.equal(table.size, map.size);
				for (const [id, stream] of map) assert.equal(table.get(id), stream);
				assert.deepEqual(table.list(), [...map.values()]);
			}
		}),
	);
});
