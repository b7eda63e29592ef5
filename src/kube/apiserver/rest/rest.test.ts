import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { KubeObject } from "../../../kinds/object.ts";
import { type ApiServerFixture, startFixture } from "../fixture/api-server-fixture.ts";

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const MERGE = { "content-type": "application/merge-patch+json" };

let api: ApiServerFixture;
before(async () => {
	api = await startFixture();
});
after(async () => {
	assert.deepEqual(api.problems, []);
	await api[Symbol.asyncDispose]();
});

function configMap(name: string, data: Record<string, string> = {}, metadata: object = {}): object {
	return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data };
}

describe("objects", () => {
	test("create fills what the server owns, get answers the same, a second create is AlreadyExists", async () => {
		const created = await api.send("POST", CONFIG_MAPS, configMap("a", { k: "v" }));
		assert.equal(created.code, 201);
		const { metadata, kind, apiVersion } = created.json;
		assert.equal(`${apiVersion} ${kind}`, "v1 ConfigMap");
		assert.match(metadata.uid ?? "", /^[0-9a-f-]{36}$/);
		assert.match(metadata.creationTimestamp ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
		assert.deepEqual(await api.expect("GET", `${CONFIG_MAPS}/a`), created.json);
		const again = await api.send("POST", CONFIG_MAPS, configMap("a"));
		assert.equal(again.code, 409);
		assert.equal(again.json.reason, "AlreadyExists");
		assert.equal(again.json.message, 'configmaps "a" already exists');
	});

	test("wrong creates change nothing and say what is wrong", async () => {
		const refusals: [unknown, number, string | RegExp][] = [
			[configMap("b", {}, { resourceVersion: "1" }), 400, "resourceVersion should not be set on objects to be created"],
			[
				configMap("b", {}, { namespace: "other" }),
				400,
				"the namespace of the provided object does not match the namespace sent on the request",
			],
			[{ ...configMap("b"), kind: "Secret" }, 400, /Secret in version "v1" cannot be handled as a ConfigMap/],
			[
				{ ...configMap("b"), apiVersion: "v2" },
				400,
				"the API version in the data (v2) does not match the expected API version (v1)",
			],
			[configMap("B_"), 422, /^ConfigMap "B_" is invalid: metadata\.name: Invalid value: "B_": a lowercase RFC 1123/],
			[configMap("b", { k: 1 as unknown as string }), 400, /cannot unmarshal number into Go struct field .*data/],
			[
				{ apiVersion: "v1", kind: "ConfigMap" },
				422,
				/metadata\.name: Required value: name or generateName is required/,
			],
			["{not json", 400, /the object provided is unrecognized/],
			["[]", 400, /it is not an object/],
		];
		for (const [body, code, message] of refusals) {
			const answer = await api.send("POST", CONFIG_MAPS, body);
			assert.equal(answer.code, code, answer.text);
			if (typeof message === "string") assert.equal(answer.json.message, message);
			else assert.match(answer.json.message ?? "", message);
		}
		assert.equal((await api.send("GET", `${CONFIG_MAPS}/b`)).code, 404);
		const missing = await api.send("POST", "/api/v1/namespaces/nowhere/configmaps", configMap("a"));
		assert.equal(missing.json.message, 'namespaces "nowhere" not found');
	});

	test("fieldValidation: Strict refuses, Warn warns, Ignore drops silently", async () => {
		const body = { ...configMap("strict"), foo: 1, data: { a: "b" } };
		const strict = await api.send("POST", `${CONFIG_MAPS}?fieldValidation=Strict`, body);
		assert.equal(strict.code, 400);
		assert.equal(
			strict.json.message,
			'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
		);
		const twice = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}';
		const duplicate = await api.send("POST", `${CONFIG_MAPS}?fieldValidation=Strict`, twice);
		assert.match(duplicate.json.message ?? "", /strict decoding error: duplicate field "data.a"/);
		const warned = await api.send("POST", CONFIG_MAPS, body);
		assert.equal(warned.code, 201);
		assert.equal(warned.headers.warning, '299 - "unknown field \\"foo\\""');
		assert.equal("foo" in warned.json, false);
		const wrong = await api.send("POST", `${CONFIG_MAPS}?fieldValidation=x&dryRun=All`, body);
		assert.equal(wrong.code, 422);
	});

	test("generateName appends five characters", async () => {
		const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "gen-" } };
		const { metadata } = await api.expect("POST", CONFIG_MAPS, body);
		assert.match(metadata.name ?? "", /^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
	});

	test("update: a stale version conflicts, none is unconditional, nothing changed keeps the version", async () => {
		const created = await api.expect("POST", CONFIG_MAPS, configMap("up", { k: "1" }));
		const path = `${CONFIG_MAPS}/up`;
		const changed = await api.expect("PUT", path, { ...created, data: { k: "2" } });
		assert.notEqual(changed.metadata.resourceVersion, created.metadata.resourceVersion);
		const stale = await api.send("PUT", path, { ...created, data: { k: "3" } });
		assert.equal(stale.code, 409);
		assert.match(
			stale.json.message ?? "",
			/^Operation cannot be fulfilled on configmaps "up": the object has been modified/,
		);
		const same = await api.expect("PUT", path, changed);
		assert.equal(same.metadata.resourceVersion, changed.metadata.resourceVersion);
		const unconditional = await api.expect("PUT", path, configMap("up", { k: "4" }));
		assert.equal(unconditional.metadata.uid, created.metadata.uid);
		assert.equal(unconditional.metadata.creationTimestamp, created.metadata.creationTimestamp);
		const named = await api.send("PUT", path, configMap("down"));
		assert.equal(named.json.message, "the name of the object (down) does not match the name on the URL (up)");
		assert.equal((await api.send("PUT", `${CONFIG_MAPS}/none`, configMap("none"))).code, 404);
	});

	test("patches: merge with a version is a precondition; unknown types are 415 by name", async () => {
		const created = await api.expect("POST", CONFIG_MAPS, configMap("pa", { a: "1", b: "2" }));
		const path = `${CONFIG_MAPS}/pa`;
		const merged = await api.expect("PATCH", path, { data: { a: null, c: "3" } }, MERGE);
		assert.deepEqual(merged.data, { b: "2", c: "3" });
		const { resourceVersion } = created.metadata;
		const stale = await api.send("PATCH", path, { metadata: { resourceVersion }, data: { z: "1" } }, MERGE);
		assert.equal(stale.code, 409);
		const json = await api.expect("PATCH", path, [{ op: "remove", path: "/data/b" }], {
			"content-type": "application/json-patch+json",
		});
		assert.deepEqual(json.data, { c: "3" });
		const apply = await api.send(
			"PATCH",
			`${path}?fieldManager=x`,
			{},
			{ "content-type": "application/apply-patch+yaml" },
		);
		assert.equal(apply.code, 415);
		assert.match(apply.json.message ?? "", /server-side apply .* is not supported by this server yet/);
	});

	test("dry run goes the whole way and stores nothing", async () => {
		const dry = await api.send("POST", `${CONFIG_MAPS}?dryRun=All`, configMap("dry"));
		assert.equal(dry.code, 201);
		assert.equal(dry.json.metadata.resourceVersion, undefined);
		assert.equal((await api.send("GET", `${CONFIG_MAPS}/dry`)).code, 404);
		await api.expect("POST", CONFIG_MAPS, configMap("dry"));
		await api.expect("DELETE", `${CONFIG_MAPS}/dry`, { dryRun: ["All"] });
		assert.equal((await api.send("GET", `${CONFIG_MAPS}/dry`)).code, 200);
	});

	test("YAML bodies in and YAML answers out", async () => {
		const yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {a: b}\n";
		const headers = { "content-type": "application/yaml", accept: "application/yaml" };
		const created = await api.send("POST", CONFIG_MAPS, yaml, headers);
		assert.equal(created.code, 201);
		assert.match(created.text, /^kind: ConfigMap$/m);
		const form = await api.send("POST", CONFIG_MAPS, "a=b", { "content-type": "application/x-www-form-urlencoded" });
		assert.equal(form.code, 415);
	});

	test("anonymous and wrong tokens get 401; health and version are open", async () => {
		const none = await api.send("GET", CONFIG_MAPS, undefined, { authorization: "" });
		assert.equal(none.code, 401);
		assert.equal(none.json.reason, "Unauthorized");
		assert.equal((await api.send("GET", "/api", undefined, { authorization: "Bearer x" })).code, 401);
		assert.equal((await api.send("GET", "/readyz", undefined, { authorization: "" })).text, "ok");
		assert.equal(
			(await api.send("GET", "/version", undefined, { authorization: "" })).text.includes('"minor": "32"'),
			true,
		);
	});

	test("what is not there is told apart: object, resource, method, path, unsupported part", async () => {
		const message = async (method: string, path: string) => (await api.send(method, path)).json.message;
		assert.equal(
			await message("GET", "/apis/apps/v1/namespaces/default/deployments/x"),
			'deployments.apps "x" not found',
		);
		assert.equal(await message("GET", "/api/v1/foos"), "the server could not find the requested resource");
		assert.equal(
			await message("POST", `${CONFIG_MAPS}/a`),
			"the server does not allow this method on the requested resource",
		);
		assert.equal((await api.send("GET", "/nope")).text, "404 page not found\n");
		const forward = await api.send("POST", "/api/v1/namespaces/default/pods/x/portforward");
		assert.equal(forward.json.message, "pods/portforward is not supported by this server yet");
		assert.equal((await api.send("GET", "/api/v1/namespaces/default/pods/x/foo")).code, 404);
	});

	test("a body over 3 MiB is refused", async () => {
		const answer = await api.send("POST", CONFIG_MAPS, configMap("big", { a: "x".repeat(3 * 1024 * 1024) }));
		assert.equal(answer.code, 413);
		assert.equal(answer.json.message, "Request entity too large: limit is 3145728");
	});
});

describe("deletion", () => {
	test("gone at once with a Status; preconditions are held", async () => {
		const created = await api.expect("POST", CONFIG_MAPS, configMap("d"));
		const path = `${CONFIG_MAPS}/d`;
		const wrong = await api.send("DELETE", path, { preconditions: { uid: "other" } });
		assert.equal(wrong.code, 409);
		const deleted = await api.expect("DELETE", path, { propagationPolicy: "Background" });
		assert.equal(deleted.kind, "Status");
		assert.deepEqual((deleted as unknown as { details: object }).details, {
			name: "d",
			kind: "configmaps",
			uid: created.metadata.uid,
		});
		assert.equal((await api.send("DELETE", path)).code, 404);
	});

	test("finalizers hold an object until the last is removed; they may only shrink", async () => {
		await api.expect("POST", CONFIG_MAPS, configMap("f", {}, { finalizers: ["a.b/x", "a.b/y"] }));
		const path = `${CONFIG_MAPS}/f`;
		const marked = await api.expect("DELETE", path);
		assert.ok(marked.metadata.deletionTimestamp);
		const grown = await api.send("PATCH", path, { metadata: { finalizers: ["a.b/x", "a.b/z"] } }, MERGE);
		assert.equal(grown.code, 422);
		assert.match(grown.json.message ?? "", /no new finalizers can be added if the object is being deleted/);
		await api.expect("PATCH", path, { metadata: { finalizers: ["a.b/y"] } }, MERGE);
		await api.expect("PATCH", path, { metadata: { finalizers: null } }, MERGE);
		assert.equal((await api.send("GET", path)).code, 404);
	});

	test("Foreground and Orphan leave their finalizers for the garbage collector", async () => {
		for (const [policy, finalizer] of [
			["Foreground", "foregroundDeletion"],
			["Orphan", "orphan"],
		] as const) {
			await api.expect("POST", CONFIG_MAPS, configMap(finalizer.toLowerCase()));
			const path = `${CONFIG_MAPS}/${finalizer.toLowerCase()}`;
			const marked = await api.expect("DELETE", path, { propagationPolicy: policy });
			assert.deepEqual(marked.metadata.finalizers, [finalizer]);
			await api.expect("PATCH", path, { metadata: { finalizers: null } }, MERGE);
		}
		const wrong = await api.send("DELETE", `${CONFIG_MAPS}/a`, { propagationPolicy: "Sideways" });
		assert.equal(wrong.code, 422);
	});

	test("a namespace is marked, refuses new content, and goes when its finalizer is taken off", async () => {
		await api.expect("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "ns1" } });
		const marked = await api.expect("DELETE", "/api/v1/namespaces/ns1");
		assert.deepEqual(marked.status, { phase: "Terminating" });
		const refused = await api.send("POST", "/api/v1/namespaces/ns1/configmaps", configMap("x"));
		assert.equal(refused.code, 403);
		assert.equal(
			refused.json.message,
			'configmaps "x" is forbidden: unable to create new content in namespace ns1 because it is being terminated',
		);
		const live = await api.expect("GET", "/api/v1/namespaces/ns1");
		await api.expect("PUT", "/api/v1/namespaces/ns1/finalize", { ...live, spec: { finalizers: [] } });
		assert.equal((await api.send("GET", "/api/v1/namespaces/ns1")).code, 404);
	});

	test("the default namespace is not deleted", async () => {
		const refused = await api.send("DELETE", "/api/v1/namespaces/default");
		assert.equal(refused.json.message, 'namespaces "default" is forbidden: this namespace may not be deleted');
	});

	test("deletecollection obeys selectors", async () => {
		for (const [name, group] of [
			["c1", "x"],
			["c2", "x"],
			["c3", "y"],
		])
			await api.expect("POST", CONFIG_MAPS, configMap(name!, {}, { labels: { group } }));
		await api.expect("DELETE", `${CONFIG_MAPS}?labelSelector=group%3Dx`);
		const left = await api.send("GET", `${CONFIG_MAPS}?labelSelector=group`);
		assert.deepEqual(
			left.json.items?.map((item) => item.metadata.name),
			["c3"],
		);
	});

	test("a running pod is given its grace period, then goes with grace 0; one that never ran goes at once", async () => {
		const pod = (name: string, nodeName?: string): object => ({
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name },
			spec: { nodeName, containers: [{ name: "c", image: "i" }] },
		});
		const pods = "/api/v1/namespaces/default/pods";
		await api.expect("POST", pods, pod("ran", "n1"));
		const marked = await api.expect("DELETE", `${pods}/ran`);
		assert.equal(marked.metadata.deletionGracePeriodSeconds, 30);
		const again = await api.expect("DELETE", `${pods}/ran`);
		assert.equal(again.metadata.resourceVersion, marked.metadata.resourceVersion);
		assert.equal((await api.expect("DELETE", `${pods}/ran`, { gracePeriodSeconds: 0 })).kind, "Status");
		await api.expect("POST", pods, pod("idle"));
		assert.equal((await api.expect("DELETE", `${pods}/idle`)).kind, "Status");
	});
});

describe("subresources", () => {
	const deployment = (name: string): KubeObject => ({
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name },
		spec: {
			selector: { matchLabels: { app: name } },
			template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "i" }] } },
		},
	});
	const deployments = "/apis/apps/v1/namespaces/default/deployments";

	test("status and spec are written through their own doors; generation counts spec changes", async () => {
		const created = await api.expect("POST", deployments, { ...deployment("s"), status: { replicas: 9 } });
		assert.equal(created.metadata.generation, 1);
		assert.equal((created.status as { replicas?: number }).replicas, undefined);
		const path = `${deployments}/s`;
		const withStatus = await api.expect("PUT", `${path}/status`, {
			...created,
			spec: { ...(created.spec as object), replicas: 7 },
			status: { replicas: 1, observedGeneration: 1 },
		});
		assert.equal((withStatus.spec as { replicas: number }).replicas, 1);
		assert.equal((withStatus.status as { replicas: number }).replicas, 1);
		assert.equal(withStatus.metadata.generation, 1);
		const scaled = await api.expect("PATCH", path, { spec: { replicas: 2 }, status: { replicas: 5 } }, MERGE);
		assert.equal(scaled.metadata.generation, 2);
		assert.equal((scaled.status as { replicas: number }).replicas, 1);
		const labelled = await api.expect("PATCH", path, { metadata: { labels: { a: "b" } } }, MERGE);
		assert.equal(labelled.metadata.generation, 2);
		const managers = (labelled.metadata.managedFields as { subresource?: string }[]).map(
			(one) => one.subresource ?? "",
		);
		assert.deepEqual([...managers].sort(), ["", "status"]);
	});

	test("scale is read and written as autoscaling/v1 Scale, also without a Content-Type", async () => {
		await api.expect("POST", deployments, deployment("sc"));
		const path = `${deployments}/sc/scale`;
		const scale = await api.expect("GET", path);
		assert.equal(`${scale.apiVersion} ${scale.kind}`, "autoscaling/v1 Scale");
		assert.deepEqual(scale.spec, { replicas: 1 });
		assert.deepEqual(scale.status, { replicas: 0, selector: "app=sc" });
		const body = JSON.stringify({ ...scale, spec: { replicas: 4 } });
		assert.deepEqual((await api.expect("PUT", path, body)).spec, { replicas: 4 });
		assert.equal((await api.send("PUT", path, body)).code, 409);
		assert.deepEqual((await api.expect("PATCH", path, { spec: { replicas: 0 } }, MERGE)).status, {
			replicas: 0,
			selector: "app=sc",
		});
		assert.equal((await api.send("PATCH", path, { spec: { replicas: "x" } }, MERGE)).code, 400);
	});

	test("binding puts a pod on a node once", async () => {
		const pods = "/api/v1/namespaces/default/pods";
		const spec = { containers: [{ name: "c", image: "i" }] };
		await api.expect("POST", pods, { apiVersion: "v1", kind: "Pod", metadata: { name: "bind" }, spec });
		const binding = {
			apiVersion: "v1",
			kind: "Binding",
			metadata: { name: "bind" },
			target: { kind: "Node", name: "n1" },
		};
		assert.equal((await api.send("POST", `${pods}/bind/binding`, binding)).code, 201);
		const bound = await api.expect("GET", `${pods}/bind`);
		assert.equal((bound.spec as { nodeName: string }).nodeName, "n1");
		assert.equal((await api.send("POST", `${pods}/bind/binding`, binding)).code, 409);
		assert.equal((await api.send("POST", `${pods}/bind/eviction`, {})).code, 201);
		const log = await api.send("GET", `${pods}/bind/log?container=x`);
		assert.equal(log.json.message, "container x is not valid for pod bind");
	});

	test("Services get their addresses, each once, and keep them over replace", async () => {
		const services = "/api/v1/namespaces/default/services";
		const service = (name: string, spec: object = {}): object => ({
			apiVersion: "v1",
			kind: "Service",
			metadata: { name },
			spec: { ports: [{ port: 80 }], ...spec },
		});
		const both = await Promise.all([
			api.expect("POST", services, service("s1")),
			api.expect("POST", services, service("s2")),
		]);
		const ips = both.map(({ spec }) => (spec as { clusterIP: string }).clusterIP);
		assert.equal(new Set([...ips, "127.77.128.1"]).size, 3);
		assert.ok(ips.every((ip) => ip.startsWith("127.77.128.")));
		const taken = await api.send("POST", services, service("s3", { clusterIP: ips[0] }));
		assert.equal(taken.code, 422);
		assert.match(taken.json.message ?? "", /provided IP is already allocated/);
		const replaced = await api.expect("PUT", `${services}/s1`, service("s1", { type: "NodePort" }));
		const spec = replaced.spec as { clusterIP: string; ports: { nodePort: number }[] };
		assert.equal(spec.clusterIP, ips[0]);
		assert.ok(spec.ports[0]!.nodePort >= 30_000);
		const back = await api.expect("PUT", `${services}/s1`, { ...replaced, spec: { ...spec, type: "ClusterIP" } });
		assert.equal((back.spec as { ports: { nodePort?: number }[] }).ports[0]!.nodePort, undefined);
		const headless = await api.expect("POST", services, service("s4", { clusterIP: "None" }));
		assert.deepEqual((headless.spec as { clusterIPs: string[] }).clusterIPs, ["None"]);
		await api.expect("DELETE", `${services}/s1`);
		assert.equal((await api.send("POST", services, service("s3", { clusterIP: ips[0] }))).code, 201);
	});

	test("reviews of oneself are answered", async () => {
		const review = (kind: string, group: string) => ({ apiVersion: `${group}/v1`, kind, spec: {} });
		const access = await api.expect(
			"POST",
			"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
			review("SelfSubjectAccessReview", "authorization.k8s.io"),
		);
		assert.equal((access.status as { allowed: boolean }).allowed, true);
		const self = await api.expect(
			"POST",
			"/apis/authentication.k8s.io/v1/selfsubjectreviews",
			review("SelfSubjectReview", "authentication.k8s.io"),
		);
		assert.equal((self.status as { userInfo: { username: string } }).userInfo.username, "lateen-admin");
	});
});
