import type { JsonObject } from "@bufbuild/protobuf";
import { any, endpoint, httpListener, socketAddress, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const NAMES = ["a", "b", "c", "d", "e"] as const;
const KEYS = Array.from({ length: 40 }, (_, i) => `key-${i}`);

const BY_HEADER: JsonObject = { hash_policy: [{ header: { header_name: "x-key" } }] };

/** Forty requests with keys: the endpoint of each. */
const keyed = (name: string, path: string): Case => ({
	name,
	send: KEYS.map((key) => ({ path, headers: { "x-key": key } })),
	compare: ({ log }) => log.map((line) => (line as { host: string }).host),
});

const policy = (name: string, type: string, value: JsonObject): JsonObject => ({
	typed_extension_config: {
		name: `envoy.load_balancing_policies.${name}`,
		typed_config: any(`envoy.extensions.load_balancing_policies.${type}`, value),
	},
});

scene("hashing", {
	upstreams: Object.fromEntries(NAMES.map((name) => [name, http1()])),
	sharedUpstreams: true,
	bootstrap: (at) => {
		const endpoints = (more: (i: number) => JsonObject = () => ({})) => [
			{ lb_endpoints: NAMES.map((name, i) => endpoint(at.port(name), more(i))) },
		];
		const named = NAMES.map((name) => ({
			endpoint: { address: socketAddress(at.port(name)), hostname: `${name}.test` },
		}));
		const make = (name: string, more: JsonObject, groups: JsonObject[] = endpoints()): JsonObject => ({
			name,
			type: "STATIC",
			connect_timeout: "1s",
			load_assignment: { cluster_name: name, endpoints: groups },
			...more,
		});
		const byLocality = [
			{
				locality: { zone: "a" },
				load_balancing_weight: 1,
				lb_endpoints: NAMES.slice(0, 2).map((name) => endpoint(at.port(name))),
			},
			{
				locality: { zone: "b" },
				load_balancing_weight: 5,
				lb_endpoints: NAMES.slice(2).map((name) => endpoint(at.port(name))),
			},
		];
		const healthOf = (i: number) => ({ health_status: i < 2 ? "UNHEALTHY" : "HEALTHY" });
		const clusters: [string, JsonObject, JsonObject[]?][] = [
			["ring", { lb_policy: "RING_HASH" }],
			["ring-small", { lb_policy: "RING_HASH", ring_hash_lb_config: { minimum_ring_size: 7, maximum_ring_size: 13 } }],
			["ring-weights", { lb_policy: "RING_HASH" }, endpoints((i) => ({ load_balancing_weight: 1 + 3 * i }))],
			["ring-murmur", { lb_policy: "RING_HASH", ring_hash_lb_config: { hash_function: "MURMUR_HASH_2" } }],
			[
				"ring-localities",
				{ lb_policy: "RING_HASH", common_lb_config: { locality_weighted_lb_config: {} } },
				byLocality,
			],
			["ring-sick", { lb_policy: "RING_HASH" }, endpoints(healthOf)],
			[
				"ring-names",
				{
					type: "STRICT_DNS",
					lb_policy: "RING_HASH",
					common_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } },
				},
				[{ lb_endpoints: named }],
			],
			[
				"ring-keys",
				{ lb_policy: "RING_HASH" },
				endpoints((i) => ({ metadata: { filter_metadata: { "envoy.lb": { hash_key: `k${i}` } } } })),
			],
			["maglev", { lb_policy: "MAGLEV" }],
			["maglev-small", { lb_policy: "MAGLEV", maglev_lb_config: { table_size: 11 } }],
			[
				"maglev-weights",
				{ lb_policy: "MAGLEV", maglev_lb_config: { table_size: 1009 } },
				endpoints((i) => ({ load_balancing_weight: 1 + 3 * i })),
			],
			["maglev-localities", { lb_policy: "MAGLEV", common_lb_config: { locality_weighted_lb_config: {} } }, byLocality],
			[
				"bounded",
				{ lb_policy: "RING_HASH", common_lb_config: { consistent_hashing_lb_config: { hash_balance_factor: 150 } } },
			],
			[
				"typed-ring",
				{
					load_balancing_policy: {
						policies: [policy("ring_hash", "ring_hash.v3.RingHash", { minimum_ring_size: 100 })],
					},
				},
			],
			[
				"typed-maglev",
				{ load_balancing_policy: { policies: [policy("maglev", "maglev.v3.Maglev", { table_size: 251 })] } },
			],
		];
		return {
			static_resources: {
				listeners: [httpListener({ routes: clusters.map(([name]) => to(name, `/${name}/`, BY_HEADER)) })],
				clusters: clusters.map(([name, more, groups]) => make(name, more, groups)),
			},
		};
	},
	cases: [
		keyed("ring hash", "/ring/"),
		keyed("a small ring", "/ring-small/"),
		keyed("ring hash by weights", "/ring-weights/"),
		keyed("ring hash with MurmurHash2", "/ring-murmur/"),
		keyed("ring hash over weighted localities", "/ring-localities/"),
		keyed("ring hash without sick endpoints", "/ring-sick/"),
		keyed("ring hash by host names", "/ring-names/"),
		keyed("ring hash by keys of the endpoints", "/ring-keys/"),
		keyed("maglev", "/maglev/"),
		keyed("a small table", "/maglev-small/"),
		keyed("maglev by weights", "/maglev-weights/"),
		keyed("maglev over weighted localities", "/maglev-localities/"),
		keyed("bounded loads while nobody is busy", "/bounded/"),
		keyed("ring hash as a typed policy", "/typed-ring/"),
		keyed("maglev as a typed policy", "/typed-maglev/"),
	],
});
