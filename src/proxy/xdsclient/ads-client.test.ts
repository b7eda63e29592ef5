import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { eventually } from "../../../test/support/eventually.ts";
import { type ScriptedAds, startScriptedAds } from "../../../test/support/scripted-ads.ts";
import { systemClock } from "../../lib/clock.ts";
import { problem } from "../../lib/problem.ts";
import { seededRandom } from "../../lib/random.ts";
import { silentLogger } from "../../telemetry/logger.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { NodeSchema } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { RESOURCE_TYPES } from "../../xds/type-urls.ts";
import { AdsClient } from "./ads-client.ts";
import { DeltaSession } from "./delta-session.ts";
import { grpcStreams } from "./grpc-stream.ts";
import type { ResourceUpdate } from "./resource-update.ts";
import { SotwSession } from "./sotw-session.ts";

const node = create(NodeSchema, { id: "sidecar~127.0.0.1~a.b~b.svc" });
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
	for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function recorder() {
	const updates: { type: string; added: string[]; removed: readonly string[] }[] = [];
	return {
		updates,
		apply({ type, added, removed }: ResourceUpdate) {
			updates.push({ type, added: added.map(({ name }) => name), removed });
			const bad = added.filter(({ name }) => name.startsWith("bad"));
			return {
				problems: bad.flatMap(({ name }) => [
					problem("LTN3001", `${name}.x`, "first"),
					problem("LTN3001", `${name}.y`, "second"),
				]),
				rejected: new Set(bad.map(({ name }) => name)),
			};
		},
	};
}

async function connectTo(server: ScriptedAds, api: "delta" | "sotw") {
	const handler = recorder();
	const shared = {
		clock: systemClock,
		random: seededRandom(1),
		logger: silentLogger,
		connectedState: new MetricRegistry().scope("control_plane.").gauge("connected_state"),
	};
	const streams = grpcStreams(server.url);
	const client =
		api === "delta"
			? new AdsClient({ ...shared, session: new DeltaSession(node, handler), open: streams.delta })
			: new AdsClient({ ...shared, session: new SotwSession(node, handler), open: streams.sotw });
	cleanUps.push(() => client.close());
	client.subscribe("cluster", "all");
	client.start();
	return { client, handler };
}

async function scripted(): Promise<ScriptedAds> {
	const server = await startScriptedAds();
	cleanUps.push(() => server.close());
	return server;
}

test("delta: subscribes, acknowledges, refuses with every problem, and forgets what is removed", async () => {
	const server = await scripted();
	const { client, handler } = await connectTo(server, "delta");
	const requests = server.deltaRequests;
	await eventually("the first request", () => requests[0]);
	assert.equal(requests[0]!.node?.id, node.id);
	assert.equal(requests[0]!.typeUrl, RESOURCE_TYPES.cluster);
	assert.deepEqual(requests[0]!.resourceNamesSubscribe, []);

	const first = server.sendDelta("cluster", { a: { name: "a" }, bad1: { name: "bad1" } });
	const nack = await eventually("the NACK", () => requests[1]);
	assert.equal(nack.responseNonce, first);
	assert.equal(nack.node, undefined, "the node is sent once per stream");
	assert.equal(nack.errorDetail?.message, "LTN3001 bad1.x: first.\nLTN3001 bad1.y: second.");

	const second = server.sendDelta("cluster", { b: { name: "b" } }, { removed: ["a"], version: "2" });
	const ack = await eventually("the ACK", () => requests[2]);
	assert.equal(ack.responseNonce, second);
	assert.equal(ack.errorDetail, undefined);
	assert.deepEqual(handler.updates[1], { type: "cluster", added: ["b"], removed: ["a"] });

	client.subscribe("endpoint", new Set());
	client.subscribe("endpoint", new Set(["x", "y"]));
	client.subscribe("endpoint", new Set(["y", "z"]));
	await eventually("the changed subscription", () => requests[4]);
	assert.deepEqual(requests[3]!.resourceNamesSubscribe, ["x", "y"]);
	assert.deepEqual(requests[4]!.resourceNamesSubscribe, ["z"]);
	assert.deepEqual(requests[4]!.resourceNamesUnsubscribe, ["x"]);
});

test("delta: a new stream resumes with the accepted versions", async () => {
	const server = await scripted();
	const { client } = await connectTo(server, "delta");
	await eventually("the first request", () => server.deltaRequests[0]);
	server.sendDelta("cluster", { a: { name: "a" }, bad: { name: "bad" } }, { version: "7" });
	await eventually("the answer", () => server.deltaRequests[1]);
	client.subscribe("endpoint", new Set(["a"]));
	await eventually("the endpoints", () => server.deltaRequests[2]);
	const known = server.deltaRequests.length;
	server.cut();
	const resumed = await eventually("the new stream", () => server.deltaRequests[known]);
	assert.equal(resumed.node?.id, node.id);
	assert.deepEqual(resumed.initialResourceVersions, { a: "7" });
	const endpoints = await eventually("the second type", () => server.deltaRequests[known + 1]);
	assert.equal(endpoints.typeUrl, RESOURCE_TYPES.endpoint);
	assert.deepEqual(endpoints.resourceNamesSubscribe, ["a"]);
	assert.equal(server.streams(), 2);
});

test("delta: an unknown type and an undecodable resource are refused", async () => {
	const server = await scripted();
	const { handler } = await connectTo(server, "delta");
	await eventually("the first request", () => server.deltaRequests[0]);
	server.sendDelta("listener", { l: { name: "l" } });
	const foreign = await eventually("the refusal", () => server.deltaRequests[1]);
	assert.match(foreign.errorDetail!.message, /LTN3603 type_url: nobody asked/);
	assert.equal(handler.updates.length, 0);
});

test("state of the world: what a full list no longer has is removed, a NACK keeps the version", async () => {
	const server = await scripted();
	const { client, handler } = await connectTo(server, "sotw");
	const requests = server.sotwRequests;
	await eventually("the first request", () => requests[0]);
	server.sendSotw("cluster", "1", [{ name: "a" }, { name: "b" }]);
	const ack = await eventually("the ACK", () => requests[1]);
	assert.deepEqual([ack.versionInfo, ack.responseNonce], ["1", "n1"]);
	server.sendSotw("cluster", "2", [{ name: "b" }, { name: "bad" }]);
	const nack = await eventually("the NACK", () => requests[2]);
	assert.deepEqual([nack.versionInfo, nack.responseNonce], ["1", "n2"]);
	assert.match(nack.errorDetail!.message, /bad\.x.*\n.*bad\.y/);
	assert.deepEqual(handler.updates[1], { type: "cluster", added: ["b", "bad"], removed: ["a"] });

	client.subscribe("endpoint", new Set(["b"]));
	const endpoints = await eventually("the endpoints", () => requests[3]);
	assert.deepEqual(endpoints.resourceNames, ["b"]);
	client.subscribe("endpoint", new Set());
	const none = await eventually("the empty list", () => requests[4]);
	assert.deepEqual(none.resourceNames, []);

	server.cut();
	const again = await eventually("the new stream", () => requests[5]);
	assert.equal(again.versionInfo, "1");
	assert.equal(again.responseNonce, "");
	assert.equal(requests[6], undefined, "nothing is asked about endpoints");
});

test("connects when the control plane comes later", async () => {
	const early = await scripted();
	const port = early.port;
	await early.close();
	cleanUps.pop();
	const { client } = await connectTo({ ...early, url: `http://127.0.0.1:${port}` }, "delta");
	assert.equal(client.connected, false);
	const late = await startScriptedAds(port);
	cleanUps.unshift(() => late.close());
	await eventually("a stream", () => late.deltaRequests[0]);
	late.sendDelta("cluster", { a: { name: "a" } });
	await eventually("the state", () => client.connected);
});
