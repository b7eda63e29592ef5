import type { JsonObject } from "@bufbuild/protobuf";
import { any, endpoint, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { dead, http1 } from "../harness/upstream.ts";

interface LogLine {
	readonly host: string;
	readonly code: number;
	readonly flags: string;
	readonly details: string;
}

/** Many requests: how many went where, and how they were answered; the order is chance. */
function spread(name: string, path: string, times: number, counters: readonly string[] = []): Case {
	return {
		name,
		send: Array.from({ length: times }, () => ({ path })),
		counters,
		compare: ({ log, counters: grown }) => {
			const seen: Record<string, number> = {};
			for (const { host, code, flags, details } of log as LogLine[]) {
				const key = `${code} ${flags} ${details} ${host}`;
				seen[key] = (seen[key] ?? 0) + 1;
			}
			return { seen: Object.entries(seen).sort(), counters: grown };
		},
	};
}

/** Many requests, and how many of each `unit` went where: the last one may fall to either side. */
function about(name: string, path: string, times: number, unit: number): Case {
	return {
		name,
		send: Array.from({ length: times }, () => ({ path })),
		compare: ({ log }) => {
			const seen: Record<string, number> = {};
			for (const { host } of log as LogLine[]) seen[host] = (seen[host] ?? 0) + 1;
			return Object.entries(seen)
				.map(([host, count]) => `${host} ${Math.round(count / unit)}`)
				.sort();
		},
	};
}

/** The same, where even the numbers are chance: only which endpoints. */
function reached(name: string, path: string, times: number): Case {
	return {
		name,
		send: Array.from({ length: times }, () => ({ path })),
		compare: ({ log }) => [...new Set((log as LogLine[]).map(({ host, code }) => `${code} ${host}`))].sort(),
	};
}

type Group = readonly [hosts: string, more?: JsonObject];

const sick = { health_status: "UNHEALTHY" };
const policy = (name: string, type: string, value: JsonObject = {}): JsonObject => ({
	typed_extension_config: {
		name: `envoy.load_balancing_policies.${name}`,
		typed_config: any(`envoy.extensions.load_balancing_policies.${type}`, value),
	},
});

scene("balancing", {
	upstreams: { a: http1(), b: http1(), c: http1(), dead: dead() },
	bootstrap: (at) => {
		/** "a b! c~": b is unhealthy, c is degraded; `-` is draining. */
		const host = (word: string): JsonObject => {
			const health = { "!": sick, "~": { health_status: "DEGRADED" }, "-": { health_status: "DRAINING" } }[
				word.at(-1)!
			];
			const [name, weight] = word.replace(/[!~-]$/, "").split("*");
			return endpoint(at.port(name!), { ...health, ...(weight && { load_balancing_weight: Number(weight) }) });
		};
		const groups = (list: readonly Group[]) =>
			list.map(([hosts, more]) => ({ lb_endpoints: hosts === "" ? [] : hosts.split(" ").map(host), ...more }));
		const make = (
			name: string,
			list: readonly Group[],
			more: JsonObject = {},
			policyOf: JsonObject = {},
		): JsonObject => ({
			name,
			type: "STATIC",
			connect_timeout: "1s",
			load_assignment: { cluster_name: name, endpoints: groups(list), ...policyOf },
			...more,
		});
		const noPanic = { common_lb_config: { healthy_panic_threshold: {} } };
		const second = { priority: 1 };
		const zone = (name: string, weight?: number) => ({
			locality: { zone: name },
			...(weight && { load_balancing_weight: weight }),
		});
		const clusters: JsonObject[] = [
			make("turns", [["a b c"]]),
			make("weights", [["a*3 b*1 c*2"]]),
			make("least", [["a*3 b*1 c*2"]], { lb_policy: "LEAST_REQUEST" }),
			make("random", [["a*9 b*1 c*1"]], { lb_policy: "RANDOM" }),
			make("second-level", [["a! b!"], ["c", second]]),
			make("panic", [["a! b! c"]]),
			make("no-panic", [["a! b! c"]], noPanic),
			make("all-sick", [["a! b!"]], noPanic),
			make("all-sick-panic", [["a! b!"]]),
			make("empty", [[""]]),
			make("empty-no-panic", [[""]], noPanic),
			make("fail-on-panic", [["a! b! c"]], {
				common_lb_config: { zone_aware_lb_config: { fail_traffic_on_panic: true } },
			}),
			make("degraded", [["a~ b!"]], noPanic),
			make(
				"degraded-spare",
				[["a~ b"]],
				{ common_lb_config: { healthy_panic_threshold: {} } },
				{ policy: { overprovisioning_factor: 200 } },
			),
			make("draining", [["a- b"]], noPanic),
			make("spill", [["a! b"], ["c", second]], noPanic),
			make("whole-with-factor", [["a! b"], ["c", second]], noPanic, { policy: { overprovisioning_factor: 200 } }),
			make("weighted-health", [["a*9! b*1"], ["c", second]], noPanic, { policy: { weighted_priority_health: true } }),
			make("gap", [["a!"], ["c", { priority: 3 }]], noPanic),
			make(
				"localities",
				[
					["a", zone("x", 3)],
					["b", zone("y", 1)],
				],
				{ common_lb_config: { locality_weighted_lb_config: {} } },
			),
			make(
				"localities-sick",
				[
					["a!", zone("x", 3)],
					["b", zone("y", 1)],
				],
				{ common_lb_config: { locality_weighted_lb_config: {} } },
			),
			make(
				"localities-unweighted",
				[
					["a", zone("x")],
					["b", zone("y")],
				],
				{ common_lb_config: { locality_weighted_lb_config: {} } },
			),
			make(
				"dropped",
				[["a"]],
				{},
				{ policy: { drop_overloads: [{ category: "all", drop_percentage: { numerator: 100 } }] } },
			),
			make(
				"mostly-dropped",
				[["a"]],
				{},
				{
					policy: {
						drop_overloads: [{ category: "m", drop_percentage: { numerator: 999_999, denominator: "MILLION" } }],
					},
				},
			),
			make(
				"not-dropped",
				[["a"]],
				{},
				{ policy: { drop_overloads: [{ category: "none", drop_percentage: { numerator: 0 } }] } },
			),
			make("retried", [["dead a"]]),
			make("retried-ring", [["dead a"]], { lb_policy: "RING_HASH" }),
			make("retried-level", [["dead"], ["a", second]]),
			make("typed-turns", [["a b c"]], {
				load_balancing_policy: {
					policies: [policy("unknown", "round_robin.v3.RoundRobin"), policy("random", "random.v3.Random")],
				},
			}),
			make("typed-least", [["a*2 b*1"]], {
				load_balancing_policy: {
					policies: [policy("least_request", "least_request.v3.LeastRequest", { choice_count: 3 })],
				},
			}),

			{
				name: "aggregate",
				connect_timeout: "1s",
				lb_policy: "CLUSTER_PROVIDED",
				cluster_type: {
					name: "envoy.clusters.aggregate",
					typed_config: any("envoy.extensions.clusters.aggregate.v3.ClusterConfig", {
						clusters: ["all-sick", "turns"],
					}),
				},
			},
			{
				name: "aggregate-missing",
				connect_timeout: "1s",
				lb_policy: "CLUSTER_PROVIDED",
				cluster_type: {
					name: "envoy.clusters.aggregate",
					typed_config: any("envoy.extensions.clusters.aggregate.v3.ClusterConfig", { clusters: ["nowhere"] }),
				},
			},
			{
				name: "named",
				connect_timeout: "1s",
				type: "ORIGINAL_DST",
				lb_policy: "CLUSTER_PROVIDED",
				original_dst_lb_config: { use_http_header: true },
			},
		];
		const avoiding = {
			retry_policy: {
				retry_on: "connect-failure",
				num_retries: 3,
				retry_back_off: { base_interval: "0.001s" },
				retry_host_predicate: [
					{
						name: "envoy.retry_host_predicates.previous_hosts",
						typed_config: any("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
					},
				],
				host_selection_retry_max_attempts: 9,
			},
		};
		const avoidingLevels = {
			retry_policy: {
				retry_on: "connect-failure",
				num_retries: 2,
				retry_back_off: { base_interval: "0.001s" },
				retry_priority: {
					name: "envoy.retry_priorities.previous_priorities",
					typed_config: any("envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig", {
						update_frequency: 1,
					}),
				},
			},
		};
		const actions: Record<string, JsonObject> = {
			retried: avoiding,
			"retried-ring": { ...avoiding, hash_policy: [{ header: { header_name: "x-key" } }] },
			"retried-level": avoidingLevels,
		};
		const routes = clusters.map(({ name }) => to(String(name), `/${name}/`, actions[String(name)] ?? {}));
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: [
		spread("round robin", "/turns/", 9),
		about("round robin by weights", "/weights/", 60, 10),
		reached("least request by weights", "/least/", 30),
		reached("random", "/random/", 80),
		spread("a sick first level", "/second-level/", 6, ["cluster.second-level.lb_healthy_panic"]),
		spread("panic", "/panic/", 9, ["cluster.panic.lb_healthy_panic"]),
		spread("no panic", "/no-panic/", 6, ["cluster.no-panic.lb_healthy_panic"]),
		spread("nobody healthy", "/all-sick/", 2, ["cluster.all-sick.lb_healthy_panic"]),
		spread("nobody healthy, panic", "/all-sick-panic/", 4, ["cluster.all-sick-panic.lb_healthy_panic"]),
		spread("no endpoints", "/empty/", 2, ["cluster.empty.lb_healthy_panic", "cluster.empty.upstream_cx_none_healthy"]),
		spread("no endpoints, no panic", "/empty-no-panic/", 2, ["cluster.empty-no-panic.lb_healthy_panic"]),
		spread("panic fails traffic", "/fail-on-panic/", 2, ["cluster.fail-on-panic.lb_healthy_panic"]),
		spread("only degraded", "/degraded/", 2),
		spread("degraded not needed", "/degraded-spare/", 4),
		spread("draining", "/draining/", 4),
		reached("spilling over", "/spill/", 60),
		spread("overprovisioning keeps it whole", "/whole-with-factor/", 6),
		reached("levels by weights", "/weighted-health/", 60),
		spread("a gap between levels", "/gap/", 3),
		about("weighted localities", "/localities/", 40, 10),
		spread("weighted localities, one sick", "/localities-sick/", 4),
		spread("localities without weights", "/localities-unweighted/", 6),
		get("dropped for overload", "/dropped/", {}, { counters: [/cluster\.dropped\.upstream_rq_(total|pending_total)/] }),
		get(
			"almost always dropped",
			"/mostly-dropped/",
			{},
			{ counters: [/cluster\.mostly-dropped\.upstream_rq_(total|pending_total)/] },
		),
		get("not dropped", "/not-dropped/"),
		spread("a retry goes to another host", "/retried/", 8),
		get(
			"a retry goes on along the ring",
			"/retried-ring/",
			{ "x-key": "1" },
			{ compare: ({ log }) => (log[0] as LogLine).host },
		),
		get("a retry goes to the next level", "/retried-level/", {}, { compare: ({ log }) => log }),
		spread("a typed policy", "/typed-turns/", 9),
		reached("a typed least request", "/typed-least/", 30),
		spread("an aggregate cluster", "/aggregate/", 9, [
			"cluster.turns.upstream_rq_total",
			"cluster.aggregate.upstream_rq_total",
		]),
		spread("an aggregate of nothing", "/aggregate-missing/", 1),
		{
			name: "a destination in a header",
			send: { path: "/named/", headers: { "x-envoy-original-dst-host": "127.0.0.1:1" } },
		},
		{ name: "no destination", send: { path: "/named/" }, counters: ["cluster.named.original_dst_host_invalid"] },
		{
			name: "a bad destination",
			send: { path: "/named/", headers: { "x-envoy-original-dst-host": "here" } },
			counters: ["cluster.named.original_dst_host_invalid"],
		},
	],
});
