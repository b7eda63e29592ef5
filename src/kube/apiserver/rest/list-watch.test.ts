import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ApiServerFixture, startFixture, type WatchReader } from "../fixture/api-server-fixture.ts";

const KEEP = 40;
const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
const MERGE = { "content-type": "application/merge-patch+json" };
const TABLE = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };

let api: ApiServerFixture;
before(async () => {
	api = await startFixture({ keepEvents: KEEP });
});
after(async () => {
	assert.deepEqual(api.problems, []);
	await api[Symbol.asyncDispose]();
});

async function create(name: string, labels: Record<string, string> = {}, namespace = "default"): Promise<string> {
	const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels } };
	const { metadata } = await api.expect("POST", `/api/v1/namespaces/${namespace}/configmaps`, body);
	return metadata.resourceVersion!;
}

async function label(name: string, labels: Record<string, string | null>): Promise<string> {
	const { metadata } = await api.expect("PATCH", `${CONFIG_MAPS}/${name}`, { metadata: { labels } }, MERGE);
	return metadata.resourceVersion!;
}

async function take(reader: WatchReader, count: number): Promise<string[]> {
	const seen: string[] = [];
	while (seen.length < count) {
		const event = await reader.next();
		if (!event) throw new Error(`the watch ended after ${seen.join(", ")}`);
		seen.push(`${event.type} ${event.object.metadata.name} ${event.object.metadata.resourceVersion}`);
	}
	return seen;
}

describe("lists", () => {
	test("selectors, order, kinds and an empty list", async () => {
		await create("l-b", { set: "l", n: "1" });
		await create("l-a", { set: "l", n: "2" });
		const list = await api.send("GET", `/api/v1/configmaps?labelSelector=set%3Dl`);
		assert.equal(`${list.json.apiVersion} ${list.json.kind}`, "v1 ConfigMapList");
		assert.deepEqual(
			list.json.items?.map((item) => item.metadata.name),
			["l-a", "l-b"],
		);
		assert.deepEqual(
			list.json.items?.map((item) => `${item.apiVersion} ${item.kind}`),
			["v1 ConfigMap", "v1 ConfigMap"],
		);
		const one = await api.send("GET", `${CONFIG_MAPS}?fieldSelector=metadata.name%3Dl-b&labelSelector=n%20in%20(1,2)`);
		assert.deepEqual(
			one.json.items?.map((item) => item.metadata.name),
			["l-b"],
		);
		const none = await api.send("GET", `${CONFIG_MAPS}?labelSelector=set%3Dzzz`);
		assert.deepEqual(none.json.items, []);
		const wrong = await api.send("GET", `${CONFIG_MAPS}?fieldSelector=spec.foo%3D1`);
		assert.equal(
			wrong.json.message,
			'"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
		);
	});

	test("pages show one snapshot, whatever is written meanwhile", async () => {
		for (const name of ["p1", "p2", "p3", "p4", "p5"]) await create(name, { set: "p" });
		const path = `${CONFIG_MAPS}?limit=2&labelSelector=set%3Dp`;
		const first = await api.send("GET", path);
		const meta = first.json.metadata as unknown as { resourceVersion: string; continue: string };
		assert.deepEqual(
			first.json.items?.map((item) => item.metadata.name),
			["p1", "p2"],
		);
		assert.equal("remainingItemCount" in meta, false);
		await api.expect("DELETE", `${CONFIG_MAPS}/p4`);
		await create("p6", { set: "p" });
		const rest = await api.send("GET", `${CONFIG_MAPS}?labelSelector=set%3Dp&continue=${meta.continue}`);
		assert.deepEqual(
			rest.json.items?.map((item) => item.metadata.name),
			["p3", "p4", "p5"],
		);
		assert.equal(rest.json.metadata.resourceVersion, meta.resourceVersion);
		const all = await api.send("GET", `${CONFIG_MAPS}?limit=1`);
		assert.ok((all.json.metadata as { remainingItemCount?: number }).remainingItemCount! > 4);
		const wrong = await api.send("GET", `${CONFIG_MAPS}?continue=abc`);
		assert.equal(wrong.json.message, "continue key is not valid");
	});

	test("resourceVersion: Exact shows the past, the future is 504, wrong combinations 422", async () => {
		const at = await create("rv-1", { set: "rv" });
		await create("rv-2", { set: "rv" });
		const exact = await api.send(
			"GET",
			`${CONFIG_MAPS}?labelSelector=set%3Drv&resourceVersion=${at}&resourceVersionMatch=Exact`,
		);
		assert.deepEqual(
			exact.json.items?.map((item) => item.metadata.name),
			["rv-1"],
		);
		const future = await api.send("GET", `${CONFIG_MAPS}?resourceVersion=99999999`);
		assert.equal(future.code, 504);
		assert.match(future.json.message ?? "", /^Timeout: Too large resource version: 99999999, current: \d+$/);
		assert.equal(future.headers["retry-after"], "1");
		assert.equal((await api.send("GET", `${CONFIG_MAPS}?resourceVersion=x`)).code, 422);
		assert.equal((await api.send("GET", `${CONFIG_MAPS}?resourceVersionMatch=Exact`)).code, 422);
	});

	test("Table and PartialObjectMetadata", async () => {
		await create("t-1", { set: "t" });
		const table = (await api.send("GET", `${CONFIG_MAPS}?labelSelector=set%3Dt`, undefined, TABLE)).json as unknown as {
			kind: string;
			columnDefinitions: { name: string }[];
			rows: { cells: unknown[]; object: { kind: string; metadata: { name: string } } }[];
		};
		assert.equal(table.kind, "Table");
		assert.deepEqual(
			table.columnDefinitions.map(({ name }) => name),
			["Name", "Data", "Age"],
		);
		assert.deepEqual(table.rows[0]?.cells.slice(0, 2), ["t-1", 0]);
		assert.equal(table.rows[0]?.object.kind, "PartialObjectMetadata");
		const accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
		const partial = await api.send("GET", `${CONFIG_MAPS}?labelSelector=set%3Dt`, undefined, { accept });
		assert.equal(partial.json.kind, "PartialObjectMetadataList");
		assert.deepEqual(Object.keys(partial.json.items![0]!).sort(), ["apiVersion", "kind", "metadata"]);
		const refused = await api.send("GET", CONFIG_MAPS, undefined, { accept: "text/html" });
		assert.equal(refused.code, 406);
	});
});

describe("watches", () => {
	test("list, then watch from its version: nothing is missed or repeated", async () => {
		await create("w-1", { set: "w" });
		const list = await api.send("GET", `${CONFIG_MAPS}?labelSelector=set%3Dw`);
		const from = list.json.metadata.resourceVersion;
		const second = await create("w-2", { set: "w" });
		const reader = await api.watch(`${CONFIG_MAPS}?watch=true&labelSelector=set%3Dw&resourceVersion=${from}`);
		const left = await label("w-1", { set: null });
		const back = await label("w-1", { set: "w" });
		const changed = await label("w-1", { other: "x" });
		await api.expect("DELETE", `${CONFIG_MAPS}/w-2`);
		assert.deepEqual(await take(reader, 4), [
			`ADDED w-2 ${second}`,
			`DELETED w-1 ${left}`,
			`ADDED w-1 ${back}`,
			`MODIFIED w-1 ${changed}`,
		]);
		const gone = await reader.next();
		assert.equal(gone?.type, "DELETED");
		assert.ok(Number(gone?.object.metadata.resourceVersion) > Number(changed));
		reader.close();
	});

	test("without a version it begins with what is there; a name watches one object", async () => {
		const at = await create("o-1", { set: "o" });
		await create("o-2", { set: "o" });
		const reader = await api.watch(`${CONFIG_MAPS}?watch=1&fieldSelector=metadata.name%3Do-1&resourceVersion=0`);
		assert.deepEqual(await take(reader, 1), [`ADDED o-1 ${at}`]);
		await label("o-2", { a: "b" });
		const changed = await label("o-1", { a: "b" });
		assert.deepEqual(await take(reader, 1), [`MODIFIED o-1 ${changed}`]);
		reader.close();
	});

	test("WatchList: the present state, an end bookmark, then live", async () => {
		const at = await create("wl", { set: "wl" });
		const query = "watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
		const reader = await api.watch(`${CONFIG_MAPS}?${query}&labelSelector=set%3Dwl`);
		assert.deepEqual(await take(reader, 1), [`ADDED wl ${at}`]);
		const bookmark = await reader.next();
		assert.equal(bookmark?.type, "BOOKMARK");
		assert.deepEqual(bookmark?.object.metadata.annotations, { "k8s.io/initial-events-end": "true" });
		const changed = await label("wl", { a: "b" });
		assert.deepEqual(await take(reader, 1), [`MODIFIED wl ${changed}`]);
		reader.close();
		const refused = await api.send("GET", `${CONFIG_MAPS}?watch=true&sendInitialEvents=true`);
		assert.equal(refused.code, 422);
	});

	test("an expired version is told as an event in the stream, which then ends", async () => {
		await create("e-1");
		for (let n = 0; n < KEEP * 1.5; n++) await label("e-1", { n: String(n) });
		const reader = await api.watch(`${CONFIG_MAPS}?watch=true&resourceVersion=1`);
		const event = await reader.next();
		assert.equal(event?.type, "ERROR");
		assert.equal(event?.object.code, 410);
		assert.match(event?.object.message ?? "", /^too old resource version: 1 \(\d+\)$/);
		assert.equal(await reader.next(), undefined);
		const exact = await api.send("GET", `${CONFIG_MAPS}?resourceVersion=1&resourceVersionMatch=Exact`);
		assert.equal(exact.code, 410);
		assert.equal(exact.json.reason, "Expired");
	});

	test("timeoutSeconds ends the stream cleanly after a last bookmark", async () => {
		const reader = await api.watch(
			`${CONFIG_MAPS}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=0&labelSelector=none`,
		);
		assert.equal((await reader.next())?.type, "BOOKMARK");
		assert.equal(await reader.next(), undefined);
	});

	test("a watch goes on from the same version after a restart", async () => {
		const from = await create("r-1", { set: "r" });
		const changed = await label("r-1", { a: "b" });
		await api.restart();
		const reader = await api.watch(`${CONFIG_MAPS}?watch=true&labelSelector=set%3Dr&resourceVersion=${from}`);
		assert.deepEqual(await take(reader, 1), [`MODIFIED r-1 ${changed}`]);
		reader.close();
	});
});

test("events of both groups are the same objects", async () => {
	const involvedObject = { kind: "Pod", namespace: "default", name: "p" };
	await api.expect("POST", "/api/v1/namespaces/default/events", {
		apiVersion: "v1",
		kind: "Event",
		metadata: { name: "ev" },
		involvedObject,
		reason: "Started",
		message: "hello",
		type: "Normal",
	});
	const other = await api.expect("GET", "/apis/events.k8s.io/v1/namespaces/default/events/ev");
	assert.equal(other.apiVersion, "events.k8s.io/v1");
	assert.equal(other.note, "hello");
	assert.deepEqual(other.regarding, involvedObject);
	const selected = await api.send("GET", "/api/v1/events?fieldSelector=involvedObject.name%3Dp,type%3DNormal");
	assert.equal(selected.json.items?.length, 1);
});
