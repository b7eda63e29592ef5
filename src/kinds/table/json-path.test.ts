import assert from "node:assert/strict";
import { test } from "node:test";
import { compileJsonPath } from "./json-path.ts";

const object = {
	spec: { hosts: ["a", "b"], "x.y": 1 },
	status: {
		conditions: [
			{ type: "Ready", status: "True" },
			{ type: "Programmed", status: "False" },
		],
	},
};

test("the paths of printer columns", () => {
	const at = (path: string) => compileJsonPath(path)(object);
	assert.deepEqual(at(".spec.hosts"), [["a", "b"]]);
	assert.deepEqual(at(".spec.hosts[1]"), ["b"]);
	assert.deepEqual(at("$.spec.hosts[*]"), ["a", "b"]);
	assert.deepEqual(at(".spec['x.y']"), [1]);
	assert.deepEqual(at(".spec.x\\.y"), [1]);
	assert.deepEqual(at('.status.conditions[?(@.type=="Programmed")].status'), ["False"]);
	assert.deepEqual(at(".spec.missing.deeper"), []);
});

test("what is not understood is refused", () => {
	assert.throws(() => compileJsonPath(".a..b"), SyntaxError);
	assert.throws(() => compileJsonPath(".a[?(@.b > 3)]"), SyntaxError);
});
