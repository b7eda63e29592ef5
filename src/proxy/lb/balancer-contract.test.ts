import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "../../lib/random.ts";
import { xxHash64Utf8 } from "../../lib/xx-hash64.ts";
import type { BalancerFactory, LbHost } from "./balancer.ts";
import { leastRequest } from "./least-request.ts";
import { maglev } from "./maglev.ts";
import { randomHost } from "./random-host.ts";
import { ringHash } from "./ring-hash.ts";
import { roundRobin } from "./round-robin.ts";

const POLICIES: Record<string, { factory: BalancerFactory; weighted: boolean; affine: boolean; tolerance: number }> = {
	ROUND_ROBIN: { factory: roundRobin, weighted: true, affine: false, tolerance: 0.01 },
	LEAST_REQUEST: { factory: leastRequest(), weighted: true, affine: false, tolerance: 0.05 },
	RANDOM: { factory: randomHost, weighted: false, affine: false, tolerance: 0.05 },
	RING_HASH: {
		factory: ringHash({ minimumRingSize: 1024, maximumRingSize: 8 << 20 }),
		weighted: true,
		affine: true,
		tolerance: 0.12,
	},
	MAGLEV: { factory: maglev(1009), weighted: true, affine: true, tolerance: 0.05 },
};

const hostsOf = (weights: readonly number[]): LbHost[] =>
	weights.map((weight, i) => ({ address: `10.0.0.${i + 1}:80`, weight, activeRequests: 0 }));

function shares(factory: BalancerFactory, hosts: readonly LbHost[], picks: number): number[] {
	const balancer = factory(hosts, seededRandom(7));
	const counts = new Map<LbHost, number>();
	for (let i = 0; i < picks; i++) {
		const host = balancer.pick(undefined)!;
		counts.set(host, (counts.get(host) ?? 0) + 1);
	}
	return hosts.map((host) => (counts.get(host) ?? 0) / picks);
}

for (const [name, { factory, weighted, affine, tolerance }] of Object.entries(POLICIES)) {
	suite(name, () => {
		test("has no answer without hosts and the only answer with one", () => {
			assert.equal(factory([], seededRandom(1)).pick(undefined), undefined);
			const [only] = hostsOf([3]);
			assert.equal(factory([only!], seededRandom(1)).pick(5n), only);
		});

		test("always picks a host of the list", () => {
			fc.assert(
				fc.property(
					fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 }),
					fc.integer(),
					(weights, seed) => {
						const hosts = hostsOf(weights);
						const balancer = factory(hosts, seededRandom(seed));
						for (let i = 0; i < 10; i++) assert.ok(hosts.includes(balancer.pick(undefined)!));
					},
				),
				{ numRuns: 20 },
			);
		});

		test("shares converge to equal parts", () => {
			for (const share of shares(factory, hostsOf([1, 1, 1, 1]), 8000))
				assert.ok(Math.abs(share - 0.25) < tolerance, `${share}`);
		});

		test(weighted ? "shares converge to the weights" : "weights play no part", () => {
			const wanted = weighted ? [0.75, 0.25] : [0.5, 0.5];
			for (const [i, share] of shares(factory, hostsOf([3, 1]), 8000).entries())
				assert.ok(Math.abs(share - wanted[i]!) < tolerance, `${i}: ${share}`);
		});

		if (affine) {
			test("the same hash goes to the same host, and removing a host moves little but its own share", () => {
				const hosts = hostsOf([1, 1, 1, 1, 1]);
				const before = factory(hosts, seededRandom(1));
				const after = factory(hosts.slice(1), seededRandom(2));
				let moved = 0;
				const keys = 2000;
				for (let i = 0; i < keys; i++) {
					const hash = xxHash64Utf8(`key-${i}`);
					const first = before.pick(hash);
					assert.equal(before.pick(hash), first);
					if (first !== hosts[0] && after.pick(hash) !== first) moved++;
				}
				// A ring is resized with the number of hosts, which moves a few keys more.
				assert.ok(moved / keys < 0.15, `${moved} of ${keys} keys of other hosts moved`);
			});
		}
	});
}

test("LEAST_REQUEST leaves a busy host to the idle ones", () => {
	const hosts = hostsOf([1, 1, 1]).map((host, i) => ({ ...host, activeRequests: i === 0 ? 100 : 0 }));
	const [busy] = shares(leastRequest(), hosts, 5000);
	assert.ok(Math.abs(busy! - 1 / 9) < 0.03, `busy host got ${busy}`); // only when it is drawn twice
	const weighted = hosts.map((host, i) => ({ ...host, weight: i === 0 ? 2 : 1 }));
	assert.ok(shares(leastRequest(), weighted, 5000)[0]! < 0.05);
});

test("xxHash64 gives the published values", () => {
	assert.equal(xxHash64Utf8(""), 0xef46db3751d8e999n);
	assert.equal(xxHash64Utf8("a"), 0xd24ec4f1a98c6e5bn);
	assert.equal(xxHash64Utf8("as"), 0x1c330fb2d66be179n);
	assert.equal(xxHash64Utf8("asdf"), 0x415872f599cea71en);
	assert.equal(xxHash64Utf8("Call me Ishmael. Some years ago--never mind how long precisely-"), 0x02a2e85470d6fd96n);
});
