import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Roster } from "./roster.ts";

test("a roster holds what a Set would", () => {
	const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(9)));
	fc.assert(
		fc.property(steps, (list) => {
			const members = Array.from({ length: 10 }, () => ({ rosterPlace: -1 }));
			const roster = new Roster<{ rosterPlace: number }>();
			const set = new Set<object>();
			for (const [comes, i] of list) {
				const member = members[i]!;
				if (comes) {
					roster.add(member);
					set.add(member);
				} else {
					roster.delete(member);
					set.delete(member);
				}
				assert.equal(roster.size, set.size);
				assert.deepEqual(new Set(roster.list()), set);
			}
		}),
	);
});

test("a member of another roster is left alone", () => {
	const member = { rosterPlace: -1 };
	const home = new Roster<{ rosterPlace: number }>();
	home.add(member);
	new Roster<{ rosterPlace: number }>().delete(member);
	assert.deepEqual(home.list(), [member]);
});
