import type { JsonObject } from "@bufbuild/protobuf";
import { type Random, seededRandom } from "../../../src/lib/random.ts";
import { any, endpoint, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

/** Printed with the name of every case: `LATEEN_SEED=n` makes the same clusters again. */
const SEED = Number(process.env.LATEEN_SEED ?? Math.floor(Math.random() * 1e9));
const CLUSTERS = 40;
const NAMES = ["a", "b", "c", "d", "e", "f", "g"] as const;
const KEYS = Array.from({ length: 25 }, (_, i) => `key-${i}`);

const oneOf = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)]!;
const chance = (random: Random, percent: number): boolean => random.below(100) < percent;

/** A cluster whose choice depends on the key alone: any hashing policy over random hosts, weights, health, priorities, localities. */
function hashedCluster(random: Random, name: string, portOf: (name: string) => number): JsonObject {
	const groups = Array.from(
		{ length: 1 + random.below(3) },
		(_, i): JsonObject => ({
			priority: chance(random, 40) ? random.below(3) : 0,
			locality: { zone: `z${i}` },
			...(chance(random, 60) && { load_balancing_weight: 1 + random.below(5) }),
			lb_endpoints: [] as JsonObject[],
		}),
	);
	for (const host of NAMES) {
		if (chance(random, 25)) continue;
		const list = oneOf(random, groups).lb_endpoints as JsonObject[];
		list.push(
			endpoint(portOf(host), {
				...(chance(random, 40) && { load_balancing_weight: 1 + random.below(9) }),
				...(chance(random, 30) && {
					health_status: oneOf(random, ["UNHEALTHY", "DRAINING", "TIMEOUT", "DEGRADED", "HEALTHY"]),
				}),
				...(chance(random, 10) && { metadata: { filter_metadata: { "envoy.lb": { hash_key: `k-${host}` } } } }),
			}),
		);
	}
	return {
		name,
		type: "STATIC",
		connect_timeout: "1s",
		load_assignment: {
			cluster_name: name,
			endpoints: groups,
			policy: {
				...(chance(random, 30) && { overprovisioning_factor: oneOf(random, [100, 120, 200]) }),
				...(chance(random, 20) && { weighted_priority_health: true }),
			},
		},
		...hashing(random),
	};
}

function hashing(random: Random): JsonObject {
	const common: JsonObject = {
		...(chance(random, 50) && { healthy_panic_threshold: { value: oneOf(random, [0, 10, 70, 100]) } }),
		...(chance(random, 40) && { locality_weighted_lb_config: {} }),
		...(chance(random, 20) && {
			consistent_hashing_lb_config: { hash_balance_factor: oneOf(random, [100, 150, 400]) },
		}),
	};
	const ring = {
		minimum_ring_size: oneOf(random, [1, 10, 1024]),
		hash_function: oneOf(random, ["XX_HASH", "MURMUR_HASH_2"]),
	};
	if (chance(random, 50)) return { lb_policy: "RING_HASH", ring_hash_lb_config: ring, common_lb_config: common };
	const table_size = oneOf(random, [7, 101, 65_537]);
	if (chance(random, 70)) return { lb_policy: "MAGLEV", maglev_lb_config: { table_size }, common_lb_config: common };
	const typed = any("envoy.extensions.load_balancing_policies.maglev.v3.Maglev", {
		table_size,
		...(chance(random, 40) && { locality_weighted_lb_config: {} }),
	});
	return {
		common_lb_config: { healthy_panic_threshold: { value: oneOf(random, [0, 50, 100]) } },
		load_balancing_policy: {
			policies: [{ typed_extension_config: { name: "envoy.load_balancing_policies.maglev", typed_config: typed } }],
		},
	};
}

const nameOf = (i: number) => `made-${i}`;

const keyed = (i: number): Case => ({
	name: `cluster ${i} of seed ${SEED}`,
	send: KEYS.map((key) => ({ path: `/${nameOf(i)}/`, headers: { "x-key": key } })),
	counters: [new RegExp(`cluster\\.${nameOf(i)}\\.lb_healthy_panic`)],
	compare: ({ log, counters }) => ({
		hosts: (log as { host: string | null; code: number }[]).map(({ host, code }) => `${code} ${host}`),
		counters,
	}),
});

scene("generated clusters", {
	upstreams: Object.fromEntries(NAMES.map((name) => [name, http1()])),
	sharedUpstreams: true,
	bootstrap: (at) => {
		const random = seededRandom(SEED);
		const clusters = Array.from({ length: CLUSTERS }, (_, i) => hashedCluster(random, nameOf(i), at.port));
		const action = { hash_policy: [{ header: { header_name: "x-key" } }] };
		const routes = clusters.map(({ name }) => to(String(name), `/${name}/`, action));
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: Array.from({ length: CLUSTERS }, (_, i) => keyed(i)),
});
