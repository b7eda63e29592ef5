import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ClusterName, formatClusterName, parseClusterName } from "./cluster-name.ts";

const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
const clusterName: fc.Arbitrary<ClusterName> = fc.record({
	direction: fc.constantFrom("outbound" as const, "inbound" as const),
	port: fc.integer({ min: 0, max: 65_535 }),
	subset: fc.oneof(fc.constant(""), label),
	host: fc.array(label, { maxLength: 5 }).map((labels) => labels.join(".")),
});

test("a cluster name read back is the one that was written", () => {
	fc.assert(
		fc.property(clusterName, (name) => assert.deepEqual(parseClusterName(formatClusterName(name)), { ...name })),
	);
});

test("other names are not taken for a service's", () => {
	for (const text of ["BlackHoleCluster", "outbound|80|x", "outbound|080||x", "outbound|80||x|y", "sideways|80||x", ""])
		assert.equal(parseClusterName(text), undefined, text);
});
