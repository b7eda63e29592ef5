import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../../../../test/support/eventually.ts";
import { type ApiServerFixture, startFixture } from "../fixture/api-server-fixture.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const foos = (version = "v1") => `/apis/x.io/${version}/namespaces/default/foos`;
const TABLE = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };

const definition = (properties: object = {}) => ({
	apiVersion: "apiextensions.k8s.io/v1",
	kind: "CustomResourceDefinition",
	metadata: { name: "foos.x.io" },
	spec: {
		group: "x.io",
		names: { plural: "foos", kind: "Foo" },
		scope: "Namespaced",
		versions: [
			version("v1", properties, {
				storage: true,
				additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
			}),
			version("v1beta1", {}, { deprecated: true }),
			version("v1alpha1", {}, { deprecated: true, deprecationWarning: "Foo of x.io/v1alpha1 goes away" }),
		],
	},
});

function version(name: string, more: object, own: object): object {
	const properties = { size: { type: "integer", default: 3 }, name: { type: "string" }, ...more };
	const spec = { type: "object", properties };
	return {
		name,
		served: true,
		storage: false,
		schema: { openAPIV3Schema: { type: "object", properties: { spec } } },
		...own,
	};
}

describe("custom resources", () => {
	let api: ApiServerFixture;
	before(async () => {
		api = await startFixture();
		await api.expect("POST", CRDS, definition());
		await eventually("the change", async () => (await api.send("GET", foos())).code === 200);
		await api.expect("POST", foos(), { apiVersion: "x.io/v1", kind: "Foo", metadata: { name: "f" }, spec: {} });
	});
	after(async () => {
		assert.deepEqual(api.problems, []);
		await api[Symbol.asyncDispose]();
	});

	test("a deprecated version warns, in its own words or in Kubernetes'", async () => {
		const warning = async (version: string) => (await api.send("GET", foos(version))).headers.warning;
		assert.equal(await warning("v1"), undefined);
		assert.equal(await warning("v1beta1"), '299 - "x.io/v1beta1 Foo is deprecated; use x.io/v1 Foo"');
		assert.equal(await warning("v1alpha1"), '299 - "Foo of x.io/v1alpha1 goes away"');
	});

	test("each version has columns of its own", async () => {
		const columns = async (version: string) => {
			const { json } = await api.send("GET", foos(version), undefined, TABLE);
			return (json as unknown as { columnDefinitions: { name: string }[] }).columnDefinitions.map(({ name }) => name);
		};
		assert.deepEqual(await columns("v1"), ["Name", "Size"]);
		assert.deepEqual(await columns("v1beta1"), ["Name", "Age"]);
	});

	test("an unknown field is refused with what was probably meant", async () => {
		const object = { apiVersion: "x.io/v1", kind: "Foo", metadata: { name: "g" }, spec: { nane: "x" } };
		const refused = await api.send("POST", `${foos()}?fieldValidation=Strict`, object);
		assert.equal(refused.code, 400);
		assert.equal(
			refused.json.message,
			'Foo in version "v1" cannot be handled as a Foo: strict decoding error: unknown field "spec.nane" (did you mean name)',
		);
		assert.equal((await api.send("GET", `${foos()}/g`)).code, 404);
	});

	test("metadata is typed as everywhere", async () => {
		const object = { apiVersion: "x.io/v1", kind: "Foo", metadata: { name: "g", labels: { a: 5 } }, spec: {} };
		const refused = await api.send("POST", foos(), object);
		assert.equal(refused.code, 400);
		assert.match(refused.json.message ?? "", /cannot unmarshal number into Go struct field ObjectMeta.metadata.labels/);
	});

	test("a default that came later is seen in what was stored before, in every form", async () => {
		const crd = await api.expect("GET", `${CRDS}/foos.x.io`);
		const color = { color: { type: "string", default: "red" } };
		await api.expect("PUT", `${CRDS}/foos.x.io`, { ...crd, spec: definition(color).spec });
		const spec = { size: 3, color: "red" };
		await eventually("the change", async () => "color" in ((await api.expect("GET", `${foos()}/f`)).spec as object));
		assert.deepEqual((await api.expect("GET", `${foos()}/f`)).spec, spec);
		assert.deepEqual((await api.send("GET", foos())).json.items?.[0]?.spec, spec);
		const watch = await api.watch(`${foos()}?watch=true`);
		assert.deepEqual((await watch.next())?.object.spec, spec);
		watch.close();
		const { metadata } = await api.expect("GET", `${foos()}/f`);
		const same = await api.expect("PATCH", `${foos()}/f`, {}, { "content-type": "application/merge-patch+json" });
		assert.equal(same.metadata.resourceVersion, metadata.resourceVersion);
	});
});
