import assert from "node:assert/strict";
import { test } from "node:test";
import {
	allKinds,
	builtinKinds,
	customKinds,
	findKind,
	findKindByWord,
	findResource,
	refOf,
	schemaOf,
} from "./catalogue.ts";
import { refs } from "./refs.ts";
import { resolveSchema } from "./schema/built-in-schemas.ts";

test("every kind has a schema, a name column and verbs in each version", () => {
	for (const kind of allKinds) {
		assert.ok(kind.verbs.length > 0, kind.kind);
		assert.ok(
			kind.columns.some(({ name }) => name === "Name"),
			kind.kind,
		);
		for (const version of kind.versions) assert.equal(resolveSchema(schemaOf(kind, version)).type, "object", kind.kind);
	}
	assert.equal(builtinKinds.length, 54);
	assert.equal(customKinds.length, 14);
});

test("no two kinds share a resource of one group", () => {
	const names = allKinds.map(({ group, plural }) => `${plural}.${group}`);
	assert.equal(new Set(names).size, names.length);
});

test("reference constants name resources that exist, with their scope", () => {
	for (const reference of Object.values(refs)) {
		const kind = findResource(reference.group, reference.version, reference.plural);
		assert.deepEqual(kind && refOf(kind, reference.version), reference);
	}
});

test("kinds are found by the words that people type", () => {
	const found = (word: string) => findKindByWord(word)?.kind;
	assert.equal(found("po"), "Pod");
	assert.equal(found("Pods"), "Pod");
	assert.equal(found("deployments.apps"), "Deployment");
	assert.equal(found("VirtualService"), "VirtualService");
	assert.equal(found("vs"), "VirtualService");
	assert.equal(found("dr.networking.istio.io"), "DestinationRule");
	assert.equal(found("virtualservices.v1alpha3.networking.istio.io"), "VirtualService");
	assert.equal(findKindByWord("events")?.group, "");
	assert.equal(findKindByWord("events.events.k8s.io")?.group, "events.k8s.io");
	assert.equal(found("nothing"), undefined);
});

test("kinds are found by what objects say", () => {
	assert.equal(findKind("networking.istio.io", "v1beta1", "Gateway")?.plural, "gateways");
	assert.equal(findKind("autoscaling", "v1", "HorizontalPodAutoscaler")?.storageVersion, "v2");
	assert.equal(findKind("networking.istio.io", "v2", "Gateway"), undefined);
});
