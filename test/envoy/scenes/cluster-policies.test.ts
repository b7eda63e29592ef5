import type { JsonObject } from "@bufbuild/protobuf";
import { any, httpFilter, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { dead, http1 } from "../harness/upstream.ts";
import { parts, spread } from "./spread-parts.ts";

const policy = (type: string, value: JsonObject = {}): JsonObject => ({
	typed_extension_config: {
		name: `envoy.load_balancing_policies.${type.split(".")[0]}`,
		typed_config: any(`envoy.extensions.load_balancing_policies.${type}`, value),
	},
});
const by = (...policies: readonly JsonObject[]): JsonObject => ({ load_balancing_policy: { policies: [...policies] } });
const roundRobin = policy("round_robin.v3.RoundRobin");
const weighted = (value: JsonObject = {}) =>
	policy("client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin", {
		blackout_period: "0s",
		weight_update_period: "0.1s",
		...value,
	});
const overriding = (value: JsonObject = {}) =>
	policy("override_host.v3.OverrideHost", {
		override_host_sources: [{ header: "x-to" }],
		fallback_policy: { policies: [roundRobin] },
		...value,
	});
const header = (name: string, more: JsonObject = {}): JsonObject => ({ header: { header_name: name }, ...more });
const load = (text: string) => ({ answer: { headers: { "endpoint-load-metrics": text } } });

/** Reports first, and once they count many requests. */
function weighed(name: string, path: string): Case {
	const times = 100;
	return {
		name,
		send: [
			...Array.from({ length: 30 }, () => ({ path: `${path}before` })),
			{ pauseMs: 300 },
			...Array.from({ length: times }, () => ({ path })),
		],
		compare: ({ log }) => {
			const seen: Record<string, number> = {};
			for (const { host, path: asked } of log as { host: string; path: string }[])
				if (asked === path) seen[host] = (seen[host] ?? 0) + 1;
			return Object.entries(seen)
				.map(([host, count]) => `${host} ${Math.round(count / 5) * 5}`)
				.sort();
		},
	};
}

interface Hosts {
	readonly hosts: string;
	readonly more?: JsonObject;
	readonly groups?: readonly JsonObject[];
	readonly action?: JsonObject;
}

scene("policies", {
	// The same for both proxies: requests name addresses, and hashes are of addresses.
	sharedUpstreams: true,
	upstreams: {
		a: http1({ address: "127.0.1.1" }),
		b: http1({ address: "127.0.1.2" }),
		c: http1({ address: "127.0.1.3" }),
		fast: http1(load("TEXT rps_fractional=900, cpu_utilization=0.3")),
		slow: http1(load('JSON {"rps_fractional": 100, "cpu_utilization": 0.1}')),
		failing: http1(load("TEXT rps_fractional:200, eps:100, application_utilization:0.5")),
		named: http1(load("TEXT rps_fractional=300, cpu_utilization=0.1, named_metrics.queue=0.9")),
		quiet: http1(),
		broken: http1(load("TEXT what=1")),
		binary: http1({
			answer: {
				// rps_fractional 1000, cpu_utilization 0.5
				headers: { "endpoint-load-metrics-bin": "CQAAAAAAAOA/MQAAAAAAQI9A" },
			},
		}),
		trailing: http1({
			answer: { trailers: { "endpoint-load-metrics": "TEXT rps_fractional=400, cpu_utilization=0.1" } },
		}),
		// Last, or another one may get its port.
		dead: dead(),
	},
	bootstrap: (at) => {
		const places: Record<string, string> = { a: "127.0.1.1", b: "127.0.1.2", c: "127.0.1.3" };
		const host = (word: string): JsonObject => {
			const name = word.replace("!", "");
			const sick: JsonObject = word.endsWith("!") ? { health_status: "UNHEALTHY" } : {};
			const address = { socket_address: { address: places[name] ?? "127.0.0.1", port_value: at.port(name) } };
			return { endpoint: { address }, ...sick };
		};
		const zone = (name: string, weight: number) => ({ locality: { zone: name }, load_balancing_weight: weight });
		const clusters: Record<string, Hosts> = {
			override: { hosts: "a b c", more: by(overriding()) },
			"override-retry": {
				hosts: "dead a b",
				more: by(overriding()),
				action: { retry_policy: { retry_on: "connect-failure,5xx", num_retries: 2 } },
			},
			"override-sick": {
				hosts: "a! b",
				more: { ...by(overriding()), common_lb_config: { healthy_panic_threshold: {} } },
			},
			"override-metadata": {
				hosts: "a b c",
				more: by(
					overriding({
						override_host_sources: [{ metadata: { key: "envoy.lb", path: [{ key: "where" }] } }, { header: "x-also" }],
						selected_host_key: { key: "picked", path: [{ key: "a" }, { key: "b" }] },
					}),
				),
			},
			"override-ring": {
				hosts: "a b c",
				more: by(overriding({ fallback_policy: { policies: [policy("ring_hash.v3.RingHash")] } })),
				action: { hash_policy: [header("x-key")] },
			},
			weighted: { hosts: "fast slow", more: by(weighted()) },
			"weighted-median": { hosts: "fast slow quiet", more: by(weighted()) },
			"weighted-broken": { hosts: "fast broken", more: by(weighted()) },
			"weighted-errors": { hosts: "failing slow", more: by(weighted({ error_utilization_penalty: 1 })) },
			"weighted-named": {
				hosts: "named slow",
				more: by(weighted({ metric_names_for_computing_utilization: ["named_metrics.queue"] })),
			},
			"weighted-binary": { hosts: "binary slow", more: by(weighted()) },
			"weighted-trailing": { hosts: "trailing slow", more: by(weighted()) },
			"weighted-black": { hosts: "fast slow", more: by(weighted({ blackout_period: "100s" })) },
			"weighted-zones": {
				hosts: "",
				groups: [
					{ ...zone("x", 1), lb_endpoints: [host("fast"), host("slow")] },
					{ ...zone("y", 3), lb_endpoints: [host("quiet")] },
				],
				more: by(
					policy("wrr_locality.v3.WrrLocality", {
						endpoint_picking_policy: { policies: [weighted()] },
					}),
				),
			},
			"ring-own-hash": {
				hosts: "a b c",
				more: by(policy("ring_hash.v3.RingHash", { consistent_hashing_lb_config: { hash_policy: [header("x-own")] } })),
				action: { hash_policy: [header("x-key")] },
			},
			"maglev-own-hash": {
				hosts: "a b c",
				more: by(
					policy("maglev.v3.Maglev", {
						table_size: 101,
						consistent_hashing_lb_config: { hash_policy: [header("x-own", { terminal: true }), header("x-key")] },
					}),
				),
			},
			"ring-sizes": {
				hosts: "a b c",
				more: by(
					policy("ring_hash.v3.RingHash", {
						minimum_ring_size: 16,
						maximum_ring_size: 32,
						hash_function: "MURMUR_HASH_2",
					}),
				),
				action: { hash_policy: [header("x-key")] },
			},
			"ring-zones": {
				hosts: "",
				groups: [
					{ ...zone("x", 1), lb_endpoints: [host("a"), host("b")] },
					{ ...zone("y", 3), lb_endpoints: [host("c")] },
				],
				more: by(policy("ring_hash.v3.RingHash", { locality_weighted_lb_config: {} })),
				action: { hash_policy: [header("x-key")] },
			},
			"maglev-zones": {
				hosts: "",
				groups: [
					{ ...zone("x", 1), lb_endpoints: [host("a"), host("b")] },
					{ ...zone("y", 3), lb_endpoints: [host("c")] },
				],
				more: by(policy("maglev.v3.Maglev", { table_size: 307, locality_weighted_lb_config: {} })),
				action: { hash_policy: [header("x-key")] },
			},
			scan: { hosts: "a b c", more: by(policy("least_request.v3.LeastRequest", { selection_method: "FULL_SCAN" })) },
			"zones-by-weight": {
				hosts: "",
				groups: [
					{ ...zone("x", 1), lb_endpoints: [host("a"), host("b")] },
					{ ...zone("y", 3), lb_endpoints: [host("c")] },
				],
				more: by(policy("random.v3.Random", { locality_lb_config: { locality_weighted_lb_config: {} } })),
			},
			"fails-on-panic": {
				hosts: "a! b! c",
				more: by(
					policy("round_robin.v3.RoundRobin", {
						locality_lb_config: { zone_aware_lb_config: { fail_traffic_on_panic: true } },
					}),
				),
			},
		};
		const made = Object.entries(clusters).map(
			([name, { hosts, groups, more }]): JsonObject => ({
				name,
				type: "STATIC",
				connect_timeout: "1s",
				load_assignment: {
					cluster_name: name,
					endpoints: [...(groups ?? [{ lb_endpoints: hosts.split(" ").map(host) }])],
				},
				...more,
			}),
		);
		const addressOf = (name: string) =>
			name === "nobody" ? "127.0.9.9:9" : `${places[name] ?? "127.0.0.1"}:${at.port(name)}`;
		/** A header that names endpoints, for paths below `/<names>/`. */
		const naming = (names: string): JsonObject => ({
			typed_per_filter_config: {
				"envoy.filters.http.header_mutation": any("http.header_mutation.v3.HeaderMutationPerRoute", {
					mutations: {
						request_mutations: [
							{ append: { header: { key: "x-to", value: names.split(",").map(addressOf).join(", ") } } },
						],
					},
				}),
			},
		});
		const named = ["b", "a,c", "a,b", "nobody,c", "nobody", "dead,b", "dead,dead", "a"].flatMap((names) =>
			Object.entries(clusters)
				.filter(([name]) => name.startsWith("override"))
				.map(([name, { action }]) => to(name, `/${names}/${name}/`, action, naming(names))),
		);
		const routes = [...named, ...Object.entries(clusters).map(([name, { action }]) => to(name, `/${name}/`, action))];
		const setMetadata = httpFilter("set_metadata", "http.set_metadata.v3.Config", {
			metadata: [{ metadata_namespace: "envoy.lb", value: { where: `127.0.1.3:${at.port("c")}` } }],
		});
		return {
			static_resources: {
				listeners: [
					httpListener({
						routes,
						filters: [setMetadata, httpFilter("header_mutation", "http.header_mutation.v3.HeaderMutation")],
					}),
				],
				clusters: made,
			},
		};
	},
	cases: [
		spread("nobody is named", "/override/", 6),
		spread("one is named", "/b/override/", 3),
		spread("two are named", "/a,c/override/", 3),
		spread("the first one is unknown", "/nobody,c/override/", 3),
		spread("only unknown ones", "/nobody/override/", 6),
		get("the next one after a failure", "/dead,b/override-retry/"),
		get(
			"no next one after two failures",
			"/dead,dead/override-retry/",
			{},
			{ compare: ({ log }) => (log[0] as { attempts: number }).attempts > 2 },
		),
		get("the next one after an answer", "/a,b/override-retry/", {}, { answers: { a: [{ status: 503 }] } }),
		spread("a sick one is named", "/a/override-sick/", 3),
		spread("named by metadata", "/override-metadata/", 3),
		spread("a hash otherwise", "/override-ring/", 3, { headers: { "x-key": "k" } }),
		spread("named beside a hash", "/b/override-ring/", 3, { headers: { "x-key": "k" } }),
		...["one", "two", "three", "four", "five"].flatMap((key) => [
			spread(`the cluster's own hash, ${key}`, "/ring-own-hash/", 1, { headers: { "x-own": key, "x-key": "same" } }),
			spread(`the cluster's own hashes, ${key}`, "/maglev-own-hash/", 1, { headers: { "x-own": key, "x-key": "k" } }),
			spread(`the cluster's second hash, ${key}`, "/maglev-own-hash/", 1, { headers: { "x-key": key } }),
			spread(`a small ring, ${key}`, "/ring-sizes/", 1, { headers: { "x-key": key } }),
			spread(`a ring of zones, ${key}`, "/ring-zones/", 1, { headers: { "x-key": key } }),
			spread(`a table of zones, ${key}`, "/maglev-zones/", 1, { headers: { "x-key": key } }),
		]),
		parts("full scan", "/scan/", 300, 33),
		parts("zones by weight", "/zones-by-weight/", 400, 14),
		spread("panic fails traffic", "/fails-on-panic/", 2),
		weighed("by reports", "/weighted/"),
		weighed("the median for who says nothing", "/weighted-median/"),
		weighed("a broken report", "/weighted-broken/"),
		weighed("errors weigh", "/weighted-errors/"),
		weighed("metrics by name", "/weighted-named/"),
		weighed("a binary report", "/weighted-binary/"),
		weighed("a report in trailers", "/weighted-trailing/"),
		weighed("too early for reports", "/weighted-black/"),
		weighed("zones by weight, hosts by reports", "/weighted-zones/"),
	],
});
