import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../lib/random.ts";
import type { LbHost } from "./balancer.ts";
import { type HostBalancerOptions, hostBalancer, type PlacedHost } from "./host-balancer.ts";
import { priorityLoad } from "./priority-load.ts";
import { roundRobin } from "./round-robin.ts";

const defaults = { overprovisioningFactor: 1.4, panicThresholdPercent: 50 };
const options: HostBalancerOptions = {
	...defaults,
	factory: roundRobin,
	byLocalityWeight: false,
	failOnPanic: false,
	random: seededRandom(3),
};

let nextHost = 0;
function placed(over: Partial<PlacedHost<LbHost>> = {}): PlacedHost<LbHost> {
	const host = { address: `10.1.0.${nextHost++}:80`, weight: 1, activeRequests: 0 };
	return { host, priority: 0, healthy: true, locality: "", localityWeight: 1, ...over };
}

function count(hosts: readonly PlacedHost<LbHost>[], picks: number, over: Partial<HostBalancerOptions> = {}) {
	const balancer = hostBalancer(hosts, { ...options, ...over });
	const seen = new Map<LbHost | undefined, number>();
	for (let i = 0; i < picks; i++) {
		const host = balancer.pick(undefined);
		seen.set(host, (seen.get(host) ?? 0) + 1);
	}
	return (p: PlacedHost<LbHost> | undefined) => (seen.get(p?.host) ?? 0) / picks;
}

test("the second level gets nothing while 1.4 times the first one's health is whole", () => {
	assert.deepEqual(
		priorityLoad(
			[
				{ healthy: 8, total: 10 },
				{ healthy: 1, total: 1 },
			],
			defaults,
		).percents,
		[100, 0],
	);
	const { percents, inPanic } = priorityLoad(
		[
			{ healthy: 5, total: 10 },
			{ healthy: 1, total: 1 },
		],
		defaults,
	);
	assert.deepEqual(percents.map(Math.round), [70, 30]);
	assert.deepEqual(inPanic, [false, false]);
});

test("an unhealthy first level sends everything to the second, without panic", () => {
	const load = priorityLoad(
		[
			{ healthy: 0, total: 3 },
			{ healthy: 2, total: 2 },
		],
		defaults,
	);
	assert.deepEqual(load, { percents: [0, 100], inPanic: [false, false] });
});

test("shares add up to 100 or nothing is there", () => {
	const level = fc.nat(20).chain((total) => fc.record({ total: fc.constant(total), healthy: fc.nat(total) }));
	fc.assert(
		fc.property(fc.array(level, { maxLength: 4 }), fc.nat(100), (levels, panicThresholdPercent) => {
			const { percents } = priorityLoad(levels, { ...defaults, panicThresholdPercent });
			const total = percents.reduce((sum, percent) => sum + percent, 0);
			assert.ok(Math.abs(total - 100) < 1e-9 || total === 0, `${percents}`);
			if (levels.some(({ healthy }) => healthy > 0)) assert.ok(total > 0);
			for (const [p, percent] of percents.entries()) if (levels[p]!.total === 0) assert.equal(percent, 0);
		}),
	);
});

test("below the panic threshold unhealthy hosts are asked too, unless it is 0 or traffic is to fail", () => {
	const [sick, well] = [placed({ healthy: false }), placed()];
	const third = placed({ healthy: false });
	const hosts = [sick, well, third];
	assert.ok(count(hosts, 300)(sick) > 0.3);
	assert.equal(count(hosts, 300, { panicThresholdPercent: 0 })(well), 1);
	assert.equal(count(hosts, 10, { failOnPanic: true })(undefined), 1);
	const balancer = hostBalancer(hosts, options);
	balancer.pick(undefined);
	assert.equal(balancer.pickedInPanic, true);
	assert.equal(hostBalancer([sick], { ...options, panicThresholdPercent: 0 }).pick(undefined), undefined);
});

test("localities are chosen by weight times health", () => {
	const a = [placed({ locality: "a", localityWeight: 3 }), placed({ locality: "a", localityWeight: 3 })];
	const b = [
		placed({ locality: "b" }),
		placed({ locality: "b", healthy: false }),
		placed({ locality: "b", healthy: false }),
	];
	const share = count([...a, ...b], 10_000, { byLocalityWeight: true });
	const healthOfB = 1.4 / 3;
	assert.ok(Math.abs(share(b[0]) - healthOfB / (3 + healthOfB)) < 0.02, `${share(b[0])}`);
	assert.equal(share(b[1]), 0);
});

test("a request with a hash stays on its level", () => {
	const hosts = [placed(), placed({ healthy: false }), placed({ priority: 1 })];
	const balancer = hostBalancer(hosts, { ...options, panicThresholdPercent: 0 });
	assert.equal(balancer.pick(99n), hosts[2]!.host);
	assert.equal(balancer.pick(1n), hosts[0]!.host);
});

test("levels to avoid get nothing, unless nothing healthy is left", () => {
	const [first, second, third] = [placed(), placed({ priority: 1 }), placed({ priority: 2, healthy: false })];
	const balancer = hostBalancer([first, second, third], options);
	const picks = (...levels: number[]) =>
		new Set(Array.from({ length: 50 }, () => balancer.pick(undefined, new Set(levels))));
	assert.deepEqual(picks(), new Set([first.host]));
	assert.deepEqual(picks(0), new Set([second.host]));
	assert.deepEqual(picks(0, 1), new Set([first.host]));
	assert.deepEqual(picks(1), new Set([first.host]));
});
