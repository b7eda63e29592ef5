import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../lib/clock.ts";
import { ProblemError } from "../../lib/problem.ts";
import { seededRandom } from "../../lib/random.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { OverloadManagerSchema } from "../../xds/generated/envoy/config/overload/v3/overload_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { compileOverload } from "./compile-overload.ts";
import { OverloadManager } from "./overload-manager.ts";

const MONITORS = "type.googleapis.com/envoy.extensions.resource_monitors";
const heap = (bytes: number) => ({
	name: "heap",
	typedConfig: { "@type": `${MONITORS}.fixed_heap.v3.FixedHeapConfig`, maxHeapSizeBytes: String(bytes) },
});
const connections = (limit: number) => ({
	name: "connections",
	typedConfig: {
		"@type": `${MONITORS}.downstream_connections.v3.DownstreamConnectionsConfig`,
		maxActiveDownstreamConnections: String(limit),
	},
});
const at = (resource: string, value: number) => ({ name: resource, threshold: { value } });

const compile = (json: JsonObject) =>
	compileOverload(fromJson(OverloadManagerSchema, json, { registry: xdsRegistry() }), "overload_manager");

function setUp(json: JsonObject) {
	const clock = new ManualClock();
	const metrics = new MetricRegistry();
	const seen = { memory: 0, shrunk: 0 };
	const manager = new OverloadManager(compile(json), {
		clock,
		random: seededRandom(1),
		metrics,
		memoryBytes: () => seen.memory,
		shrinkHeap: () => void seen.shrunk++,
	});
	const gauge = (name: string) => metrics.scope("overload.").gauge(name).value;
	return { clock, manager, seen, gauge };
}

test("memory beyond a threshold refuses requests, ends keep-alive and stops accepting until it is less", () => {
	const { clock, manager, seen, gauge } = setUp({
		refreshInterval: "0.25s",
		resourceMonitors: [heap(1000)],
		actions: [
			{ name: "envoy.overload_actions.disable_http_keepalive", triggers: [at("heap", 0.8)] },
			{ name: "envoy.overload_actions.stop_accepting_requests", triggers: [at("heap", 0.9)] },
			{ name: "envoy.overload_actions.stop_accepting_connections", triggers: [at("heap", 0.95)] },
			{ name: "envoy.overload_actions.shrink_heap", triggers: [at("heap", 0.95)] },
		],
	});
	const state = () => [manager.endsKeepAlive(), manager.refusesRequest(), manager.connectionBegins() === "accept"];
	assert.deepEqual(state(), [false, false, true]);
	seen.memory = 900;
	clock.advance(249);
	assert.deepEqual(state(), [false, false, true], "read once per interval");
	clock.advance(1);
	assert.deepEqual(state(), [true, true, true]);
	assert.equal(gauge("heap.pressure"), 90);
	assert.equal(gauge("envoy.overload_actions.stop_accepting_requests.active"), 1);
	seen.memory = 950;
	clock.advance(250);
	assert.deepEqual(state(), [true, true, false]);
	assert.equal(seen.shrunk, 1);
	seen.memory = 10;
	clock.advance(250);
	assert.deepEqual(state(), [false, false, true]);
});

test("a scaled trigger sheds a share that grows", () => {
	const { clock, manager, seen, gauge } = setUp({
		resourceMonitors: [heap(100)],
		actions: [
			{
				name: "envoy.overload_actions.stop_accepting_requests",
				triggers: [{ name: "heap", scaled: { scalingThreshold: 0.5, saturationThreshold: 0.9 } }],
			},
		],
	});
	const refused = () => Array.from({ length: 1000 }, () => manager.refusesRequest()).filter((yes) => yes).length;
	assert.equal(refused(), 0);
	seen.memory = 60;
	clock.advance(1000);
	assert.ok(refused() > 200 && refused() < 300);
	assert.equal(gauge("envoy.overload_actions.stop_accepting_requests.scale_percent"), 25);
	seen.memory = 90;
	clock.advance(1000);
	assert.equal(refused(), 1000);
});

test("connections beyond the limit are refused at once, whatever the interval", () => {
	const { manager } = setUp({ resourceMonitors: [connections(2)] });
	assert.deepEqual(
		[1, 2, 3].map(() => manager.connectionBegins()),
		["accept", "accept", "overflow"],
	);
	manager.connectionEnded();
	assert.equal(manager.connectionBegins(), "accept");
});

test("every problem is told with its path", () => {
	const json = {
		resourceMonitors: [heap(0), { name: "x", typedConfig: { "@type": "type.googleapis.com/google.protobuf.Empty" } }],
		actions: [
			{ name: "envoy.overload_actions.reset_high_memory_stream", triggers: [at("heap", 2)] },
			{ name: "envoy.overload_actions.shrink_heap", triggers: [at("nobody", 0.5)] },
		],
	};
	assert.throws(
		() => compile(json),
		(error) => {
			assert.ok(error instanceof ProblemError);
			assert.deepEqual(
				error.problems.map(({ path }) => path),
				[
					"overload_manager.resource_monitors[0].max_heap_size_bytes",
					"overload_manager.resource_monitors[1]",
					"overload_manager.actions[0].triggers[0].threshold.value",
					"overload_manager.actions[0].name",
					"overload_manager.actions[1].triggers[0].name",
				],
			);
			return true;
		},
	);
});
