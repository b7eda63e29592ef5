import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KubeObject } from "../../../kinds/object.ts";
import { builtInSchema } from "../../../kinds/schema/built-in-schemas.ts";
import { differences, fieldsOf, intersectWith, isEqual, subtract, union } from "./field-set.ts";
import { type ManagedFieldsEntry, recordUpdate } from "./record-update.ts";

const DEPLOYMENT = builtInSchema("io.k8s.api.apps.v1.Deployment");
const by = (manager: string, subresource = "") => ({
	manager,
	apiVersion: "apps/v1",
	subresource,
	writesStatus: subresource === "status",
	time: "2026-11-20T12:00:00Z",
});

function deployment(image: string, extra: Record<string, unknown> = {}): KubeObject {
	return {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: "web", namespace: "default", labels: { app: "web" }, uid: "u" },
		spec: {
			replicas: 1,
			selector: { matchLabels: { app: "web" } },
			template: {
				metadata: { labels: { app: "web" } },
				spec: { containers: [{ name: "web", image, ports: [{ containerPort: 80 }] }] },
			},
			...extra,
		},
	};
}

function write(live: KubeObject | undefined, next: KubeObject, manager: string, subresource = ""): KubeObject {
	const managedFields = live?.metadata.managedFields ?? [];
	const object = { ...next, metadata: { ...next.metadata, managedFields } };
	return {
		...object,
		metadata: { ...object.metadata, managedFields: recordUpdate(live, object, DEPLOYMENT, by(manager, subresource)) },
	};
}

function entry(object: KubeObject, manager: string): ManagedFieldsEntry | undefined {
	return (object.metadata.managedFields as ManagedFieldsEntry[]).find((one) => one.manager === manager);
}

test("the first writer owns everything, in Kubernetes' form", () => {
	const created = write(undefined, deployment("web:1"), "kubectl-create");
	assert.deepEqual(entry(created, "kubectl-create"), {
		manager: "kubectl-create",
		operation: "Update",
		apiVersion: "apps/v1",
		time: "2026-11-20T12:00:00Z",
		fieldsType: "FieldsV1",
		fieldsV1: {
			"f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
			"f:spec": {
				"f:replicas": {},
				"f:selector": {},
				"f:template": {
					"f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
					"f:spec": {
						"f:containers": {
							'k:{"name":"web"}': {
								".": {},
								"f:image": {},
								"f:name": {},
								"f:ports": {
									".": {},
									'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} },
								},
							},
						},
					},
				},
			},
		},
	});
});

test("a second writer takes over what it changes; what goes is owned by nobody", () => {
	const created = write(undefined, deployment("web:1", { paused: true }), "first");
	const changed = write(created, deployment("web:2"), "second");
	assert.deepEqual(entry(changed, "second")?.fieldsV1, {
		"f:spec": { "f:template": { "f:spec": { "f:containers": { 'k:{"name":"web"}': { "f:image": {} } } } } },
	});
	const first = JSON.stringify(entry(changed, "first")?.fieldsV1);
	assert.doesNotMatch(first, /f:image|f:paused/);
	assert.match(first, /f:replicas/);
});

test("a write that changes nothing leaves the entries alone; status has its own entry", () => {
	const created = write(undefined, deployment("web:1"), "first");
	assert.deepEqual(
		write(created, deployment("web:1"), "second").metadata.managedFields,
		created.metadata.managedFields,
	);
	const withStatus = { ...created, status: { replicas: 1 } };
	const updated = write(created, withStatus, "first", "status");
	assert.deepEqual(
		(updated.metadata.managedFields as ManagedFieldsEntry[]).map((one) => [one.manager, one.subresource]),
		[
			["first", undefined],
			["first", "status"],
		],
	);
});

test("at most ten Update managers are told apart", () => {
	let live = write(undefined, deployment("web:0"), "m0");
	for (let n = 1; n < 20; n++) {
		const next = deployment("web:0");
		next.metadata.annotations = { ...live.metadata.annotations, [`k${n}`]: String(n) };
		live = write(live, next, `m${n}`);
	}
	assert.equal(live.metadata.managedFields?.length, 10);
	assert.ok(entry(live, "ancient-changes"));
});

test("laws of field sets: nothing differs from itself, a value's fields are all there, taking all away leaves nothing", () => {
	const value = fc.dictionary(fc.string(), fc.jsonValue());
	fc.assert(
		fc.property(value, value, (a, b) => {
			assert.deepEqual(differences(a, structuredClone(a), undefined), {});
			const fields = fieldsOf(a, undefined);
			assert.deepEqual(intersectWith(fields, fields), fields);
			assert.deepEqual(subtract(fields, fields), {});
			assert.deepEqual(union(fields, {}), fields);
			assert.equal(isEqual(a, b), isEqual(b, a));
		}),
	);
});
