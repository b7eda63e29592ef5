import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ProblemError } from "../../lib/problem.ts";
import { ListenerSchema } from "../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { findUnsupported, mergeSupported } from "../../xds/supported.ts";
import { SUPPORTED as HCM_SUPPORTED } from "../hcm/parse-hcm.ts";
import { parseListener, SUPPORTED } from "./parse-listener.ts";

const TYPES = "type.googleapis.com/envoy.extensions.filters.network";
const HCM = `${TYPES}.http_connection_manager.v3.HttpConnectionManager`;
const ROUTER = {
	name: "router",
	typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
};

const chain = (config: JsonObject): JsonObject => ({ filters: [{ name: "f", typed_config: config }] });

function http(change: JsonObject = {}): JsonObject {
	const base = { "@type": HCM, stat_prefix: "in", rds: { route_config_name: "r" }, http_filters: [ROUTER] };
	return chain({ ...base, ...change });
}

function listener(chains: readonly JsonObject[], change: JsonObject = {}) {
	const address = { socket_address: { address: "127.0.0.1", port_value: 8080 } };
	return fromJson(
		ListenerSchema,
		{ name: "l", address, filter_chains: [...chains], ...change },
		{ registry: xdsRegistry() },
	);
}

function problems(...args: Parameters<typeof listener>): string[] {
	try {
		parseListener(listener(...args), "listeners[0]", []);
		return [];
	} catch (error) {
		assert.ok(error instanceof ProblemError);
		return error.problems.map(({ code, path }) => `${code} ${path}`);
	}
}

test("a plain HTTP listener, with Envoy's defaults", () => {
	const config = parseListener(listener([http()]), "", []);
	assert.deepEqual(
		[config.name, config.address, config.port, config.reusePort, config.perConnectionBufferLimitBytes],
		["l", "127.0.0.1", 8080, false, 1024 * 1024],
	);
	assert.ok(config.chain.kind === "http");
	const { hcm } = config.chain;
	assert.deepEqual(hcm.routes, { kind: "rds", name: "r" });
	assert.deepEqual(
		[hcm.serverName, hcm.timeouts.streamIdleMs, hcm.timeouts.idleMs, hcm.http1.maxHeadBytes, hcm.http1.maxFields],
		["envoy", 300_000, 3_600_000, 61_440, 100],
	);
});

test("settings of the connection manager", () => {
	const config = parseListener(
		listener([
			http({
				server_name: "istio-envoy",
				stream_idle_timeout: "0s",
				use_remote_address: true,
				xff_num_trusted_hops: 2,
				normalize_path: true,
				strip_any_host_port: true,
				upgrade_configs: [{ upgrade_type: "WebSocket" }, { upgrade_type: "CONNECT", enabled: false }],
				tracing: { random_sampling: { value: 1 } },
				http_protocol_options: { accept_http_10: true },
				common_http_protocol_options: { idle_timeout: "5s", max_requests_per_connection: 7 },
			}),
		]),
		"",
		[],
	);
	assert.ok(config.chain.kind === "http");
	const { hcm } = config.chain;
	assert.equal(hcm.serverName, "istio-envoy");
	assert.deepEqual([hcm.timeouts.streamIdleMs, hcm.timeouts.idleMs, hcm.maxRequestsPerConnection], [0, 5000, 7]);
	assert.deepEqual([hcm.identity.useRemoteAddress, hcm.identity.xffNumTrustedHops], [true, 2]);
	assert.deepEqual([hcm.path.normalizePath, hcm.path.stripPort], [true, "any"]);
	assert.deepEqual([...hcm.upgrades], ["websocket"]);
	assert.deepEqual([hcm.tracing!.randomSampling, hcm.tracing!.overallSampling], [10_000, 1_000_000]);
	assert.equal(hcm.http1.acceptHttp10, true);
});

test("tcp_proxy to one cluster or by weight", () => {
	const one = parseListener(
		listener([chain({ "@type": `${TYPES}.tcp_proxy.v3.TcpProxy`, stat_prefix: "t", cluster: "c" })]),
		"",
		[],
	);
	assert.ok(one.chain.kind === "tcp");
	assert.deepEqual(one.chain.tcp.clusters, [{ name: "c", weight: 1 }]);
	const clusters = [
		{ name: "a", weight: 3 },
		{ name: "b", weight: 1 },
	];
	const weighted = { "@type": `${TYPES}.tcp_proxy.v3.TcpProxy`, stat_prefix: "t", weighted_clusters: { clusters } };
	const two = parseListener(listener([chain(weighted)]), "", []);
	assert.ok(two.chain.kind === "tcp");
	assert.deepEqual(two.chain.tcp.clusters, clusters);
});

test("what is missing or not there yet is refused by its path, all of it at once", () => {
	const at = "listeners[0].filter_chains[0].filters[0].typed_config";
	assert.deepEqual(problems([]), ["LTN3113 listeners[0].filter_chains"]);
	assert.deepEqual(problems([http(), http()]), ["LTN3111 listeners[0].filter_chains[1]"]);
	assert.deepEqual(
		problems([http({ stat_prefix: "", codec_type: "HTTP2", forward_client_cert_details: "SANITIZE_SET" })]),
		[`LTN3101 ${at}.codec_type`, `LTN3101 ${at}.forward_client_cert_details`, `LTN3103 ${at}.stat_prefix`],
	);
	assert.deepEqual(
		problems([http({ internal_address_config: { cidr_ranges: [{ address_prefix: "x", prefix_len: 8 }] } })]),
		[`LTN3102 ${at}.internal_address_config.cidr_ranges[0]`],
	);
	assert.equal(problems([http({ http_filters: [] })]).length, 1);
	assert.deepEqual(problems([{ filters: [] }]), ["LTN3113 listeners[0].filter_chains[0].filters"]);
	assert.deepEqual(problems([http()], { address: { pipe: { path: "/x" } } }), [
		"LTN3113 listeners[0].address.socket_address",
	]);
});

test("fields that nobody obeys are found by their path", () => {
	const table = mergeSupported(SUPPORTED, HCM_SUPPORTED, { "envoy.extensions.filters.http.router.v3.Router": "*" });
	const message = listener([{ ...http({ add_user_agent: true }), filter_chain_match: { destination_port: 80 } }], {
		use_original_dst: true,
	});
	assert.deepEqual(
		findUnsupported(ListenerSchema, message, table).map(({ path }) => path),
		[
			"filter_chains[0].filter_chain_match",
			"filter_chains[0].filters[0].typed_config.add_user_agent",
			"use_original_dst",
		],
	);
	assert.deepEqual(findUnsupported(ListenerSchema, create(ListenerSchema, listener([http()])), table), []);
});
