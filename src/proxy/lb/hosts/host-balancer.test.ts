import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../../lib/random.ts";
import type { LbHost } from "../balancer.ts";
import type { PlacedHost } from "../host-level.ts";
import { type LevelHealth, priorityLoad } from "../priority-load.ts";
import { hostBalancer } from "./host-balancer.ts";
import type { HostBalancerOptions } from "./host-balancer-options.ts";
import { roundRobin } from "./round-robin.ts";

const defaults = { overprovisioningPercent: 140, panicThresholdPercent: 50 };
let panics = 0;
const options: HostBalancerOptions = {
	...defaults,
	policy: { kind: "order", make: roundRobin },
	byLocalityWeight: false,
	weightedPriorityHealth: false,
	failOnPanic: false,
	random: seededRandom(3),
	turns: new Map(),
	stats: () => {},
	activeRequests: () => 0,
	onPanic: () => void panics++,
};

let nextHost = 0;
function placed(over: Partial<PlacedHost<LbHost>> = {}, weight = 1): PlacedHost<LbHost> {
	const address = `10.1.0.${nextHost++}:80`;
	const host = { address, hostname: "", hashKey: undefined, weight, warming: false, activeRequests: 0 };
	return { host, priority: 0, health: "healthy", excluded: false, locality: "", localityWeight: 1, ...over };
}

function balancerOf(hosts: readonly PlacedHost<LbHost>[], over: Partial<HostBalancerOptions> = {}) {
	const balancer = hostBalancer(hosts, { ...options, turns: new Map(), ...over });
	return { pick: (hash?: bigint, avoid?: ReadonlySet<number>) => balancer.pick(hash, 0, avoid) };
}

function count(hosts: readonly PlacedHost<LbHost>[], picks: number, over: Partial<HostBalancerOptions> = {}) {
	const balancer = balancerOf(hosts, over);
	const seen = new Map<LbHost | undefined, number>();
	for (let i = 0; i < picks; i++) {
		const host = balancer.pick();
		seen.set(host, (seen.get(host) ?? 0) + 1);
	}
	return (p: PlacedHost<LbHost> | undefined) => (seen.get(p?.host) ?? 0) / picks;
}

function level(healthy: number, total: number, degraded = 0, excluded = 0): LevelHealth {
	const counted = total - excluded;
	return { healthy, degraded, total: counted, hosts: { healthy, degraded, counted, all: total } };
}

const loads = (levels: readonly LevelHealth[], over = {}) => {
	const { healthy, degraded, inPanic } = priorityLoad(levels, { ...defaults, ...over });
	return [healthy, degraded, inPanic.map(Number)];
};

test("shares of levels are those of Envoy's documentation", () => {
	// architecture overview, load balancing, priorities: two and three levels, degraded endpoints, panic.
	assert.deepEqual(loads([level(100, 100), level(100, 100)]), [
		[100, 0],
		[0, 0],
		[0, 0],
	]);
	assert.deepEqual(loads([level(71, 100), level(100, 100)])[0], [99, 1]);
	assert.deepEqual(loads([level(50, 100), level(100, 100)])[0], [70, 30]);
	assert.deepEqual(loads([level(25, 100), level(100, 100)])[0], [35, 65]);
	assert.deepEqual(loads([level(0, 100), level(100, 100)])[0], [0, 100]);
	assert.deepEqual(loads([level(5, 100), level(0, 100), level(5, 100)], { panicThresholdPercent: 1 })[0], [50, 0, 50]);
	assert.deepEqual(loads([level(25, 100), level(25, 100), level(100, 100)])[0], [35, 35, 30]);
	assert.deepEqual(loads([level(0, 100, 100)]), [[0], [100], [0]]);
	assert.deepEqual(loads([level(50, 100, 50)]), [[70], [30], [0]]);
	assert.deepEqual(loads([level(1, 100), level(1, 100)]), [
		[50, 50],
		[0, 0],
		[1, 1],
	]);
	assert.deepEqual(loads([level(5, 100), level(65, 100)]), [
		[8, 92],
		[0, 0],
		[1, 0],
	]);
	assert.deepEqual(loads([level(0, 0)]), [[100], [0], [1]], "without hosts the cluster is in panic");
	assert.deepEqual(loads([level(0, 0)], { panicThresholdPercent: 0 }), [[100], [0], [0]]);
	assert.deepEqual(loads([level(0, 3, 0, 3), level(1, 1)])[0], [0, 100], "excluded hosts do not count");
	assert.deepEqual(loads([level(0, 10), level(0, 20)]), [
		[34, 66],
		[0, 0],
		[1, 1],
	]);
});

test("shares add up to 100", () => {
	const any = fc
		.nat(20)
		.chain((total) => fc.tuple(fc.nat(total), fc.constant(total)))
		.chain(([healthy, total]) => fc.nat(total - healthy).map((degraded) => level(healthy, total, degraded)));
	fc.assert(
		fc.property(fc.array(any, { minLength: 1, maxLength: 4 }), fc.nat(100), (levels, panicThresholdPercent) => {
			const { healthy, degraded } = priorityLoad(levels, { ...defaults, panicThresholdPercent });
			const total = [...healthy, ...degraded].reduce((sum, percent) => sum + percent, 0);
			assert.equal(total, 100);
		}),
	);
});

test("below the panic threshold unhealthy hosts are asked too, unless it is 0 or traffic is to fail", () => {
	const [sick, well] = [placed({ health: "unhealthy" }), placed()];
	const third = placed({ health: "unhealthy" });
	const hosts = [sick, well, third];
	assert.ok(count(hosts, 300)(sick) > 0.3);
	assert.equal(count(hosts, 300, { panicThresholdPercent: 0 })(well), 1);
	assert.equal(count(hosts, 10, { failOnPanic: true })(undefined), 1);
	const before = panics;
	balancerOf(hosts).pick();
	assert.equal(panics, before + 1);
	assert.equal(balancerOf([sick], { panicThresholdPercent: 0 }).pick(), undefined);
});

test("degraded hosts get what healthy ones cannot carry", () => {
	const [well, weak] = [placed(), placed({ health: "degraded" })];
	const share = count([well, weak, placed({ health: "degraded" }), placed({ health: "degraded" })], 10_000);
	assert.ok(Math.abs(share(well) - 0.35) < 0.02, `${share(well)}`);
	assert.ok(Math.abs(share(weak) - 0.65 / 3) < 0.02, `${share(weak)}`);
	assert.equal(count([well, weak], 100)(well) < 1, true);
	assert.equal(count([well, well, well, weak], 100)(weak), 0);
});

test("localities are chosen by weight times health", () => {
	const a = [placed({ locality: "a", localityWeight: 3 }), placed({ locality: "a", localityWeight: 3 })];
	const b = [
		placed({ locality: "b" }),
		placed({ locality: "b", health: "unhealthy" }),
		placed({ locality: "b", health: "unhealthy" }),
	];
	const share = count([...a, ...b], 10_000, { byLocalityWeight: true });
	const healthOfB = 1.4 / 3;
	assert.ok(Math.abs(share(b[0]) - healthOfB / (3 + healthOfB)) < 0.02, `${share(b[0])}`);
	assert.equal(share(b[1]), 0);
});

test("localities without any weight are balanced as one", () => {
	const hosts = [placed({ locality: "a", localityWeight: 0 }), placed({ locality: "b", localityWeight: 0 })];
	assert.equal(count(hosts, 100, { byLocalityWeight: true })(hosts[0]), 0.5);
});

test("shares of levels go by weights when they are to", () => {
	const heavy = placed({ health: "unhealthy" }, 9);
	const hosts = [heavy, placed({}, 1), placed({ priority: 1 })];
	const over = { weightedPriorityHealth: true };
	assert.ok(Math.abs(count(hosts, 5000, over)(hosts[2]) - 0.86) < 0.02);
	assert.ok(Math.abs(count(hosts, 5000)(hosts[2]) - 0.3) < 0.02);
});

test("with whole weights each run of as many picks as they add up to is exact", () => {
	const weights = [3, 1, 2];
	const hosts = weights.map((weight) => placed({}, weight));
	for (let seed = 0; seed < 20; seed++) {
		const balancer = balancerOf(hosts, { random: seededRandom(seed) });
		const picks = Array.from({ length: 600 }, () => balancer.pick());
		for (let from = 0; from + 6 <= picks.length; from++) {
			const run = picks.slice(from, from + 6);
			assert.deepEqual(
				hosts.map(({ host }) => run.filter((one) => one === host).length),
				weights,
			);
		}
	}
});

test("turns go on where they were when a host comes", () => {
	const hosts = [placed(), placed(), placed()];
	const turns = new Map();
	const first = balancerOf(hosts, { turns }).pick();
	const second = balancerOf(hosts, { turns }).pick();
	assert.equal(
		hosts.findIndex(({ host }) => host === second),
		(hosts.findIndex(({ host }) => host === first) + 1) % 3,
	);
});

test("levels to avoid get nothing, unless nothing healthy is left", () => {
	const [first, second, third] = [placed(), placed({ priority: 1 }), placed({ priority: 2, health: "unhealthy" })];
	const balancer = balancerOf([first, second, third]);
	const picks = (...levels: number[]) =>
		new Set(Array.from({ length: 50 }, () => balancer.pick(undefined, new Set(levels))));
	assert.deepEqual(picks(), new Set([first.host]));
	assert.deepEqual(picks(0), new Set([second.host]));
	assert.deepEqual(picks(0, 1), new Set([first.host]));
	assert.deepEqual(picks(1), new Set([first.host]));
});
