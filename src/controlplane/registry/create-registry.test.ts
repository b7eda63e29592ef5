import assert from "node:assert/strict";
import { test } from "node:test";
import { FixtureKubeClient } from "../../../test/support/fixture-kube-client.ts";
import { ManualClock } from "../../lib/clock.ts";
import { silentLogger } from "../../telemetry/logger.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { formatPrometheus } from "../../telemetry/prometheus-text.ts";
import type { Snapshot, SnapshotChange } from "../model/snapshot.ts";
import { MeshFixture } from "../model/testing/mesh-fixture.ts";
import { createRegistry } from "./create-registry.ts";

const WEB = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, name: http }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec: { template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: w }] } } }
`;
const rule = (name: string, host = "web") =>
	`apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: ${name} }\nspec: { host: ${host} }\n`;

async function start() {
	const fixture = new MeshFixture().apply(WEB);
	const kube = new FixtureKubeClient(fixture);
	const clock = new ManualClock();
	const metrics = new MetricRegistry();
	const registry = createRegistry({
		client: kube.client,
		meshConfig: fixture.mesh,
		clock,
		logger: silentLogger,
		metrics,
	});
	const seen: { snapshot: Snapshot; change: SnapshotChange }[] = [];
	registry.onSnapshot((snapshot, change) => seen.push({ snapshot, change }));
	await registry.ready;
	return { kube, clock, registry, seen, metrics };
}

test("a lone change is acted on after 25 ms of quiet, with the keys of what changed", async () => {
	const { kube, clock, seen, registry } = await start();
	assert.equal(registry.snapshot?.services.length, 1);
	kube.change((f) => f.apply(rule("a")));
	clock.advance(24);
	assert.equal(seen.length, 0);
	clock.advance(1);
	assert.deepEqual([...seen[0]!.change.keys], ["DestinationRule/default/a"]);
	assert.equal(seen[0]?.snapshot.destinationRules.length, 1);
	assert.equal(seen[0]?.change.endpointsOnly, false);
});

test("a storm of changes becomes one snapshot every 200 ms", async () => {
	const { kube, clock, seen } = await start();
	for (let i = 0; i < 30; i++) {
		kube.change((f) => f.apply(rule(`r${i}`)));
		clock.advance(20);
	}
	clock.advance(25);
	assert.ok(seen.length >= 3 && seen.length <= 4, `${seen.length} snapshots`);
	assert.equal(seen.at(-1)?.snapshot.destinationRules.length, 30);
});

test("a change of endpoints is told as such", async () => {
	const { kube, clock, seen } = await start();
	kube.change((f) => {
		const slice = f.list("EndpointSlice")[0]!;
		f.put({ ...slice, endpoints: [] });
	});
	clock.advance(25);
	assert.equal(seen[0]?.change.endpointsOnly, true);
	assert.deepEqual(seen[0]?.snapshot.endpoints.get("web.default.svc.cluster.local"), []);
	assert.equal(seen[0]?.snapshot.services[0]?.meta.name, "web");
});

test("what does not shape configuration makes no snapshot", async () => {
	const { kube, clock, seen } = await start();
	kube.change((f) => {
		const pod = f.pod("web");
		f.put({ ...pod, status: { ...(pod.status as object), conditions: [{ type: "Ready", status: "True" }] } });
	});
	clock.advance(300);
	assert.equal(seen.length, 0);
	kube.change((f) => {
		const pod = f.pod("web");
		f.put({ ...pod, metadata: { ...pod.metadata, labels: { app: "web", version: "v2" } } });
	});
	clock.advance(25);
	assert.equal(seen.length, 1);
});

test("the mesh configuration is read from its ConfigMap, and broken YAML leaves the one from before", async () => {
	const { kube, clock, registry } = await start();
	const put = (mesh: string) => {
		kube.change((f) =>
			f.put({
				apiVersion: "v1",
				kind: "ConfigMap",
				metadata: { name: "istio", namespace: "istio-system" },
				data: { mesh },
			}),
		);
		clock.advance(25);
		return registry.snapshot!.mesh;
	};
	assert.equal(put("accessLogFile: /dev/stdout\nconnectTimeout: 3s").connectTimeoutMs, 3000);
	assert.equal(put("accessLogFile: [").accessLogFile, "/dev/stdout");
	assert.equal(put("accessLogFile: [").connectTimeoutMs, 3000);
	const later = put("outboundTrafficPolicy: { mode: REGISTRY_ONLY }\nweightedFailover: false");
	assert.deepEqual(
		[later.outboundTrafficPolicy, later.weightedFailover, later.connectTimeoutMs],
		["REGISTRY_ONLY", false, 10_000],
	);
});

test("objects that cannot be used are counted", async () => {
	const { kube, clock, metrics, registry } = await start();
	kube.change((f) => f.apply(rule("bad", "[1]")));
	clock.advance(25);
	assert.equal(registry.snapshot?.problems[0]?.ref.name, "bad");
	assert.match(formatPrometheus(metrics), /pilot_total_rejected_configs 1/);
	assert.match(formatPrometheus(metrics), /pilot_push_triggers\{type="config"\} 1/);
});
