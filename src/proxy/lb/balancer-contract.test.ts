import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { murmurHash2Utf8 } from "../../lib/murmur-hash2.ts";
import { seededRandom } from "../../lib/random.ts";
import { xxHash64Utf8 } from "../../lib/xx-hash64.ts";
import type { BalancingPolicy, LbHost } from "./balancer.ts";
import { hostBalancer } from "./hosts/host-balancer.ts";
import { leastRequest } from "./hosts/least-request.ts";
import { maglev } from "./hosts/maglev.ts";
import { MersenneTwister } from "./hosts/mersenne-twister.ts";
import { randomHost } from "./hosts/random-host.ts";
import { ringHash } from "./hosts/ring-hash.ts";
import { roundRobin } from "./hosts/round-robin.ts";

const order = (make: Extract<BalancingPolicy, { kind: "order" }>["make"]): BalancingPolicy => ({ kind: "order", make });
const hashing = (
	make: Extract<BalancingPolicy, { kind: "hash" }>["make"],
	boundedLoadPercent = 0,
): BalancingPolicy => ({
	kind: "hash",
	make,
	boundedLoadPercent,
});
const RING = { minimumRingSize: 1024, maximumRingSize: 8 << 20, hash: "xx", useHostname: false } as const;

const POLICIES: Record<string, { policy: BalancingPolicy; weighted: boolean; affine: boolean; tolerance: number }> = {
	ROUND_ROBIN: { policy: order(roundRobin), weighted: true, affine: false, tolerance: 0.01 },
	LEAST_REQUEST: { policy: order(leastRequest()), weighted: true, affine: false, tolerance: 0.05 },
	RANDOM: { policy: order(randomHost), weighted: false, affine: false, tolerance: 0.05 },
	RING_HASH: { policy: hashing(ringHash(RING)), weighted: true, affine: true, tolerance: 0.12 },
	MURMUR_RING: {
		policy: hashing(ringHash({ ...RING, hash: "murmur2" })),
		weighted: true,
		affine: true,
		tolerance: 0.12,
	},
	MAGLEV: {
		policy: hashing(maglev({ tableSize: 1009, useHostname: false })),
		weighted: true,
		affine: true,
		tolerance: 0.05,
	},
};

const hostsOf = (weights: readonly number[]): LbHost[] =>
	weights.map((weight, i) => ({
		address: `10.0.0.${i + 1}:80`,
		hostname: "",
		hashKey: undefined,
		weight,
		warming: false,
		activeRequests: 0,
	}));

const balancerOf = (policy: BalancingPolicy, hosts: readonly LbHost[], seed: number, activeRequests = () => 0) => {
	const placed = hosts.map((host) => ({
		host,
		priority: 0,
		health: "healthy" as const,
		excluded: false,
		locality: "",
		localityWeight: 1,
	}));
	const balancer = hostBalancer(placed, {
		policy,
		overprovisioningPercent: 140,
		panicThresholdPercent: 50,
		byLocalityWeight: false,
		weightedPriorityHealth: false,
		failOnPanic: false,
		random: seededRandom(seed),
		turns: new Map(),
		stats: () => {},
		activeRequests,
		onPanic: () => {},
	});
	return { pick: (hash?: bigint, attempt = 0) => balancer.pick(hash, attempt, undefined) };
};

function shares(policy: BalancingPolicy, hosts: readonly LbHost[], picks: number): number[] {
	const balancer = balancerOf(policy, hosts, 7);
	const counts = new Map<LbHost, number>();
	for (let i = 0; i < picks; i++) {
		const host = balancer.pick(undefined)!;
		counts.set(host, (counts.get(host) ?? 0) + 1);
	}
	return hosts.map((host) => (counts.get(host) ?? 0) / picks);
}

for (const [name, { policy, weighted, affine, tolerance }] of Object.entries(POLICIES)) {
	suite(name, () => {
		test("has no answer without hosts and the only answer with one", () => {
			assert.equal(balancerOf(policy, [], 1).pick(), undefined);
			const [only] = hostsOf([3]);
			assert.equal(balancerOf(policy, [only!], 1).pick(5n), only);
		});

		test("always picks a host of the list", () => {
			fc.assert(
				fc.property(
					fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 }),
					fc.integer(),
					(weights, seed) => {
						const hosts = hostsOf(weights);
						const balancer = balancerOf(policy, hosts, seed);
						for (let i = 0; i < 10; i++) assert.ok(hosts.includes(balancer.pick(undefined)!));
					},
				),
				{ numRuns: 20 },
			);
		});

		test("shares converge to equal parts", () => {
			for (const share of shares(policy, hostsOf([1, 1, 1, 1]), 8000))
				assert.ok(Math.abs(share - 0.25) < tolerance, `${share}`);
		});

		test(weighted ? "shares converge to the weights" : "weights play no part", () => {
			const wanted = weighted ? [0.75, 0.25] : [0.5, 0.5];
			for (const [i, share] of shares(policy, hostsOf([3, 1]), 8000).entries())
				assert.ok(Math.abs(share - wanted[i]!) < tolerance, `${i}: ${share}`);
		});

		if (affine) {
			test("the same hash goes to the same host, and removing a host moves little but its own share", () => {
				const hosts = hostsOf([1, 1, 1, 1, 1]);
				const before = balancerOf(policy, hosts, 1);
				const after = balancerOf(policy, hosts.slice(1), 2);
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
	const [busy] = shares(order(leastRequest()), hosts, 5000);
	assert.ok(Math.abs(busy! - 1 / 9) < 0.03, `busy host got ${busy}`); // only when it is drawn twice
	const weighted = hosts.map((host, i) => ({ ...host, weight: i === 0 ? 2 : 1 }));
	assert.ok(shares(order(leastRequest()), weighted, 5000)[0]! < 0.05);
});

test("LEAST_REQUEST that looks at all hosts never takes a busier one, and spreads over equals", () => {
	const hosts = hostsOf([1, 1, 1, 1]).map((host, i) => ({ ...host, activeRequests: i < 2 ? 1 : 0 }));
	const full = order(leastRequest({ choiceCount: 2, activeRequestBias: 1, fullScan: true }));
	const [a, b, c, d] = shares(full, hosts, 4000);
	assert.deepEqual([a, b], [0, 0]);
	assert.ok(Math.abs(c! - d!) < 0.05);
});

test("further attempts of a hashing policy come to other hosts", () => {
	for (const { policy, affine } of Object.values(POLICIES)) {
		if (!affine) continue;
		const balancer = balancerOf(policy, hostsOf([1, 1, 1]), 1);
		const seen = new Set(Array.from({ length: 20 }, (_, attempt) => balancer.pick(12345n, attempt)));
		assert.equal(seen.size, 3);
	}
});

test("bounded loads: a host above its share hands on, always to the same one for the same hash", () => {
	const hosts = hostsOf([1, 1, 1, 1]);
	const free = balancerOf(hashing(ringHash(RING)), hosts, 1);
	const bounded = hashing(ringHash(RING), 120);
	const first = free.pick(99n)!;
	const busy = hosts.map((host) => ({ ...host, activeRequests: host === first ? 10 : 0 }));
	const balancer = balancerOf(bounded, busy, 1, () => 10);
	const second = balancer.pick(99n)!;
	assert.notEqual(second.address, first.address);
	assert.equal(balancer.pick(99n), second);
	assert.equal(balancerOf(bounded, hosts, 1).pick(99n), first, "nobody is busy");
	const full = hosts.map((host, i) => ({ ...host, activeRequests: 100 + i }));
	assert.equal(balancerOf(bounded, full, 1, () => 4).pick(99n)?.address, "10.0.0.1:80", "the least overloaded");
});

test("the Mersenne twister and MurmurHash2 give the published values", () => {
	const random = new MersenneTwister(5489);
	assert.deepEqual([random.next(), random.next()], [3499211612, 581869302]);
	for (let i = 2; i < 9999; i++) random.next();
	assert.equal(random.next(), 4123659995);
	// As std::hash<std::string> of the GNU C++ library prints them.
	assert.equal(murmurHash2Utf8(""), 6142509188972423790n);
	assert.equal(murmurHash2Utf8("a"), 4993892634952068459n);
	assert.equal(murmurHash2Utf8("12345678"), 10113836418918046885n);
	assert.equal(murmurHash2Utf8("127.0.0.1:8080_17"), 3591327324750848891n);
});

test("xxHash64 gives the published values", () => {
	assert.equal(xxHash64Utf8(""), 0xef46db3751d8e999n);
	assert.equal(xxHash64Utf8("a"), 0xd24ec4f1a98c6e5bn);
	assert.equal(xxHash64Utf8("as"), 0x1c330fb2d66be179n);
	assert.equal(xxHash64Utf8("asdf"), 0x415872f599cea71en);
	assert.equal(xxHash64Utf8("Call me Ishmael. Some years ago--never mind how long precisely-"), 0x02a2e85470d6fd96n);
});
