import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { builtInSchema } from "../../../kinds/schema/built-in-schemas.ts";
import { ApiError } from "../http/api-error.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { applyStrategicMerge } from "./strategic-merge.ts";

// The cases of RFC 7386, appendix A.
const MERGE_CASES: [unknown, unknown, unknown][] = [
	[{ a: "b" }, { a: "c" }, { a: "c" }],
	[{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
	[{ a: "b" }, { a: null }, {}],
	[{ a: "b", b: "c" }, { a: null }, { b: "c" }],
	[{ a: ["b"] }, { a: "c" }, { a: "c" }],
	[{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
	[{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
	[{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
	[
		["a", "b"],
		["c", "d"],
		["c", "d"],
	],
	[{ a: "b" }, ["c"], ["c"]],
	[{ a: "foo" }, null, null],
	[{ a: "foo" }, "bar", "bar"],
	[{ e: null }, { a: 1 }, { e: null, a: 1 }],
	[[1, 2], { a: "b", c: null }, { a: "b" }],
	[{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test("merge patch as in RFC 7386", () => {
	for (const [target, patch, result] of MERGE_CASES) {
		const before = structuredClone(target);
		assert.deepEqual(applyMergePatch(target, patch), result);
		assert.deepEqual(target, before);
	}
});

test("merge patch: applying twice is applying once", () => {
	fc.assert(
		fc.property(fc.jsonValue(), fc.jsonValue(), (target, patch) => {
			const once = applyMergePatch(target, patch);
			assert.deepEqual(applyMergePatch(once, patch), once);
		}),
	);
});

test("a patch cannot reach prototypes", () => {
	applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":1}}'));
	assert.equal(({} as { polluted?: number }).polluted, undefined);
	assert.throws(() => applyJsonPatch({}, [{ op: "add", path: "/__proto__/polluted", value: 1 }]), ApiError);
});

test("JSON patch: applied to a copy; a failed test or a missing path is 422, rubbish 400", () => {
	const target = { a: { b: 1 } };
	const patched = applyJsonPatch(target, [
		{ op: "test", path: "/a/b", value: 1 },
		{ op: "replace", path: "/a/b", value: 2 },
		{ op: "add", path: "/c", value: [] },
	]);
	assert.deepEqual(patched, { a: { b: 2 }, c: [] });
	assert.deepEqual(target, { a: { b: 1 } });
	const codeOf = (patch: unknown) => {
		try {
			applyJsonPatch(target, patch);
		} catch (error) {
			return (error as ApiError).status.code;
		}
		return undefined;
	};
	assert.equal(codeOf([{ op: "test", path: "/a/b", value: 3 }]), 422);
	assert.equal(codeOf([{ op: "replace", path: "/x/y", value: 3 }]), 422);
	assert.equal(codeOf({ op: "add" }), 400);
});

const DEPLOYMENT = builtInSchema("io.k8s.api.apps.v1.Deployment");

function podSpec(object: Record<string, unknown>): Record<string, unknown> {
	const { spec } = object as { spec: { template: { spec: Record<string, unknown> } } };
	return spec.template.spec;
}

function withContainers(...containers: unknown[]): Record<string, unknown> {
	return { spec: { replicas: 1, template: { spec: { containers } } } };
}

test("strategic merge: containers by name, ports by containerPort, order kept, others untouched", () => {
	const live = withContainers(
		{ name: "a", image: "a:1", ports: [{ containerPort: 80, name: "http" }] },
		{ name: "b", image: "b:1" },
	);
	const patched = applyStrategicMerge(
		live,
		withContainers(
			{ name: "b", image: "b:2" },
			{ name: "a", ports: [{ containerPort: 90 }] },
			{ name: "c", image: "c" },
		),
		DEPLOYMENT,
	);
	assert.deepEqual(podSpec(patched).containers, [
		{ name: "a", image: "a:1", ports: [{ containerPort: 80, name: "http" }, { containerPort: 90 }] },
		{ name: "b", image: "b:2" },
		{ name: "c", image: "c" },
	]);
	assert.equal((podSpec(live).containers as unknown[]).length, 2);
});

test("strategic merge: $patch delete and replace of list items", () => {
	const live = withContainers({ name: "a", image: "a:1" }, { name: "b", image: "b:1" });
	const deleted = applyStrategicMerge(live, withContainers({ $patch: "delete", name: "a" }), DEPLOYMENT);
	assert.deepEqual(podSpec(deleted).containers, [{ name: "b", image: "b:1" }]);
	const replaced = applyStrategicMerge(live, withContainers({ $patch: "replace" }, { name: "z" }), DEPLOYMENT);
	assert.deepEqual(podSpec(replaced).containers, [{ name: "z" }]);
});

test("strategic merge: $setElementOrder as kubectl apply sends it", () => {
	const live = withContainers({ name: "a" }, { name: "server" }, { name: "b" });
	const patch = {
		spec: {
			template: {
				spec: {
					"$setElementOrder/containers": [{ name: "b" }, { name: "new" }, { name: "a" }],
					containers: [{ name: "new" }],
				},
			},
		},
	};
	const names = (podSpec(applyStrategicMerge(live, patch, DEPLOYMENT)).containers as { name: string }[]).map(
		(container) => container.name,
	);
	assert.deepEqual(names, ["server", "b", "new", "a"]);
});

test("strategic merge: primitive lists, $deleteFromPrimitiveList, atomic lists, $retainKeys, null", () => {
	const live = {
		metadata: { finalizers: ["x", "y"], labels: { a: "1", b: "2" } },
		spec: {
			strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } },
			template: { spec: { containers: [] } },
		},
	};
	const patched = applyStrategicMerge(
		live,
		{
			metadata: { finalizers: ["y", "z"], "$deleteFromPrimitiveList/finalizers": ["x"], labels: { a: null } },
			spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } },
		},
		DEPLOYMENT,
	);
	assert.deepEqual(patched.metadata, { finalizers: ["y", "z"], labels: { b: "2" } });
	assert.deepEqual((patched.spec as Record<string, unknown>).strategy, { type: "Recreate" });
	const args = applyStrategicMerge(
		withContainers({ name: "a", args: ["1", "2"] }),
		withContainers({ name: "a", args: ["3"] }),
		DEPLOYMENT,
	);
	assert.deepEqual(podSpec(args).containers, [{ name: "a", args: ["3"] }]);
});

test("strategic merge: an item without its merge key is refused", () => {
	assert.throws(() => applyStrategicMerge({}, withContainers({ image: "x" }), DEPLOYMENT), /merge key: name/);
	assert.throws(() => applyStrategicMerge({}, { spec: { $patch: "foo" } }, DEPLOYMENT), /Unknown patch type/);
});
