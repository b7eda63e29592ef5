import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../../lib/clock.ts";
import { seededRandom } from "../../../lib/random.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import type { DnsAnswer } from "../discovery/dns-discovery.ts";
import { DnsCache, hostKey } from "./dns-cache.ts";
import type { DnsCacheConfig } from "./dns-cache-config.ts";

const CONFIG: DnsCacheConfig = {
	name: "c",
	family: "v4",
	refreshMs: 1000,
	minRefreshMs: 500,
	failureBaseMs: 100,
	failureMaxMs: 1000,
	forgetsFailures: false,
	hostTtlMs: 5000,
	maxHosts: 2,
	maxPending: 1,
	queryTimeoutMs: 200,
	preresolved: [],
};

/** A resolver whose answers the test gives. */
class Names {
	readonly asked: string[] = [];
	#waiting: ((answer: DnsAnswer | Error) => void)[] = [];

	resolve(name: string): Promise<DnsAnswer> {
		this.asked.push(name);
		return new Promise((resolve, reject) => {
			this.#waiting.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
		});
	}

	async answer(answer: readonly string[] | Error, ttlMs?: number): Promise<void> {
		this.#waiting.shift()!(answer instanceof Error ? answer : { addresses: answer, ttlMs });
		await settled();
	}
}

async function settled(): Promise<void> {
	for (let i = 0; i < 8; i++) await Promise.resolve();
}

function setUp(change: Partial<DnsCacheConfig> = {}) {
	const clock = new ManualClock();
	const names = new Names();
	const scope = new MetricRegistry().scope("dns_cache.c.");
	const cache = new DnsCache({ ...CONFIG, ...change }, { clock, random: seededRandom(1), resolver: names, scope });
	const count = (name: string) => scope.counter(name).value;
	return { cache, clock, names, count };
}

test("a host is resolved once for all who wait, then known; users are told when it moves", async () => {
	const { cache, clock, names, count } = setUp();
	const loaded: string[] = [];
	let changes = 0;
	cache.follow(() => changes++);
	assert.equal(typeof cache.load("a.test", 80, () => loaded.push("one")), "function");
	const cancel = cache.load("a.test:80", 443, () => loaded.push("two"));
	cache.load("a.test", 80, () => loaded.push("three"));
	assert.ok(typeof cancel === "function");
	cancel();
	assert.equal(cache.use("a.test", 80), undefined);
	await names.answer(["10.0.0.1"]);
	assert.deepEqual([loaded, names.asked], [["one", "three"], ["a.test"]]);
	assert.equal(
		cache.load("a.test", 80, () => {}),
		"known",
	);
	assert.deepEqual(cache.use("a.test", 80)?.addresses, ["10.0.0.1"]);
	clock.advance(1000);
	await names.answer(["10.0.0.1"]);
	assert.equal(changes, 1);
	clock.advance(1000);
	await names.answer(["10.0.0.2"]);
	assert.deepEqual([changes, count("host_address_changed"), count("dns_query_attempt")], [2, 2, 3]);
});

test("a short TTL does not bring refreshes closer than the minimum", async () => {
	const { cache, clock, names } = setUp();
	cache.load("a.test", 80, () => {});
	await names.answer(["10.0.0.1"], 10);
	clock.advance(499);
	assert.equal(names.asked.length, 1);
	clock.advance(1);
	assert.equal(names.asked.length, 2);
});

test("names without an address, failures and slow resolvers wake who waits; addresses that worked stay", async () => {
	const { cache, clock, names, count } = setUp({ maxHosts: 5 });
	const woken: string[] = [];
	cache.load("none.test", 80, () => woken.push("none"));
	await names.answer([]);
	assert.equal(cache.use("none.test", 80)?.failure, "cares_norecords:Domain_name_not_found");
	cache.load("slow.test", 80, () => woken.push("slow"));
	clock.advance(200);
	await settled();
	assert.deepEqual([woken, count("dns_query_timeout")], [["none", "slow"], 1]);
	const other = setUp();
	other.cache.load("good.test", 80, () => {});
	await other.names.answer(["10.0.0.1"]);
	other.clock.advance(1000);
	await other.names.answer(new Error("SERVFAIL"));
	assert.deepEqual([other.cache.use("good.test", 80)?.addresses, other.count("dns_query_failure")], [["10.0.0.1"], 1]);
});

test("hosts beyond the limit have no room, until one goes that nobody asked for", async () => {
	const { cache, clock, names, count } = setUp();
	for (const host of ["a.test", "b.test"]) {
		cache.load(host, 80, () => {});
		await names.answer(["10.0.0.1"]);
	}
	assert.equal(
		cache.load("c.test", 80, () => {}),
		"overflow",
	);
	for (let i = 0; i < 5; i++) {
		clock.advance(1000);
		cache.use("b.test", 80);
		while (names.asked.length > count("dns_query_success")) await names.answer(["10.0.0.1"]);
	}
	assert.deepEqual(
		cache.hosts().map(({ key }) => key),
		["b.test:80"],
	);
	assert.equal(typeof cache.load("c.test", 80, () => {}), "function");
	assert.deepEqual([count("host_overflow"), count("host_removed"), count("host_added")], [1, 1, 3]);
});

test("so many may wait, and failures are forgotten where that is asked", async () => {
	const { cache, names, count } = setUp({ forgetsFailures: true, preresolved: ["early.test:80"] });
	assert.deepEqual(names.asked, ["early.test"]);
	await names.answer(new Error("SERVFAIL"));
	assert.equal(count("host_removed"), 1);
	assert.deepEqual([cache.tryPending(), cache.tryPending(), count("dns_rq_pending_overflow")], [true, false, 1]);
	cache.releasePending();
	assert.equal(cache.tryPending(), true);
});

test("hosts are known with their port", () => {
	const keys = [
		hostKey("a.test", 80),
		hostKey("a.test:81", 80),
		hostKey("[::1]:81", 80),
		hostKey("[::1]", 80),
		hostKey("::1", 80),
	];
	assert.deepEqual(keys, ["a.test:80", "a.test:81", "[::1]:81", "[::1]:80", "[::1]:80"]);
});
