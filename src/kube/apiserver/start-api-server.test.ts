import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:http2";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { KubeObject } from "../../kinds/object.ts";
import { addressPlan } from "../../lib/address-plan.ts";
import { ProblemError } from "../../lib/problem.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { startFixture } from "./fixture/api-server-fixture.ts";
import { startApiServer } from "./start-api-server.ts";

const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const silent = { info: () => {}, warn: () => {}, error: () => {} };

test("HTTP/2 and HTTP/1.1 on one port, with token or client certificate", async () => {
	await using api = await startFixture();
	const { server } = api;
	const session = connect(server.url, { ca: server.caPem });
	const stream = session.request({ ":path": "/api/v1/namespaces", authorization: `Bearer ${server.adminToken}` });
	const status = await new Promise((resolve) => stream.on("response", (headers) => resolve(headers[":status"])));
	assert.equal(status, 200);
	session.destroy();
	const { certificatePem, keyPem } = server.adminCertificate;
	const certified = connect(server.url, { ca: server.caPem, cert: certificatePem, key: keyPem });
	for (let n = 0; n < 2; n++) {
		const sent = certified.request({ ":path": "/api/v1/namespaces" });
		assert.equal(await new Promise((resolve) => sent.on("response", (headers) => resolve(headers[":status"]))), 200);
		sent.resume();
	}
	certified.destroy();
	const codeWith = (options: object) =>
		new Promise((resolve, reject) => {
			const sent = request(
				`${server.url}/api/v1/namespaces`,
				{ ca: server.caPem, agent: false, ...options },
				(answer) => {
					answer.resume();
					resolve(answer.statusCode);
				},
			);
			sent.on("error", reject);
			sent.end();
		});
	assert.equal(await codeWith({ cert: certificatePem, key: keyPem }), 200);
	assert.equal(await codeWith({}), 401);
});

test("what is there at boot", async () => {
	await using api = await startFixture();
	const list = async (path: string) => (await api.send("GET", path)).json.items ?? [];
	assert.deepEqual(
		(await list("/api/v1/namespaces")).map(({ metadata }) => metadata.name),
		["default", "kube-node-lease", "kube-public", "kube-system"],
	);
	const service = await api.expect("GET", "/api/v1/namespaces/default/services/kubernetes");
	assert.equal((service.spec as { clusterIP: string }).clusterIP, "127.77.128.1");
	const slice = await api.expect("GET", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes");
	assert.deepEqual((slice.ports as { port: number }[])[0]?.port, api.server.port);
	const crds = await list("/apis/apiextensions.k8s.io/v1/customresourcedefinitions");
	assert.ok(crds.length >= 14);
	for (const crd of crds) {
		const { conditions } = crd.status as { conditions: { type: string; status: string }[] };
		assert.ok(
			conditions.some(({ type, status }) => type === "Established" && status === "True"),
			crd.metadata.name,
		);
	}
	assert.deepEqual(await list("/apis/networking.istio.io/v1/virtualservices"), []);
});

test("the Service kubernetes comes back when it is deleted; a pod without a service account gets the default one", async () => {
	await using api = await startFixture();
	const services = "/api/v1/namespaces/default/services";
	const reader = await api.watch(`${services}?watch=true&fieldSelector=metadata.name%3Dkubernetes`);
	const first = await reader.next();
	await api.expect("DELETE", `${services}/kubernetes`);
	assert.equal((await reader.next())?.type, "DELETED");
	const again = await reader.next();
	assert.equal(again?.type, "ADDED");
	assert.notEqual(again?.object.metadata.uid, first?.object.metadata.uid);
	assert.equal((again?.object.spec as { clusterIP: string } | undefined)?.clusterIP, "127.77.128.1");
	reader.close();
	const spec = { containers: [{ name: "c", image: "i" }] };
	const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec };
	const created = await api.expect("POST", "/api/v1/namespaces/default/pods", pod);
	assert.equal((created.spec as { serviceAccountName: string }).serviceAccountName, "default");
});

test("a second start finds everything again and writes nothing that is already so", async () => {
	await using api = await startFixture();
	await api.expect("POST", CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kept" } });
	const { caPem, adminToken, port } = api.server;
	await api.restart();
	assert.equal(api.server.caPem, caPem);
	assert.equal(api.server.adminToken, adminToken);
	await api.expect("GET", `${CONFIG_MAPS}/kept`);
	const { metadata } = await api.expect(
		"GET",
		"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.networking.istio.io",
	);
	const listed = await api.expect("GET", CONFIG_MAPS);
	// The port is another, so default/kubernetes and its two endpoints objects are all that may have been written.
	assert.ok(port !== api.server.port);
	const kept = await api.expect("GET", `${CONFIG_MAPS}/kept`);
	assert.ok(Number(listed.metadata.resourceVersion) - Number(kept.metadata.resourceVersion) <= 3);
	assert.ok(Number(metadata.resourceVersion) < Number(kept.metadata.resourceVersion));
});

test("admission plugins change and refuse; dry runs and warnings reach them", async () => {
	const seen: string[] = [];
	const plugin: AdmissionPlugin = {
		name: "test.lateen.dev",
		mutate({ plural, operation, object, dryRun, namespaceLabels }) {
			if (plural !== "configmaps" || !object) return undefined;
			seen.push(`${operation} ${object.metadata.name} ${dryRun} ${namespaceLabels["kubernetes.io/metadata.name"]}`);
			return { ...object, data: { ...(object.data as object), added: "yes" } };
		},
		validate({ object, operation, oldObject }): { denied?: string; warnings?: readonly string[] } {
			if (operation === "DELETE" && oldObject?.metadata.name === "held") return { denied: "it is held" };
			return object?.metadata.name === "bad" ? { denied: "it is bad" } : { warnings: object ? ["careful"] : [] };
		},
	};
	await using api = await startFixture({ admission: [plugin] });
	const body = (name: string): object => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
	const created = await api.send("POST", CONFIG_MAPS, body("held"));
	assert.deepEqual(created.json.data, { added: "yes" });
	assert.equal(created.headers.warning, '299 - "careful"');
	const bad = await api.send("POST", `${CONFIG_MAPS}?dryRun=All`, body("bad"));
	assert.equal(bad.code, 400);
	assert.equal(bad.json.message, 'admission webhook "test.lateen.dev" denied the request: it is bad');
	const held = await api.send("DELETE", `${CONFIG_MAPS}/held`);
	assert.match(held.json.message ?? "", /denied the request: it is held$/);
	assert.deepEqual(seen, ["CREATE held false default", "CREATE bad true default"]);
});

async function problemOf(start: Promise<{ close(): Promise<void> }>): Promise<string> {
	try {
		await (await start).close();
	} catch (error) {
		assert.ok(error instanceof ProblemError, String(error));
		return `${error.problems[0]?.code} ${error.problems[0]?.message}`;
	}
	return "started";
}

test("a port in use, an address that others reach and a held store are told by name, and let go of the store", async (t) => {
	await using api = await startFixture();
	const folder = await mkdtemp(join(tmpdir(), "lateen-api-"));
	t.after(() => rm(folder, { recursive: true }));
	const options = { dataDir: folder, addressPlan: addressPlan(78), logger: silent };
	const { port } = api.server;
	assert.equal(
		await problemOf(startApiServer({ ...options, port })),
		`LTN2004 the Kubernetes API cannot listen on 127.0.0.1:${port}: another process listens there`,
	);
	assert.match(
		await problemOf(startApiServer({ ...options, bind: "0.0.0.0" })),
		/^LTN2003 .* 0\.0\.0\.0, which others can reach$/,
	);
	assert.match(
		await problemOf(startApiServer({ ...options, dataDir: api.folder })),
		/^LTN2001 the store is in use by this process$/,
	);
	assert.equal(await problemOf(startApiServer(options)), "started");
});

test("many writers at once: every write has its own version and all are there", async () => {
	await using api = await startFixture();
	const names = Array.from({ length: 200 }, (_unused, n) => `many-${n}`);
	const created = await Promise.all(
		names.map((name) => api.expect("POST", CONFIG_MAPS, { apiVersion: "v1", kind: "ConfigMap", metadata: { name } })),
	);
	assert.equal(new Set(created.map(({ metadata }) => metadata.resourceVersion)).size, names.length);
	const list = (await api.send("GET", CONFIG_MAPS)).json.items as KubeObject[];
	assert.equal(list.length, names.length);
});
