import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_MESH_CONFIG, parseMeshConfig } from "./mesh-config.ts";

test("an empty document gives Istio's defaults and Lateen's own", () => {
	const { config, problems } = parseMeshConfig({});
	assert.deepEqual(problems, []);
	assert.deepEqual(config, DEFAULT_MESH_CONFIG);
	assert.equal(config.weightedFailover, true);
	assert.equal(config.connectTimeoutMs, 10_000);
});

test("enum zero is REGISTRY_ONLY, absence is ALLOW_ANY", () => {
	assert.equal(parseMeshConfig({ outboundTrafficPolicy: {} }).config.outboundTrafficPolicy, "REGISTRY_ONLY");
	assert.equal(parseMeshConfig({}).config.outboundTrafficPolicy, "ALLOW_ANY");
});

test("what cannot be read or is not obeyed is told, the rest counts", () => {
	const { config, problems } = parseMeshConfig({
		connectTimeout: "soon",
		accessLogFile: "/dev/stdout",
		extensionProviders: [],
		defaultConfig: { tracing: { sampling: 50, zipkin: { address: "z" } } },
		pathNormalization: { normalization: "MERGE_SLASHES" },
	});
	assert.equal(config.connectTimeoutMs, 10_000);
	assert.equal(config.accessLogFile, "/dev/stdout");
	assert.equal(config.tracingSamplingPercent, 50);
	assert.equal(config.pathNormalization, "MERGE_SLASHES");
	assert.deepEqual(
		problems.map((p) => [p.code, p.path]),
		[
			["LTN1501", "mesh.connectTimeout"],
			["LTN1502", "mesh.defaultConfig.tracing.zipkin"],
			["LTN1502", "mesh.extensionProviders"],
		],
	);
});
