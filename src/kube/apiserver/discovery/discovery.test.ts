import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type ApiServerFixture, startFixture } from "../fixture/api-server-fixture.ts";

let api: ApiServerFixture;
before(async () => {
	api = await startFixture();
});
after(async () => {
	assert.deepEqual(api.problems, []);
	await api[Symbol.asyncDispose]();
});

const V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

interface Aggregated {
	apiVersion: string;
	items: {
		metadata: { name?: string };
		versions: { version: string; resources: { resource: string; shortNames?: string[]; subresources?: object[] }[] }[];
	}[];
}

async function aggregated(root: string, accept: string): Promise<Aggregated> {
	return (await api.send("GET", root, undefined, { accept })).json as unknown as Aggregated;
}

const crd = (group: string, plural: string, kind: string): object => ({
	apiVersion: "apiextensions.k8s.io/v1",
	kind: "CustomResourceDefinition",
	metadata: { name: `${plural}.${group}` },
	spec: {
		group,
		scope: "Namespaced",
		names: { plural, kind },
		versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
	},
});

test("the version that was asked for is answered, with its parameters; 304 for what is known", async () => {
	for (const [accept, apiVersion] of [
		[`${V2},${V2BETA1},application/json`, "v2"],
		[V2BETA1, "v2beta1"],
	]) {
		const answer = await api.send("GET", "/apis", undefined, { accept: accept! });
		assert.equal(answer.headers["content-type"], accept!.split(",")[0]);
		assert.equal(answer.json.apiVersion, `apidiscovery.k8s.io/${apiVersion}`);
		const again = await api.send("GET", "/apis", undefined, {
			accept: accept!,
			"if-none-match": String(answer.headers.etag),
		});
		assert.equal(again.code, 304);
	}
	assert.equal((await api.send("GET", "/apis")).json.kind, "APIGroupList");
	assert.equal((await api.send("GET", "/api")).json.kind, "APIVersions");
	assert.equal((await api.send("GET", "/apis/apps")).json.kind, "APIGroup");
	assert.equal((await api.send("GET", "/apis/nope")).code, 404);
	assert.equal((await api.send("GET", "/apis/apps/v9")).code, 404);
});

test("core has no group name; short names, categories and subresources are told", async () => {
	const core = await aggregated("/api", V2);
	assert.equal(core.items.length, 1);
	assert.equal(core.items[0]?.metadata.name, undefined);
	const pods = core.items[0]?.versions[0]?.resources.find(({ resource }) => resource === "pods");
	assert.deepEqual(pods?.shortNames, ["po"]);
	const list = (await api.send("GET", "/api/v1")).json as unknown as {
		resources: { name: string; kind: string; group?: string }[];
	};
	const eviction = list.resources.find(({ name }) => name === "pods/eviction");
	assert.deepEqual([eviction?.kind, eviction?.group], ["Eviction", "policy"]);
	const apps = (await api.send("GET", "/apis/apps/v1")).json as unknown as typeof list;
	assert.equal(apps.resources.find(({ name }) => name === "deployments/scale")?.group, "autoscaling");
});

test("a CRD is served before it says Established, by name order, and gone with its objects", async () => {
	await api.expect(
		"POST",
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
		crd("gateway.networking.k8s.io", "gateways", "Gateway"),
	);
	const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.gateway.networking.k8s.io";
	const reader = await api.watch(
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions?watch=true&fieldSelector=metadata.name%3Dgateways.gateway.networking.k8s.io",
	);
	for (;;) {
		const event = await reader.next();
		const conditions = (event?.object.status as { conditions?: { type: string; status: string }[] } | undefined)
			?.conditions;
		if (conditions?.some(({ type, status }) => type === "Established" && status === "True")) break;
	}
	const groups = (await aggregated("/apis", V2)).items.map(({ metadata }) => metadata.name);
	assert.ok(groups.indexOf("gateway.networking.k8s.io") < groups.indexOf("networking.istio.io"));
	const body = { apiVersion: "gateway.networking.k8s.io/v1", kind: "Gateway", metadata: { name: "g" } };
	const objects = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways";
	await api.expect("POST", objects, body);
	const noVersion = await api.send("PUT", `${objects}/g`, body);
	assert.equal(noVersion.code, 422);
	assert.equal(
		noVersion.json.message,
		'Gateway.gateway.networking.k8s.io "g" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
	);
	const protobuf = await api.send("POST", objects, "k8s\0", { "content-type": "application/vnd.kubernetes.protobuf" });
	assert.equal(
		protobuf.json.message,
		"the body of the request was in an unknown format - accepted media types include: application/json, application/yaml",
	);
	await api.expect("DELETE", path);
	for (let event = await reader.next(); event?.type !== "DELETED"; event = await reader.next()) assert.ok(event);
	reader.close();
	assert.equal((await api.send("GET", objects)).code, 404);
	assert.equal(
		(await aggregated("/apis", V2)).items.some(({ metadata }) => metadata.name === "gateway.networking.k8s.io"),
		false,
	);
});

test("a CRD that takes another's name is not served", async () => {
	const second = crd("networking.istio.io", "others", "VirtualService");
	await api.expect("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", second);
	const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/others.networking.istio.io";
	const reader = await api.watch(`${path}?watch=true`);
	for (;;) {
		const event = await reader.next();
		const { conditions = [] } = (event?.object.status ?? {}) as {
			conditions?: { type: string; status: string; reason: string }[];
		};
		if (conditions.length === 0) continue;
		assert.deepEqual(
			conditions.map(({ status, reason }) => `${status} ${reason}`),
			["False SingularConflict", "False NotAccepted"],
		);
		break;
	}
	reader.close();
	assert.equal((await api.send("GET", "/apis/networking.istio.io/v1/others")).code, 404);
});

test("OpenAPI v3: every group-version has a hashed, immutable document whose patch takes fieldValidation", async () => {
	const root = (await api.send("GET", "/openapi/v3")).json as unknown as {
		paths: Record<string, { serverRelativeURL: string }>;
	};
	const url = root.paths["apis/networking.istio.io/v1"]!.serverRelativeURL;
	assert.match(url, /^\/openapi\/v3\/apis\/networking\.istio\.io\/v1\?hash=/);
	const document = await api.send("GET", url);
	assert.equal(document.headers["cache-control"], "public, immutable");
	assert.ok(document.headers.expires);
	const { paths } = document.json as unknown as {
		paths: Record<string, { patch?: { parameters?: { name: string }[] } }>;
	};
	const patch = paths["/apis/networking.istio.io/v1/namespaces/{namespace}/virtualservices/{name}"]?.patch;
	assert.ok(patch?.parameters?.some(({ name }) => name === "fieldValidation"));
	const moved = await api.send("GET", "/openapi/v3/api/v1?hash=old");
	assert.equal(moved.code, 301);
	assert.equal(moved.headers.location, root.paths["api/v1"]!.serverRelativeURL);
	assert.equal((await api.send("GET", "/openapi/v3/apis/nope/v1")).code, 404);
	assert.equal((await api.send("GET", "/openapi/v2", undefined, { accept: "application/json" })).code, 404);
});
