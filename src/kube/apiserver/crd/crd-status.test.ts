import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../../kinds/object.ts";
import { findNameConflict, wantedStatus } from "./crd-status.ts";
import { warnOfCrd } from "./crd-write.ts";

function crd(spec: Record<string, unknown> = {}, schema: unknown = { type: "object" }): KubeObject {
	return {
		apiVersion: "apiextensions.k8s.io/v1",
		kind: "CustomResourceDefinition",
		metadata: { name: "foos.example.com" },
		spec: {
			group: "example.com",
			scope: "Namespaced",
			names: { plural: "foos", kind: "Foo", singular: "foo", listKind: "FooList", shortNames: ["fo"] },
			versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } }],
			...spec,
		},
	};
}

test("CEL rules are warned of by name", () => {
	const rules = {
		type: "object",
		properties: { spec: { type: "object", "x-kubernetes-validations": [{ rule: "true" }] } },
	};
	assert.match(warnOfCrd(crd({}, rules))[0] ?? "", /foos\.example\.com: x-kubernetes-validations .* not evaluated/);
	assert.deepEqual(warnOfCrd(crd()), []);
});

test("a CRD whose names are taken is not established", () => {
	const taken = [{ plural: "bars", kind: "Bar", singular: "bar", shortNames: ["fo"] }];
	const conflict = findNameConflict({ plural: "foos", kind: "Foo", shortNames: ["fo"] }, taken);
	assert.deepEqual(conflict, { reason: "ShortNamesConflict", message: '"fo" is already in use' });
	const status = wantedStatus(crd(), conflict, "2026-11-20T12:00:00Z");
	assert.deepEqual(
		status.conditions?.map(({ type, status: is, reason }) => [type, is, reason]),
		[
			["NamesAccepted", "False", "ShortNamesConflict"],
			["Established", "False", "NotAccepted"],
		],
	);
	assert.deepEqual(status.storedVersions, ["v1"]);
	const free = wantedStatus(crd(), undefined, "2026-11-20T12:00:00Z");
	assert.deepEqual(
		free.conditions?.map(({ status: is }) => is),
		["True", "True"],
	);
	assert.deepEqual(free.acceptedNames, (crd().spec as { names: unknown }).names);
});
