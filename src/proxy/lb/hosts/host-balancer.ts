import type { Random } from "../../../lib/random.ts";
import type { LbHost } from "../balancer.ts";
import { type HashLevel, hashLevel } from "../hash-level.ts";
import { type HostLevel, hostLevels, type PlacedHost } from "../host-level.ts";
import { type OrderLevel, orderLevel } from "../order-level.ts";
import { type LevelHealth, type PriorityLoad, priorityLoad } from "../priority-load.ts";
import type { HostBalancerOptions } from "./host-balancer-options.ts";

export interface HostBalancer<H extends LbHost> {
	/**
	 * `attempt`: 0, then more when the host was not acceptable. `avoid`: levels that get nothing while another one can serve (Envoy:
	 * previous_priorities). Undefined: there is no host to send to.
	 */
	pick(hash: bigint | undefined, attempt: number, avoid: ReadonlySet<number> | undefined): H | undefined;
	/** Picks on one level, which somebody else has chosen; hashing policies choose by themselves. */
	pickOn(choice: LevelChoice, hash: bigint | undefined, attempt: number): H | undefined;
	/** What can serve on each level. */
	levels(): readonly LevelHealth[];
}

/** A level, and which of its hosts are meant. */
export interface LevelChoice {
	readonly level: number;
	readonly degraded: boolean;
}

/**
 * Picks level, then locality (if weighted), then host. Immutable: make a new one when a host comes, goes, or changes health
 * or weight.
 */
export function hostBalancer<H extends LbHost>(
	placed: readonly PlacedHost<H>[],
	options: HostBalancerOptions,
): HostBalancer<H> {
	const levels = hostLevels(placed, options.weightedPriorityHealth);
	const load = priorityLoad(
		levels.map(({ health }) => health),
		options,
	);
	return options.policy.kind === "hash"
		? new HashBalancer(levels, load, options)
		: new OrderBalancer(levels, load, options);
}

class OrderBalancer<H extends LbHost> implements HostBalancer<H> {
	readonly #levels: readonly HostLevel<H>[];
	readonly #load: PriorityLoad;
	readonly #options: HostBalancerOptions;
	readonly #choosers: (OrderLevel<H> | undefined)[] = [];
	/** Everything goes to healthy hosts of the first level: the usual case. */
	readonly #simple: boolean;

	constructor(levels: readonly HostLevel<H>[], load: PriorityLoad, options: HostBalancerOptions) {
		this.#levels = levels;
		this.#load = load;
		this.#options = options;
		this.#simple = load.healthy[0] === 100 && !load.inPanic[0];
		// What zone-aware routing counts is counted when hosts change, not when the first request comes.
		if (options.zones) this.#chooser(0);
	}

	pick(_hash: bigint | undefined, _attempt: number, avoid: ReadonlySet<number> | undefined): H | undefined {
		const avoids = avoid !== undefined && avoid.size > 0;
		if (this.#simple && !avoids) return this.#chooser(0).pick("healthy");
		const shares = avoids ? this.#loadWithout(avoid) : this.#load;
		return this.pickOn(pickLevel(shares, this.#options.random.below(100)));
	}

	pickOn({ level, degraded }: LevelChoice): H | undefined {
		if (!this.#load.inPanic[level]) return this.#chooser(level).pick(degraded ? "degraded" : "healthy");
		this.#options.onPanic();
		return this.#options.failOnPanic ? undefined : this.#chooser(level).pick("all");
	}

	levels(): readonly LevelHealth[] {
		return this.#levels.map(({ health }) => health);
	}

	#chooser(level: number): OrderLevel<H> {
		this.#choosers[level] ??= orderLevel(this.#levels[level]!, level, this.#options);
		return this.#choosers[level];
	}

	/** The shares when some levels are left out; all of them when nothing that can serve remains. */
	#loadWithout(avoid: ReadonlySet<number>): PriorityLoad {
		const rest = this.#levels.map(({ health }, p) => (avoid.has(p) ? { ...health, healthy: 0, degraded: 0 } : health));
		const some = rest.some(({ healthy, degraded }) => healthy + degraded > 0);
		return some ? priorityLoad(rest, { ...this.#options, panicThresholdPercent: 0 }) : this.#load;
	}
}

class HashBalancer<H extends LbHost> implements HostBalancer<H> {
	readonly #levels: readonly HostLevel<H>[];
	readonly #load: PriorityLoad;
	readonly #options: HostBalancerOptions;
	readonly #tables: (HashLevel<H> | undefined)[] = [];

	constructor(levels: readonly HostLevel<H>[], load: PriorityLoad, options: HostBalancerOptions) {
		this.#levels = levels;
		this.#load = load;
		this.#options = options;
	}

	pick(hash: bigint | undefined, attempt: number): H | undefined {
		const point = hash === undefined ? randomPoint(this.#options.random) : BigInt.asUintN(64, hash);
		const { level } = pickLevel(this.#load, this.#load.healthy[0] === 100 ? 0 : Number(point % 100n));
		const inPanic = this.#load.inPanic[level]!;
		if (inPanic && attempt === 0) this.#options.onPanic();
		this.#tables[level] ??= hashLevel(this.#levels[level]!, inPanic, this.#options);
		return this.#tables[level].pick(point, attempt);
	}

	pickOn(_choice: LevelChoice, hash: bigint | undefined, attempt: number): H | undefined {
		return this.pick(hash, attempt);
	}

	levels(): readonly LevelHealth[] {
		return this.#levels.map(({ health }) => health);
	}
}

/** A 64-bit number out of two draws. */
function randomPoint(random: Random): bigint {
	return (BigInt(random.below(0x100000000)) << 32n) | BigInt(random.below(0x100000000));
}

/** `point`: 0 to 99. Healthy hosts of all levels come before degraded ones. */
function pickLevel({ healthy, degraded }: PriorityLoad, point: number): LevelChoice {
	let left = point;
	for (let level = 0; level < healthy.length; level++) {
		if (left < healthy[level]!) return { level, degraded: false };
		left -= healthy[level]!;
	}
	for (let level = 0; level < degraded.length; level++) {
		if (left < degraded[level]!) return { level, degraded: true };
		left -= degraded[level]!;
	}
	throw new Error("the shares of the priority levels do not add up to 100");
}
