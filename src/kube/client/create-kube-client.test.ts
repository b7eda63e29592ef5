import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { KubeObject } from "../../kinds/object.ts";
import { createKubeClient } from "./create-kube-client.ts";
import { type Change, KubeApiError, type KubeClient } from "./kube-client.ts";
import { RESOURCES } from "./resources.ts";
import { type FakeApiServer, startFakeApiServer } from "./testing/fake-api-server.ts";
import { selfSigned } from "./testing/self-signed.ts";

async function withServer(run: (server: FakeApiServer, client: KubeClient) => Promise<void>, tls = false) {
	const pems = tls ? await selfSigned("127.0.0.1") : undefined;
	const server = await startFakeApiServer(pems && { ...pems, token: "secret" });
	const client = createKubeClient({ server: server.url, ...(pems ? { caPem: pems.cert, token: "secret" } : {}) });
	try {
		await run(server, client);
	} finally {
		client.close();
		await server.close();
	}
}

const configMap = (name: string, data: Record<string, string> = {}): KubeObject => ({
	apiVersion: "v1",
	kind: "ConfigMap",
	metadata: { name, namespace: "default" },
	data,
});

for (const tls of [false, true]) {
	test(`objects are created, read, changed and deleted over ${tls ? "HTTP/2" : "HTTP/1.1"}`, () =>
		withServer(async (server, client) => {
			const created = await client.create(RESOURCES.configMaps, configMap("a", { x: "1" }));
			assert.ok(created.metadata.uid);
			const read = await client.get(RESOURCES.configMaps, "a", "default");
			assert.deepEqual(read, created);
			const updated = await client.update(RESOURCES.configMaps, { ...read, data: { x: "2" } });
			assert.deepEqual(updated.data, { x: "2" });
			await assert.rejects(client.update(RESOURCES.configMaps, { ...read, data: { x: "3" } }), { code: 409 });
			const patched = await client.patch(RESOURCES.configMaps, "a", { data: { y: "4" } }, { namespace: "default" });
			assert.deepEqual(patched.data, { x: "2", y: "4" });
			const { items, resourceVersion } = await client.list(RESOURCES.configMaps, { namespace: "default" });
			assert.deepEqual([items.length, items[0]?.kind], [1, "ConfigMap"]);
			assert.match(resourceVersion, /^\d+$/);
			await client.delete(RESOURCES.configMaps, "a", { namespace: "default", preconditionUid: created.metadata.uid });
			await assert.rejects(client.get(RESOURCES.configMaps, "a", "default"), (error: KubeApiError) => {
				assert.deepEqual([error.code, error.reason, error.message], [404, "NotFound", 'configmaps "a" not found']);
				return true;
			});
			assert.ok(server.requests.length >= 8);
		}, tls));
}

test("many watches and requests share one HTTP/2 connection", () =>
	withServer(async (server, client) => {
		const refs = [RESOURCES.pods, RESOURCES.services, RESOURCES.configMaps, RESOURCES.secrets];
		const informers = refs.map((ref) => client.informer(ref));
		for (const informer of informers) informer.start();
		await Promise.all(informers.map((informer) => informer.synced));
		await Promise.all(Array.from({ length: 20 }, (_, i) => client.create(RESOURCES.configMaps, configMap(`c${i}`))));
		await server.until(() => (server.all("configmaps").length === 20 ? true : undefined), "20 objects");
		assert.equal(server.connections(), 1);
	}, true));

test("a server that is not there is an error with code 0 and the cause", async () => {
	const client = createKubeClient({ server: "https://127.0.0.1:1" });
	await assert.rejects(client.get(RESOURCES.pods, "a", "default"), (error: unknown) => {
		assert.ok(error instanceof KubeApiError);
		assert.deepEqual([error.code, error.reason], [0, "ConnectionFailed"]);
		assert.match(error.message, /ECONNREFUSED/);
		assert.ok(error.cause);
		return true;
	});
	client.close();
});

test("a certificate of another authority is refused", async () => {
	const server = await startFakeApiServer(await selfSigned("127.0.0.1"));
	const client = createKubeClient({ server: server.url, caPem: (await selfSigned("127.0.0.1")).cert });
	await assert.rejects(client.get(RESOURCES.pods, "a", "default"), { code: 0, message: /SELF_SIGNED|certificate/ });
	client.close();
	await server.close();
});

function follow(client: KubeClient) {
	const informer = client.informer<KubeObject>(RESOURCES.configMaps);
	const changes: string[] = [];
	informer.onChange((change: Change<KubeObject>) => changes.push(`${change.type} ${change.object.metadata.name}`));
	informer.start();
	return { informer, changes };
}

test("an informer lists, follows changes, freezes what it gives and survives a broken watch", () =>
	withServer(async (server, client) => {
		server.put("configmaps", configMap("a"));
		const { informer, changes } = follow(client);
		await informer.synced;
		assert.equal(informer.get("a", "default")?.metadata.name, "a");
		assert.throws(() => {
			informer.list()[0]!.metadata.labels = {};
		}, TypeError);
		const changed = nextChange(informer);
		server.put("configmaps", configMap("b"));
		await changed;
		server.breakWatches();
		const afterBreak = nextChange(informer);
		server.remove("configmaps", "a", "default");
		await afterBreak;
		assert.deepEqual(changes, ["added a", "added b", "deleted a"]);
		assert.equal(server.requests.filter((request) => !request.includes("watch=true")).length, 1, "no second list");
	}));

test("an informer resumes from the last bookmark", () =>
	withServer(async (server, client) => {
		const { informer } = follow(client);
		await informer.synced;
		await server.until(() => (server.requests.some((r) => r.includes("watch=true")) ? true : undefined), "a watch");
		const changed = nextChange(informer);
		server.put("configmaps", configMap("a"));
		await changed;
		server.bookmark();
		server.breakWatches();
		const again = nextChange(informer);
		server.put("configmaps", configMap("b"));
		await again;
		const versions = server.requests.flatMap((request) => /watch=true.*resourceVersion=(\d+)/.exec(request)?.[1] ?? []);
		assert.deepEqual(versions, ["10", "12"]);
	}));

test("history that is gone makes an informer list again and tell what it missed", () =>
	withServer(async (server, client) => {
		server.put("configmaps", configMap("a"));
		server.put("configmaps", configMap("b", { v: "1" }));
		const { informer, changes } = follow(client);
		await informer.synced;
		server.failWith = () => 503;
		server.breakWatches({ expire: true });
		server.remove("configmaps", "a", "default");
		server.put("configmaps", configMap("b", { v: "2" }));
		server.put("configmaps", configMap("c"));
		const last = new Promise<void>((resolve) => {
			informer.onChange((change) => change.object.metadata.name === "c" && resolve());
		});
		server.failWith = undefined;
		await last;
		assert.deepEqual(changes.slice(2), ["deleted a", "updated b", "added c"]);
	}));

test("a client and its informers find a server again that was restarted", async () => {
	const pems = await selfSigned("127.0.0.1");
	const first = await startFakeApiServer(pems);
	const client = createKubeClient({ server: first.url, caPem: pems.cert });
	const { informer } = follow(client);
	await informer.synced;
	await first.until(() => (first.requests.some((r) => r.includes("watch=true")) ? true : undefined), "a watch");
	await first.close();
	await assert.rejects(client.get(RESOURCES.configMaps, "a", "default"), { code: 0 });
	const second = await startFakeApiServer(pems, Number(new URL(first.url).port));
	await second.until(
		() => (second.requests.some((r) => r.includes("watch=true")) ? true : undefined),
		"the watch again",
	);
	const changed = nextChange(informer);
	await client.create(RESOURCES.configMaps, configMap("b"));
	await changed;
	assert.equal(informer.get("b", "default")?.metadata.name, "b");
	client.close();
	await second.close();
});

test("a list that is not allowed yet is tried again until it is", () =>
	withServer(async (server, client) => {
		let refusals = 2;
		server.failWith = () => (refusals-- > 0 ? 403 : undefined);
		const { informer } = follow(client);
		await informer.synced;
		assert.deepEqual(informer.list(), []);
	}));

function nextChange(informer: { onChange(handler: () => void): () => void }): Promise<void> {
	return new Promise((resolve) => {
		const off = informer.onChange(() => {
			off();
			resolve();
		});
	});
}

test("a read whose answer breaks off is asked again; a write is not", async () => {
	const asked: string[] = [];
	const server = createServer((request, response) => {
		asked.push(request.method ?? "");
		const body = JSON.stringify(configMap("a"));
		response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
		if (asked.length % 2 === 0) response.end(body);
		else response.write(body.slice(0, 10), () => response.destroy());
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	const client = createKubeClient({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
	try {
		assert.equal((await client.get(RESOURCES.configMaps, "a", "default")).metadata.name, "a");
		assert.deepEqual(asked, ["GET", "GET"]);
		await assert.rejects(client.create(RESOURCES.configMaps, configMap("a")), { code: 0, reason: "AnswerBrokeOff" });
		assert.deepEqual(asked, ["GET", "GET", "POST"]);
	} finally {
		client.close();
		server.closeAllConnections();
		server.close();
	}
});
