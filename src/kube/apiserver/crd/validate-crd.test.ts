import assert from "node:assert/strict";
import { test } from "node:test";
import { formatFieldError } from "../../../kinds/field-error.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import { findNameConflict, wantedStatus } from "./crd-status.ts";
import { validateCrd, warnOfCrd } from "./validate-crd.ts";

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

const texts = (object: KubeObject, old?: KubeObject) => validateCrd(object, old).map(formatFieldError);

test("a structural CRD is valid; CEL rules are warned of by name", () => {
	const schema = {
		type: "object",
		properties: {
			spec: {
				type: "object",
				properties: {
					port: { "x-kubernetes-int-or-string": true },
					list: { type: "array", items: { type: "string" } },
				},
				"x-kubernetes-validations": [{ rule: "true" }],
			},
		},
	};
	assert.deepEqual(texts(crd({}, schema)), []);
	assert.match(warnOfCrd(crd({}, schema))[0] ?? "", /foos\.example\.com: x-kubernetes-validations .* not evaluated/);
	assert.deepEqual(warnOfCrd(crd()), []);
});

test("names, versions and conversion are checked with Kubernetes' texts", () => {
	const wrong = crd({ conversion: { strategy: "Webhook" }, scope: "Galaxy" });
	wrong.metadata.name = "bars.example.com";
	assert.deepEqual(texts(wrong), [
		'spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"',
		'metadata.name: Invalid value: "bars.example.com": must be spec.names.plural+"."+spec.group',
		"spec.conversion.strategy: Forbidden: conversion webhooks are not supported by this server yet: use None",
	]);
	const version = { name: "v1", served: true, storage: false, schema: { openAPIV3Schema: { type: "object" } } };
	assert.deepEqual(texts(crd({ versions: [version, version] })), [
		'spec.versions[1].name: Duplicate value: "v1"',
		'spec.versions: Invalid value: ["v1","v1"]: must have exactly one version marked as storage version',
	]);
	assert.deepEqual(texts(crd({ scope: "Cluster" }), crd()), [
		'spec.scope: Invalid value: "Cluster": field is immutable',
	]);
});

test("schemas that are not structural are refused with the path", () => {
	const schema = {
		type: "object",
		properties: {
			spec: { type: "object", properties: { a: { description: "no type" }, b: { type: "array" } } },
			c: { $ref: "#/x", type: "string" },
		},
	};
	const at = "spec.versions[0].schema.openAPIV3Schema.properties";
	assert.deepEqual(texts(crd({}, schema)), [
		`${at}[spec].properties[a].type: Required value: must not be empty for specified object fields`,
		`${at}[spec].properties[b].items: Required value: must be specified`,
		`${at}[c].$ref: Forbidden: $ref is not supported`,
	]);
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
