import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ProblemError } from "../../../lib/problem.ts";
import { ClusterSchema } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { findUnsupported } from "../../../xds/supported.ts";
import { compileCluster } from "./compile-cluster.ts";
import { SUPPORTED } from "./supported.ts";

const clusterWith = (typeUrl: string) => {
	const typed_config = {
		"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
		type_url: `type.googleapis.com/${typeUrl}`,
		value: { protocol: "istio-peer-exchange", enable_discovery: true },
	};
	const json: JsonObject = { name: "c", type: "STATIC", filters: [{ name: "f", typed_config }] };
	return fromJson(ClusterSchema, json, { registry: xdsRegistry() });
};

test("Istio's metadata exchange on a cluster is taken, any other filter refused", () => {
	const exchange = clusterWith("envoy.tcp.metadataexchange.config.MetadataExchange");
	assert.deepEqual(
		findUnsupported(ClusterSchema, exchange, {
			...SUPPORTED,
			"envoy.tcp.metadataexchange.config.MetadataExchange": "*",
		}),
		[],
	);
	compileCluster(exchange);
	assert.throws(
		() => compileCluster(clusterWith("envoy.filters.other"), "c"),
		(error: unknown) => {
			assert.ok(error instanceof ProblemError);
			assert.deepEqual(
				error.problems.map(({ code, path }) => [code, path]),
				[["LTN3263", "c.filters[0]"]],
			);
			return true;
		},
	);
});
