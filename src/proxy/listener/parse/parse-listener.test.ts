import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../../lib/clock.ts";
import { ProblemError } from "../../../lib/problem.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { ListenerSchema } from "../../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { findUnsupported, mergeSupported } from "../../../xds/supported.ts";
import { SUPPORTED as HCM_SUPPORTED } from "../../hcm/parse-hcm.ts";
import { plainConnection } from "../../http/info/connection-info.ts";
import { networkFilterFactories } from "../../network/network-filters.ts";
import { networkFilterDeps } from "../../network/network-fixture.ts";
import { SUPPORTED as NETWORK_SUPPORTED } from "../../network/supported.ts";
import type { DownstreamTransport } from "../downstream-transport.ts";
import { SUPPORTED } from "../supported.ts";
import { parseListener } from "./parse-listener.ts";

const TYPES = "type.googleapis.com/envoy.extensions.filters";
const HCM = `${TYPES}.network.http_connection_manager.v3.HttpConnectionManager`;
const ROUTER = {
	name: "router",
	typed_config: { "@type": `${TYPES}.http.router.v3.Router` },
};

const clock = new ManualClock();
const metrics = new MetricRegistry();
const transport: DownstreamTransport = { accept: () => {} };
const parsing = {
	clock,
	metrics,
	env: { hostname: "h", nowMs: () => 0, environment: () => undefined },
	direction: "outbound" as const,
	httpFilters: () => [],
	networkFilters: networkFilterFactories(networkFilterDeps(clock, metrics)),
	transport: () => transport,
};

const filter = (config: JsonObject): JsonObject => ({ name: "f", typed_config: config });
const chain = (...configs: JsonObject[]): JsonObject => ({ filters: configs.map(filter) });

function http(change: JsonObject = {}): JsonObject {
	const base = {
		"@type": HCM,
		stat_prefix: "in",
		rds: { route_config_name: "r", config_source: { ads: {} } },
		http_filters: [ROUTER],
	};
	return { ...base, ...change };
}

function tcp(change: JsonObject = { cluster: "c" }): JsonObject {
	return { "@type": `${TYPES}.network.tcp_proxy.v3.TcpProxy`, stat_prefix: "t", ...change };
}

function listener(chains: readonly JsonObject[], change: JsonObject = {}) {
	const address = { socket_address: { address: "127.0.0.1", port_value: 8080 } };
	return fromJson(
		ListenerSchema,
		{ name: "l", address, filter_chains: [...chains], ...change },
		{ registry: xdsRegistry() },
	);
}

const parse = (...args: Parameters<typeof listener>) => parseListener(listener(...args), "l", parsing);

function problems(...args: Parameters<typeof listener>): string[] {
	try {
		parse(...args);
		return [];
	} catch (error) {
		assert.ok(error instanceof ProblemError);
		return error.problems.map(({ code, path }) => `${code} ${path}`);
	}
}

const listenerFilter = (type: string, change: JsonObject = {}, more: JsonObject = {}): JsonObject => ({
	name: type,
	typed_config: { "@type": `${TYPES}.listener.${type}`, ...change },
	...more,
});

test("a plain HTTP listener, with Envoy's defaults", () => {
	const config = parse([chain(http())]);
	assert.deepEqual(config.addresses, [{ kind: "ip", ip: "127.0.0.1", port: 8080 }]);
	assert.deepEqual(
		[config.name, config.bindToPort, config.reusePort, config.statPrefix, config.perConnectionBufferLimitBytes],
		["l", true, false, "127.0.0.1_8080", 1024 * 1024],
	);
	assert.deepEqual([config.listenerFiltersTimeoutMs, config.continueOnTimeout], [15_000, false]);
	const { terminal, transportConnectTimeoutMs } = config.chains[0]!;
	assert.ok(terminal.kind === "http");
	assert.deepEqual(
		[terminal.hcm.routes, transportConnectTimeoutMs],
		[{ kind: "rds", name: "r", source: { kind: "ads" }, initialFetchMs: 15_000 }, 0],
	);
});

test("settings of a listener", () => {
	const config = parse([chain(tcp())], {
		address: { pipe: { path: "/run/l.sock", mode: 0o600 } },
		additional_addresses: [{ address: { socket_address: { address: "::1", port_value: 0 } } }],
		stat_prefix: "s",
		bind_to_port: false,
		use_original_dst: process.platform === "linux",
		enable_reuse_port: true,
		tcp_backlog_size: 7,
		tcp_keepalive: { keepalive_time: 3, keepalive_interval: 2, keepalive_probes: 1 },
		listener_filters_timeout: "0s",
		continue_on_listener_filters_timeout: true,
		per_connection_buffer_limit_bytes: 1000,
		ignore_global_conn_limit: true,
		bypass_overload_manager: true,
	});
	assert.deepEqual(config.addresses, [
		{ kind: "pipe", path: "/run/l.sock", mode: 0o600 },
		{ kind: "ip", ip: "::1", port: 0 },
	]);
	assert.deepEqual(
		[config.statPrefix, config.bindToPort, config.reusePort, config.backlog, config.keepAlive],
		["s", false, true, 7, { idleMs: 3000, intervalMs: 2000, probes: 1 }],
	);
	assert.deepEqual(
		[config.listenerFiltersTimeoutMs, config.continueOnTimeout, config.perConnectionBufferLimitBytes],
		[0, true, 1000],
	);
	assert.equal(config.ignoreGlobalConnectionLimit, true);
	assert.equal(config.bypassesOverloadManager, true);
	// A listener that restores destinations has the filter for it, written or not.
	if (process.platform === "linux") assert.equal(config.listenerFilters.length, 1);
});

test("tcp_proxy to one cluster or by weight", () => {
	const targets = (change: JsonObject) => {
		const terminal = parse([chain(tcp(change))]).chains[0]?.terminal;
		assert.ok(terminal?.kind === "tcp");
		return terminal.tcp.clusters;
	};
	assert.deepEqual(targets({ cluster: "c" }), [{ name: "c", weight: 1, metadataMatch: undefined }]);
	const clusters = [
		{ name: "a", weight: 3 },
		{ name: "b", weight: 1 },
	];
	assert.deepEqual(
		targets({ weighted_clusters: { clusters } }),
		clusters.map((target) => ({ ...target, metadataMatch: undefined })),
	);
});

test("chains are chosen by criteria; the default chain takes the rest", () => {
	const named = (name: string, match: JsonObject) => ({ ...chain(tcp()), name, filter_chain_match: match });
	const config = parse([named("tls", { transport_protocol: "tls" }), named("port", { destination_port: 80 })], {
		default_filter_chain: named("rest", {}),
	});
	const pick = (transportProtocol: "tls" | "raw_buffer", localPort: number) => {
		const connection = {
			...plainConnection({ localAddress: "10.0.0.1", localPort, remoteAddress: "192.0.2.1" }),
			transportProtocol,
		};
		return config.pickChain({ ...connection, offeredProtocols: [] })?.name;
	};
	assert.deepEqual([pick("tls", 443), pick("tls", 80), pick("raw_buffer", 443)], ["tls", "port", "rest"]);
	assert.deepEqual(
		config.chains.map(({ name }) => name),
		["tls", "port", "rest"],
	);
});

test("transport sockets, network filters and their timeout", () => {
	const secured = {
		...chain({ "@type": `${TYPES}.network.sni_cluster.v3.SniCluster` }, tcp()),
		transport_socket: { name: "tls" },
		transport_socket_connect_timeout: "2s",
	};
	const [config] = parse([secured]).chains;
	assert.equal(config?.transport, transport);
	assert.deepEqual([config?.filters.length, config?.transportConnectTimeoutMs], [1, 2000]);
	const raw = {
		...chain(tcp()),
		transport_socket: {
			name: "raw",
			typed_config: { "@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer" },
		},
	};
	assert.equal(parse([raw]).chains[0]?.transport, undefined);
});

test("two versions differ in place when nothing but chains differs", () => {
	const one = parse([chain(tcp())]);
	const two = parse([chain(tcp()), { ...chain(tcp()), filter_chain_match: { destination_port: 1 } }]);
	assert.equal(one.fingerprint, two.fingerprint);
	assert.equal(one.chains[0]!.key, two.chains[0]!.key);
	assert.notEqual(one.chains[0]!.key, two.chains[1]!.key);
	assert.notEqual(one.fingerprint, parse([chain(tcp())], { tcp_backlog_size: 1 }).fingerprint);
});

test("listener filters with what turns them off", () => {
	const config = parse([chain(tcp())], {
		listener_filters: [
			listenerFilter(
				"tls_inspector.v3.TlsInspector",
				{},
				{
					filter_disabled: { destination_port_range: { start: 80, end: 81 } },
				},
			),
			listenerFilter("http_inspector.v3.HttpInspector"),
			listenerFilter("proxy_protocol.v3.ProxyProtocol", { rules: [{ tlv_type: 2, on_tlv_present: { key: "k" } }] }),
			listenerFilter("local_ratelimit.v3.LocalRateLimit", {
				stat_prefix: "s",
				token_bucket: { max_tokens: 1, fill_interval: "1s" },
			}),
		],
	});
	assert.equal(config.listenerFilters.length, 4);
	const disabled = (localPort: number) => config.listenerFilters[0]!.disabled!({ localPort } as never);
	assert.deepEqual([disabled(79), disabled(80), disabled(81)], [false, true, false]);
});

test("what is missing, wrong or not there yet is refused by its path, all of it at once", () => {
	const at = "l.filter_chains[0].filters[0].typed_config";
	assert.deepEqual(problems([]), ["LTN3113 l.filter_chains"]);
	assert.deepEqual(problems([chain(tcp()), chain(tcp())]), ["LTN3114 l.filter_chains[1].filter_chain_match"]);
	assert.deepEqual(problems([chain(http({ stat_prefix: "" }))]), [`LTN3103 ${at}.stat_prefix`]);
	assert.deepEqual(problems([chain(tcp({ stat_prefix: "" }))]), [`LTN3123 ${at}.stat_prefix`, `LTN3123 ${at}.cluster`]);
	assert.deepEqual(problems([{ filters: [] }]), ["LTN3113 l.filter_chains[0].filters"]);
	assert.deepEqual(problems([chain(tcp(), tcp())]), ["LTN3114 l.filter_chains[0].filters[0]"]);
	const sni = { "@type": `${TYPES}.network.sni_cluster.v3.SniCluster` };
	assert.deepEqual(problems([chain(sni)]), ["LTN3114 l.filter_chains[0].filters[0]"]);
	assert.deepEqual(
		problems([chain(tcp())], {
			address: { socket_address: { address: "localhost", port_value: 1 } },
			transparent: true,
			freebind: true,
			listener_filters: [{ name: "x" }],
		}),
		[
			"LTN3111 l.transparent",
			"LTN3111 l.freebind",
			"LTN3114 l.address.socket_address.address",
			"LTN3113 l.listener_filters[0].typed_config",
		],
	);
	assert.deepEqual(problems([chain(tcp())], { address: { pipe: { path: "" } } }), ["LTN3113 l.address.pipe.path"]);
	assert.deepEqual(
		problems([chain(tcp())], {
			listener_filters: [listenerFilter("proxy_protocol.v3.ProxyProtocol", { disallowed_versions: ["V1", "V2"] })],
		}),
		["LTN3114 l.listener_filters[0].typed_config.disallowed_versions"],
	);
});

test("fields that nobody obeys are found by their path", () => {
	const table = mergeSupported(SUPPORTED, NETWORK_SUPPORTED, HCM_SUPPORTED, {
		"envoy.extensions.filters.http.router.v3.Router": "*",
	});
	const message = listener([{ ...chain(tcp({ cluster: "c", on_demand: {} })), use_proxy_proto: true }], {
		socket_options: [{ level: 1, name: 2, int_value: 3 }],
	});
	assert.deepEqual(
		findUnsupported(ListenerSchema, message, table).map(({ path }) => path),
		["filter_chains[0].filters[0].typed_config.on_demand", "filter_chains[0].use_proxy_proto", "socket_options"],
	);
	assert.deepEqual(findUnsupported(ListenerSchema, listener([chain(http())]), table), []);
});

test("a matcher chooses chains by their names", () => {
	const name = (value: string): JsonObject => ({
		action: { name: "chain", typed_config: { "@type": "type.googleapis.com/google.protobuf.StringValue", value } },
	});
	const input = (type: string): JsonObject => ({
		name: "input",
		typed_config: { "@type": `type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.${type}` },
	});
	const by = (predicate: JsonObject, chain: string): JsonObject => ({ predicate, on_match: name(chain) });
	const single = (type: string, exact: string): JsonObject => ({
		single_predicate: { input: input(type), value_match: { exact } },
	});
	const matcher: JsonObject = {
		matcher_list: {
			matchers: [
				by(single("ApplicationProtocolInput", "'h2','http/1.1'"), "alpn"),
				by(single("TransportProtocolInput", "tls"), "tls"),
			],
		},
		on_no_match: {
			matcher: {
				matcher_tree: { input: input("DestinationPortInput"), exact_match_map: { map: { "80": name("port") } } },
			},
		},
	};
	const named = (chainName: string) => ({ ...chain(tcp()), name: chainName });
	const config = parse([named("alpn"), named("tls"), named("port")], {
		filter_chain_matcher: matcher,
		default_filter_chain: named("rest"),
	});
	const pick = (offeredProtocols: string[], transportProtocol: "tls" | "raw_buffer", localPort: number) =>
		config.pickChain({ ...plainConnection({ localPort }), transportProtocol, offeredProtocols })?.name;
	assert.deepEqual(
		[
			pick(["h2", "http/1.1"], "tls", 80),
			pick(["h2"], "tls", 80),
			pick([], "raw_buffer", 80),
			pick([], "raw_buffer", 81),
		],
		["alpn", "tls", "port", "rest"],
	);
	assert.deepEqual(problems([chain(tcp()), named("a"), named("a")], { filter_chain_matcher: matcher }), [
		"LTN3113 l.filter_chains[0].name",
		"LTN3114 l.filter_chains[2].name",
	]);
});

test("Istio's filters are known by their own type, wrapped or not", () => {
	const plain = { "@type": "type.googleapis.com/stats.PluginConfig" };
	const wrapped = {
		"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
		type_url: plain["@type"],
		value: { disable_host_header_fallback: true },
	};
	assert.deepEqual(
		[plain, wrapped].map((config) => parse([chain(config, tcp())]).chains[0]!.filters.length),
		[1, 1],
	);
});
