import assert from "node:assert/strict";
import { test } from "node:test";
import { type DescMessage, fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import type { Problem } from "../../../lib/problem.ts";
import { LayeredRuntimeSchema } from "../../../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { ClusterSchema } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { RouteConfigurationSchema } from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { applyRuntime } from "./apply-runtime.ts";
import { readRuntimeLayers } from "./runtime-layers.ts";

const registry = xdsRegistry();

function layers(...list: JsonObject[]) {
	const problems: Problem[] = [];
	const runtime = readRuntimeLayers(fromJson(LayeredRuntimeSchema, { layers: list }, { registry }), problems);
	return { runtime, problems };
}

const fixed = (name: string, staticLayer: JsonObject) => ({ name, staticLayer });

function applied(desc: DescMessage, json: JsonValue, values: JsonObject): JsonValue {
	const { runtime } = layers(fixed("l", values));
	return toJson(desc, applyRuntime(desc, fromJson(desc, json, { registry }), runtime), { registry });
}

test("later layers win, nested structs are dotted keys, fractions stay whole", () => {
	const { runtime } = layers(
		fixed("a", { "flat.key": 1, nested: { key: true, fraction: { numerator: 5, denominator: "MILLION" } } }),
		fixed("b", { flat: { key: 2 } }),
		{ name: "admin", adminLayer: {} },
	);
	assert.deepEqual(Object.fromEntries(runtime.values), {
		"flat.key": 2,
		"nested.key": true,
		"nested.fraction": { numerator: 5, denominator: "MILLION" },
	});
	assert.deepEqual(
		runtime.layers.map(({ name }) => name),
		["a", "b", "admin"],
	);
});

test("layers that need a source are refused by path", () => {
	const { problems } = layers({ name: "disk", diskLayer: { symlinkRoot: "/x" } }, { name: "rtds", rtdsLayer: {} });
	assert.deepEqual(
		problems.map(({ path }) => path),
		["layered_runtime.layers[0]", "layered_runtime.layers[1]"],
	);
});

test("defaults with a key take the runtime's value, deep in extensions too; others stay", () => {
	const fault = (percent: JsonObject) => ({
		"@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
		filterEnabled: percent,
	});
	const route = (runtimeFraction: JsonObject, filterEnabled: JsonObject) => ({
		virtualHosts: [
			{
				name: "v",
				domains: ["*"],
				routes: [
					{
						match: { prefix: "/", runtimeFraction },
						directResponse: { status: 200 },
						typedPerFilterConfig: { cors: fault(filterEnabled) },
					},
				],
			},
		],
	});
	const before = route(
		{ defaultValue: { numerator: 1 }, runtimeKey: "route.share" },
		{ defaultValue: { numerator: 2 }, runtimeKey: "cors.share" },
	);
	const after = route(
		{ defaultValue: { numerator: 30 }, runtimeKey: "route.share" },
		{ defaultValue: { numerator: 7, denominator: "TEN_THOUSAND" }, runtimeKey: "cors.share" },
	);
	const values = { "route.share": 30, "cors.share": { numerator: 7, denominator: "TEN_THOUSAND" } };
	assert.deepEqual(applied(RouteConfigurationSchema, before, values), after);
	assert.deepEqual(applied(RouteConfigurationSchema, before, { "route.other": 30, "cors.share": "x" }), before);
});

test("keys that name a cluster change its limits", () => {
	const cluster = (maxRequests: number) => ({
		name: "app",
		circuitBreakers: { thresholds: [{ maxRequests }] },
	});
	const values = { "circuit_breakers.app.default.max_requests": 3, "circuit_breakers.other.default.max_requests": 4 };
	assert.deepEqual(applied(ClusterSchema, cluster(10), values), cluster(3));
});
