import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../lib/random.ts";
import type { LbHost } from "./balancer.ts";
import { hostLevels } from "./host-level.ts";
import { ZONE_DEFAULTS, type ZoneConfig, zoneRouter } from "./zone-routing.ts";

let next = 0;
const level = (zones: Readonly<Record<string, number>>) =>
	hostLevels(
		Object.entries(zones).flatMap(([locality, count]) =>
			Array.from({ length: count }, () => {
				const address = `10.2.0.${next++}:80`;
				const host: LbHost = {
					address,
					hostname: "",
					hashKey: undefined,
					weight: 1,
					warming: false,
					activeRequests: 0,
				};
				return { host, priority: 0, health: "healthy" as const, excluded: false, locality, localityWeight: 1 };
			}),
		),
		false,
	)[0]!;

function route(
	upstream: Readonly<Record<string, number>>,
	local: Readonly<Record<string, number>>,
	over: Partial<ZoneConfig> = {},
) {
	const counted: Record<string, number> = {};
	const zones = {
		config: { ...ZONE_DEFAULTS, ...over },
		local: { own: "x", localities: level(local).localities, availablePercent: 100 },
		count(name: string) {
			counted[name] = (counted[name] ?? 0) + 1;
		},
	};
	const rules = { panicThresholdPercent: 50, failOnPanic: false, random: seededRandom(5) };
	const router = zoneRouter(level(upstream), zones, rules);
	const seen: Record<string, number> = {};
	for (let i = 0; router && i < 10_000; i++) {
		const chosen = router.choose();
		const key = typeof chosen === "string" ? chosen : chosen.key;
		seen[key] = (seen[key] ?? 0) + 1;
	}
	return { router, seen, counted };
}

test("all stays where there is room for it", () => {
	const { seen, counted } = route({ x: 3, y: 3 }, { x: 1, y: 1 });
	assert.deepEqual(seen, { x: 10_000 });
	assert.equal(counted.lb_zone_routing_all_directly, 10_000);
});

test("what the own zone cannot carry goes to those with room", () => {
	// Here: half of the proxies and a quarter of the hosts; y has as many of both, z has hosts only.
	const { seen } = route({ x: 2, y: 4, z: 2 }, { x: 2, y: 2 });
	assert.ok(Math.abs(seen.x! - 5000) < 300, `${seen.x}`);
	assert.equal(seen.y, undefined);
	assert.ok(Math.abs(seen.z! - 5000) < 300);
});

test("zones do not count in small clusters, for part of the requests, and where this proxy is not", () => {
	assert.equal(route({ x: 2, y: 2 }, { x: 1, y: 1 }).counted.lb_zone_cluster_too_small, 1);
	assert.equal(route({ x: 3, y: 3 }, { y: 1, z: 1 }).counted.lb_local_cluster_not_ok, 1);
	assert.equal(route({ x: 6 }, { x: 1, y: 1 }).router, undefined);
	const { seen } = route({ x: 3, y: 3 }, { x: 1, y: 1 }, { enabledPercent: 40 });
	assert.ok(Math.abs(seen.any! - 6000) < 300);
});

test("a zone that is forced keeps everything while it has enough hosts", () => {
	const upstream = { x: 1, y: 5 };
	assert.deepEqual(route(upstream, { x: 1 }, { forceLocalMinSize: 1 }).seen, { x: 10_000 });
	assert.ok((route(upstream, { x: 1 }, { forceLocalMinSize: 2 }).seen.y ?? 0) > 7000);
});
