import assert from "node:assert/strict";
import { test } from "node:test";
import { allKinds } from "../catalogue.ts";
import { openApiDocument } from "./openapi-document.ts";

interface Document {
	readonly paths: Record<
		string,
		{ patch?: { parameters: { name: string }[]; "x-kubernetes-group-version-kind": object } }
	>;
	readonly components: { readonly schemas: Record<string, { properties?: Record<string, { description?: string }> }> };
}

const documentOf = (group: string, version: string) => openApiDocument(allKinds, group, version) as unknown as Document;

test("kubectl finds a patch operation with fieldValidation for every kind", () => {
	const { paths } = documentOf("networking.istio.io", "v1");
	const patch = paths["/apis/networking.istio.io/v1/namespaces/{namespace}/virtualservices/{name}"]?.patch;
	assert.deepEqual(patch?.["x-kubernetes-group-version-kind"], {
		group: "networking.istio.io",
		kind: "VirtualService",
		version: "v1",
	});
	assert.ok(patch?.parameters.some(({ name }) => name === "fieldValidation"));
	assert.ok(documentOf("", "v1").paths["/api/v1/namespaces/{name}"]?.patch);
});

test("every reference leads to a schema of the same document", () => {
	for (const [group, version] of [
		["", "v1"],
		["apps", "v1"],
		["apiextensions.k8s.io", "v1"],
		["networking.istio.io", "v1beta1"],
	] as const) {
		const document = documentOf(group, version);
		const names = new Set(Object.keys(document.components.schemas));
		for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
			assert.ok(names.has(name!), name);
	}
});

test("each Istio field explains itself", () => {
	const schema = documentOf("networking.istio.io", "v1").components.schemas["io.istio.networking.v1.DestinationRule"];
	const missing: string[] = [];
	const visit = (node: Record<string, unknown>, path: string): void => {
		for (const [name, child] of Object.entries((node.properties ?? {}) as Record<string, Record<string, unknown>>)) {
			if (name !== "metadata" && typeof child.description !== "string") missing.push(`${path}.${name}`);
			visit(child, `${path}.${name}`);
		}
		if (typeof node.items === "object" && node.items) visit(node.items as Record<string, unknown>, `${path}[]`);
	};
	visit(schema as Record<string, unknown>, "");
	assert.deepEqual(missing, []);
});
