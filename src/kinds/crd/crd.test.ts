import assert from "node:assert/strict";
import { test } from "node:test";
import { findKind, schemaOf } from "../catalogue.ts";
import { formatFieldError } from "../field-error.ts";
import { istioCrds } from "../istio/istio-crds.ts";
import type { KubeObject } from "../object.ts";
import { applyDefaults, validateObject } from "../object-pipeline.ts";
import { findUnknownFields } from "../schema/unknown-fields.ts";
import { kindOfCrd } from "./kind-of-crd.ts";

const crdKind = findKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")!;

function crd(spec: Record<string, unknown> = {}, name = "widgets.example.com"): KubeObject {
	const schema = {
		openAPIV3Schema: {
			type: "object",
			properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
		},
	};
	const object: KubeObject = {
		apiVersion: "apiextensions.k8s.io/v1",
		kind: "CustomResourceDefinition",
		metadata: { name },
		spec: {
			group: "example.com",
			scope: "Namespaced",
			names: { plural: "widgets", kind: "Widget", shortNames: ["wd"] },
			versions: [{ name: "v1", served: true, storage: true, schema }],
			...spec,
		},
	};
	applyDefaults(crdKind, "v1", object);
	return object;
}

const errorsOf = (object: KubeObject) => validateObject(crdKind, "v1", object).errors.map(formatFieldError);

test("the CRDs of Istio's kinds are valid and describe the same kinds", () => {
	for (const object of istioCrds()) {
		assert.deepEqual(findUnknownFields(schemaOf(crdKind, "v1"), object), [], object.metadata.name);
		applyDefaults(crdKind, "v1", object);
		assert.deepEqual(errorsOf(object), [], object.metadata.name);
		const kind = kindOfCrd(object)!;
		const own = findKind(kind.group, kind.versions[0]!, kind.kind)!;
		assert.deepEqual(kind.versions, own.versions);
		assert.deepEqual(
			kind.columns.map(({ name }) => name),
			own.columns.map(({ name }) => name),
		);
		assert.deepEqual(kind.shortNames, own.shortNames);
	}
});

test("names that follow from the kind are filled in", () => {
	const names = (crd().spec as { names: Record<string, unknown> }).names;
	assert.equal(names.singular, "widget");
	assert.equal(names.listKind, "WidgetList");
	assert.deepEqual(errorsOf(crd()), []);
});

test("a CRD's name is its plural and group", () => {
	assert.deepEqual(errorsOf(crd({}, "other.example.com")), [
		'metadata.name: Invalid value: "other.example.com": must be spec.names.plural+"."+spec.group',
	]);
});

test("schemas must be structural", () => {
	const schema = {
		openAPIV3Schema: { type: "object", properties: { spec: { properties: {} }, list: { type: "array" } } },
	};
	assert.deepEqual(errorsOf(crd({ versions: [{ name: "v1", served: true, storage: true, schema }] })), [
		"spec.versions[0].schema.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields",
		"spec.versions[0].schema.openAPIV3Schema.properties[list].items: Required value: must be specified",
	]);
});

test("patterns must be RE2 expressions", () => {
	const schema = { openAPIV3Schema: { type: "object", properties: { a: { type: "string", pattern: "(?=x)" } } } };
	const errors = errorsOf(crd({ versions: [{ name: "v1", served: true, storage: true, schema }] }));
	assert.match(
		errors[0]!,
		/^spec\.versions\[0\]\.schema\.openAPIV3Schema\.properties\[a\]\.pattern: Invalid value: "\(\?=x\)"/,
	);
});

test("exactly one version is stored", () => {
	const schema = { openAPIV3Schema: { type: "object" } };
	const versions = ["v1", "v2"].map((name) => ({ name, served: true, storage: true, schema }));
	assert.deepEqual(errorsOf(crd({ versions })), [
		'spec.versions: Invalid value: ["v1","v2"]: must have exactly one version marked as storage version',
	]);
});

test("served versions are ordered by stability and number", () => {
	const schema = { openAPIV3Schema: { type: "object" } };
	const names = ["v1alpha1", "v1", "v2beta1", "v2", "zeta", "v1beta2"];
	const versions = names.map((name, i) => ({ name, served: true, storage: i === 0, schema }));
	assert.deepEqual(kindOfCrd(crd({ versions }))?.versions, ["v2", "v1", "v2beta1", "v1beta2", "v1alpha1", "zeta"]);
});

test("custom objects are validated by their CRD's schema", () => {
	const kind = kindOfCrd(crd())!;
	const widget: KubeObject = {
		apiVersion: "example.com/v1",
		kind: "Widget",
		metadata: { name: "w", namespace: "default" },
		spec: { size: "big" },
	};
	assert.deepEqual(validateObject(kind, "v1", widget).errors.map(formatFieldError), [
		'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
	]);
	assert.deepEqual(findUnknownFields(schemaOf(kind, "v1"), { ...widget, spec: { colour: 1 } }), ["spec.colour"]);
});

test("columns show missing values as null and lists as JSON", () => {
	const columns = [
		{ name: "Hosts", type: "string", jsonPath: ".spec.hosts" },
		{ name: "Size", type: "integer", jsonPath: ".spec.size" },
	];
	const schema = { openAPIV3Schema: { type: "object" } };
	const kind = kindOfCrd(
		crd({ versions: [{ name: "v1", served: true, storage: true, schema, additionalPrinterColumns: columns }] }),
	)!;
	const widget: KubeObject = {
		apiVersion: "example.com/v1",
		kind: "Widget",
		metadata: { name: "w" },
		spec: { hosts: ["*"] },
	};
	assert.deepEqual(
		kind.columns.map((column) => column.get(widget, 0)),
		["w", '["*"]', null],
	);
});
