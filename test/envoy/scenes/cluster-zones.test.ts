import type { JsonObject } from "@bufbuild/protobuf";
import { endpoint, httpListener, to } from "../harness/bootstrap-parts.ts";
import { scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";
import { parts, spread } from "./spread-parts.ts";

const ZONE_COUNTERS = (name: string) => [
	new RegExp(`cluster\\.${name}\\.lb_(zone_.*|local_cluster_not_ok|healthy_panic)`),
];

const upstreams = Object.fromEntries(["a", "b", "c", "d", "e", "f", "g", "h"].map((name) => [name, http1()]));

/** A zone's hosts, `!` marks sick ones; and what the zone says. */
type Zone = readonly [zone: string, hosts: string, more?: JsonObject];

function stage(
	nodeZone: string | undefined,
	local: readonly Zone[],
	clusters: Readonly<Record<string, readonly [readonly Zone[], JsonObject?]>>,
) {
	return (at: { port(name: string): number }): JsonObject => {
		const make = (name: string, zones: readonly Zone[], more: JsonObject = {}): JsonObject => ({
			name,
			type: "STATIC",
			connect_timeout: "1s",
			load_assignment: {
				cluster_name: name,
				endpoints: zones.map(([zone, hosts, extra]) => ({
					locality: { region: "r", zone },
					lb_endpoints: hosts.split(" ").map((word) => {
						const [host, weight] = word.replace("!", "").split("*");
						return endpoint(at.port(host!), {
							...(word.endsWith("!") && { health_status: "UNHEALTHY" }),
							...(weight && { load_balancing_weight: Number(weight) }),
						});
					}),
					...extra,
				})),
			},
			...more,
		});
		const all = Object.entries(clusters).map(([name, [zones, more]]) => make(name, zones, more));
		return {
			node: { id: "n", cluster: "c", ...(nodeZone && { locality: { region: "r", zone: nodeZone } }) },
			cluster_manager: { local_cluster_name: "local" },
			static_resources: {
				listeners: [httpListener({ routes: all.map(({ name }) => to(String(name), `/${name}/`)) })],
				clusters: [make("local", local), ...all],
			},
		};
	};
}

const three: readonly Zone[] = [
	["x", "a b"],
	["y", "c d"],
	["z", "e f"],
];
const zoned = (config: JsonObject): JsonObject => ({ common_lb_config: { zone_aware_lb_config: config } });
const typed = (config: JsonObject, type = "round_robin.v3.RoundRobin"): JsonObject => ({
	load_balancing_policy: {
		policies: [
			{
				typed_extension_config: {
					name: `envoy.load_balancing_policies.${type.split(".")[0]}`,
					typed_config: {
						"@type": `type.googleapis.com/envoy.extensions.load_balancing_policies.${type}`,
						locality_lb_config: { zone_aware_lb_config: config },
					},
				},
			},
		],
	},
});

scene("zones, as many here as there", {
	upstreams,
	bootstrap: stage(
		"x",
		[
			["x", "a"],
			["y", "c"],
			["z", "e"],
		],
		{
			equal: [three],
			least: [three, { lb_policy: "LEAST_REQUEST" }],
			random: [three, { lb_policy: "RANDOM" }],
			ring: [three, { lb_policy: "RING_HASH" }],
			small: [
				[
					["x", "a"],
					["y", "c"],
					["z", "e"],
				],
			],
			"small-taken": [
				[
					["x", "a"],
					["y", "c"],
					["z", "e"],
				],
				zoned({ min_cluster_size: 3 }),
			],
			off: [three, zoned({ routing_enabled: { value: 0 } })],
			half: [three, zoned({ routing_enabled: { value: 50 } })],
			elsewhere: [
				[
					["y", "a b c"],
					["z", "d e f"],
				],
			],
			"own-sick": [
				[
					["x", "a! b!"],
					["y", "c d e"],
					["z", "f g h"],
				],
			],
			"own-half": [
				[
					["x", "a b!"],
					["y", "c d e"],
					["z", "f g h"],
				],
			],
			one: [[["x", "a b c d e f"]]],
			weighted: [
				[
					["x", "a b", { load_balancing_weight: 1 }],
					["y", "c d", { load_balancing_weight: 1 }],
					["z", "e f", { load_balancing_weight: 2 }],
				],
				{ common_lb_config: { locality_weighted_lb_config: {} } },
			],
			"typed-half": [three, typed({ routing_enabled: { value: 50 } })],
			"forced-too-few": [
				[
					["x", "a"],
					["y", "c d e"],
					["z", "f g h"],
				],
				typed({ force_local_zone: { min_size: 2 } }),
			],
			forced: [
				[
					["x", "a"],
					["y", "c d e"],
					["z", "f g h"],
				],
				typed({ force_local_zone: {} }),
			],
			"forced-directly": [
				[
					["x", "a"],
					["y", "c d e"],
					["z", "f g h"],
				],
				typed({ force_locality_direct_routing: true }),
			],
			"by-weight": [
				[
					["x", "a*4"],
					["y", "c d e"],
					["z", "f g h"],
				],
				typed({ locality_basis: "HEALTHY_HOSTS_WEIGHT" }),
			],
			second: [
				[
					["x", "a!"],
					["y", "c! d!"],
					["x", "e", { priority: 1 }],
					["y", "f g h", { priority: 1 }],
				],
				{ common_lb_config: { healthy_panic_threshold: {} } },
			],
		},
	),
	cases: [
		spread("all stays", "/equal/", 6, { counters: ZONE_COUNTERS("equal") }),
		parts("least request", "/least/", 200, 50, { counters: ZONE_COUNTERS("least") }),
		parts("random", "/random/", 400, 25),
		parts("hashes know no zones", "/ring/", 60, 200, { counters: ZONE_COUNTERS("ring") }),
		spread("too small", "/small/", 6, { counters: ZONE_COUNTERS("small") }),
		spread("not too small", "/small-taken/", 6, { counters: ZONE_COUNTERS("small-taken") }),
		spread("switched off", "/off/", 6, { counters: ZONE_COUNTERS("off") }),
		parts("half of it", "/half/", 1200, 12),
		parts("nobody at home", "/elsewhere/", 600, 16),
		parts("the own zone is sick", "/own-sick/", 600, 16),
		parts("the own zone is half sick", "/own-half/", 1200, 14),
		spread("one zone", "/one/", 6, { counters: ZONE_COUNTERS("one") }),
		parts("weights win", "/weighted/", 200, 10),
		parts("half of it, typed", "/typed-half/", 1200, 12),
		parts("not forced", "/forced-too-few/", 1200, 14),
		spread("forced", "/forced/", 6, { counters: ZONE_COUNTERS("forced") }),
		spread("forced directly", "/forced-directly/", 6, { counters: ZONE_COUNTERS("forced-directly") }),
		spread("by weight", "/by-weight/", 10, { counters: ZONE_COUNTERS("by-weight") }),
		parts("the second level knows none", "/second/", 400, 12, { counters: ZONE_COUNTERS("second") }),
	],
});

scene("zones, more here than there", {
	upstreams,
	bootstrap: stage(
		"x",
		[
			["x", "a b"],
			["y", "c"],
			["z", "e"],
		],
		{
			residual: [three],
			"no-room": [
				[
					["x", "a b c"],
					["y", "d e f"],
				],
			],
		},
	),
	cases: [parts("a part goes on", "/residual/", 1200, 8), parts("two zones", "/no-room/", 1000, 9)],
});

scene("zones, the local cluster is sick", {
	upstreams,
	bootstrap: stage(
		"x",
		[
			["x", "a b!"],
			["y", "c!"],
			["z", "e!"],
		],
		{
			panic: [three],
			"panic-fails": [three, zoned({ fail_traffic_on_panic: true })],
		},
	),
	cases: [
		spread("zones do not count", "/panic/", 12, { counters: ZONE_COUNTERS("panic") }),
		spread("traffic fails", "/panic-fails/", 3, { counters: ZONE_COUNTERS("panic-fails") }),
	],
});

for (const [name, zone] of [
	["nowhere", undefined],
	["abroad", "w"],
] as const)
	scene(`zones, the proxy is ${name}`, {
		upstreams,
		bootstrap: stage(
			zone,
			[
				["x", "a"],
				["y", "c"],
			],
			{ plain: [three], forced: [three, typed({ force_local_zone: {} })] },
		),
		cases: [
			spread("plain", "/plain/", 12, { counters: ZONE_COUNTERS("plain") }),
			spread("forced", "/forced/", 12, { counters: ZONE_COUNTERS("forced") }),
		],
	});
