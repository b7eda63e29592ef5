import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
	CoreV1Api,
	CustomObjectsApi,
	KubeConfig,
	type KubernetesListObject,
	makeInformer,
	type V1ConfigMap,
} from "@kubernetes/client-node";
import { type ApiServerFixture, startFixture } from "./fixture/api-server-fixture.ts";

const KEEP = 20;
let api: ApiServerFixture;
let config: KubeConfig;
before(async () => {
	api = await startFixture({ keepEvents: KEEP });
	config = new KubeConfig();
	config.loadFromString(api.server.kubeconfig);
});
after(async () => {
	assert.deepEqual(api.problems, []);
	await api[Symbol.asyncDispose]();
});

test("typed calls: create, read, list, delete, and a refusal with its code", async () => {
	const core = config.makeApiClient(CoreV1Api);
	await core.createNamespacedConfigMap({
		namespace: "default",
		body: { metadata: { name: "typed" }, data: { a: "b" } },
	});
	assert.deepEqual((await core.readNamespacedConfigMap({ namespace: "default", name: "typed" })).data, { a: "b" });
	assert.ok((await core.listConfigMapForAllNamespaces()).items.some(({ metadata }) => metadata?.name === "typed"));
	await core.deleteNamespacedConfigMap({ namespace: "default", name: "typed" });
	await assert.rejects(core.readNamespacedConfigMap({ namespace: "default", name: "typed" }), { code: 404 });
});

test("custom objects: create, status, list", async () => {
	const custom = config.makeApiClient(CustomObjectsApi);
	const where = { group: "networking.istio.io", version: "v1", namespace: "default", plural: "destinationrules" };
	const body = {
		apiVersion: "networking.istio.io/v1",
		kind: "DestinationRule",
		metadata: { name: "d" },
		spec: { host: "d" },
	};
	const created = (await custom.createNamespacedCustomObject({ ...where, body })) as { metadata: object };
	const status = { observedGeneration: 1 };
	await custom.replaceNamespacedCustomObjectStatus({ ...where, name: "d", body: { ...created, status } });
	const list = (await custom.listNamespacedCustomObject(where)) as { items: { status?: object }[] };
	assert.deepEqual(
		list.items.map((item) => item.status),
		[status],
	);
});

test("an informer follows changes, and lists anew when its version has expired", async (t) => {
	const core = config.makeApiClient(CoreV1Api);
	const path = "/api/v1/namespaces/default/configmaps";
	let lists = 0;
	const list = async (): Promise<KubernetesListObject<V1ConfigMap>> => {
		lists++;
		return core.listNamespacedConfigMap({ namespace: "default" });
	};
	const informer = makeInformer<V1ConfigMap>(config, path, list);
	t.after(() => informer.stop());
	const seen: string[] = [];
	const waiting: { want: string; resolve: () => void }[] = [];
	const note = (type: string) => (object: V1ConfigMap) => {
		const line = `${type} ${object.metadata?.name} ${object.data?.n ?? ""}`;
		seen.push(line);
		for (const { resolve } of waiting.filter(({ want }) => want === line)) resolve();
	};
	for (const type of ["add", "update", "delete"] as const) informer.on(type, note(type));
	const until = (want: string) =>
		new Promise<void>((resolve) => {
			if (seen.includes(want)) resolve();
			else waiting.push({ want, resolve });
		});
	const put = (n: number) =>
		api.expect("PUT", `${path}/informed`, {
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { name: "informed" },
			data: { n: String(n) },
		});
	await api.expect("POST", path, {
		apiVersion: "v1",
		kind: "ConfigMap",
		metadata: { name: "informed" },
		data: { n: "0" },
	});
	await informer.start();
	await until("add informed 0");
	await put(1);
	await until("update informed 1");
	informer.stop();
	for (let n = 2; n < KEEP * 2; n++) await put(n);
	// It goes on from its last version, is told 410 in the stream, and lists anew.
	await informer.start();
	await until(`update informed ${KEEP * 2 - 1}`);
	assert.equal(lists, 2);
	await api.expect("DELETE", `${path}/informed`);
	await until(`delete informed ${KEEP * 2 - 1}`);
});
