import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { packAny } from "./any.ts";
import { ClusterSchema } from "./generated/envoy/config/cluster/v3/cluster_pb.ts";
import { ListenerSchema } from "./generated/envoy/config/listener/v3/listener_pb.ts";
import { RouterSchema } from "./generated/envoy/extensions/filters/http/router/v3/router_pb.ts";
import { findUnsupported, mergeSupported } from "./supported.ts";

test("a set field that no room obeys is a problem with its path; zero values are not", () => {
	const cluster = create(ClusterSchema, {
		name: "a",
		altStatName: "b",
		connectTimeout: { seconds: 1n },
		loadAssignment: {
			clusterName: "a",
			endpoints: [
				{ priority: 1, lbEndpoints: [] },
				{ priority: 0, proximity: 3 },
			],
		},
	});
	const supported = mergeSupported(
		{ "envoy.config.cluster.v3.Cluster": ["name"] },
		{
			"envoy.config.cluster.v3.Cluster": ["connect_timeout", "load_assignment"],
			"envoy.config.endpoint.v3.ClusterLoadAssignment": ["cluster_name", "endpoints"],
			"envoy.config.endpoint.v3.LocalityLbEndpoints": ["priority"],
		},
	);
	assert.deepEqual(
		findUnsupported(ClusterSchema, cluster, supported).map((p) => `${p.code} ${p.path}`),
		["LTN3001 alt_stat_name", "LTN3001 load_assignment.endpoints[1].proximity"],
	);
});

test("extensions are walked through Any; an unknown type is named", () => {
	const listener = create(ListenerSchema, {
		name: "l",
		filterChains: [
			{
				filters: [
					{ name: "a", configType: { case: "typedConfig", value: packAny(RouterSchema, { startChildSpan: true }) } },
				],
			},
			{
				filters: [
					{ name: "b", configType: { case: "typedConfig", value: { typeUrl: "type.googleapis.com/no.Such" } } },
				],
			},
		],
	});
	const supported = {
		"envoy.config.listener.v3.Listener": ["name", "filter_chains"],
		"envoy.config.listener.v3.FilterChain": ["filters"],
		"envoy.config.listener.v3.Filter": ["name", "typed_config"],
		"envoy.extensions.filters.http.router.v3.Router": [],
	};
	const found = findUnsupported(ListenerSchema, listener, supported);
	assert.deepEqual(
		found.map((p) => `${p.code} ${p.path}`),
		[
			"LTN3001 filter_chains[0].filters[0].typed_config.start_child_span",
			"LTN3003 filter_chains[1].filters[0].typed_config",
		],
	);
	assert.match(found[1]!.message, /no\.Such/);
});
