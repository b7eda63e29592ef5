import type { HostChooser, LbHost } from "./balancer.ts";
import type { HostLevel, LevelLocality } from "./host-level.ts";
import { EdfSchedule } from "./hosts/edf-schedule.ts";
import type { HostBalancerOptions } from "./hosts/host-balancer-options.ts";
import { type ZoneRouter, zoneRouter } from "./zone-routing.ts";

/** Which hosts of a level may be asked. */
type Source = "all" | "healthy" | "degraded";

/** Chooses a host of one level in the policy's order. */
export interface OrderLevel<H extends LbHost> {
	pick(source: Source): H | undefined;
}

/** Lists of hosts get their choosers at first use. `priority` names them in the memory of turns. */
export function orderLevel<H extends LbHost>(
	level: HostLevel<H>,
	priority: number,
	options: HostBalancerOptions,
): OrderLevel<H> {
	const whole = new WholeLevel(level, priority, options);
	// Zones count on the first level only.
	const router = priority === 0 && options.zones ? zoneRouter(level, options.zones, options) : undefined;
	const zoned = router ? new ZoneLevel(whole, router, options) : whole;
	return options.byLocalityWeight ? new LocalityLevel(level, zoned, options) : zoned;
}

/** A level whose lists know their place among the levels. */
interface PlacedLevel<H extends LbHost> extends OrderLevel<H> {
	readonly priority: number;
}

class WholeLevel<H extends LbHost> implements PlacedLevel<H> {
	readonly #level: HostLevel<H>;
	readonly #options: HostBalancerOptions;
	readonly priority: number;
	#healthy: HostChooser<H> | undefined;
	#degraded: HostChooser<H> | undefined;
	#all: HostChooser<H> | undefined;

	constructor(level: HostLevel<H>, priority: number, options: HostBalancerOptions) {
		this.#level = level;
		this.priority = priority;
		this.#options = options;
	}

	pick(source: Source): H | undefined {
		if (source === "healthy") {
			this.#healthy ??= this.#make(source);
			return this.#healthy.pick();
		}
		if (source === "degraded") {
			this.#degraded ??= this.#make(source);
			return this.#degraded.pick();
		}
		this.#all ??= this.#make(source);
		return this.#all.pick();
	}

	#make(source: Source): HostChooser<H> {
		return makeChooser(`${this.priority}/${source}`, this.#level[source], this.#options);
	}
}

/** Chooses the locality first; without localities that have a weight, among all hosts. */
class LocalityLevel<H extends LbHost> implements OrderLevel<H> {
	readonly #whole: PlacedLevel<H>;
	readonly #options: HostBalancerOptions;
	readonly #schedules: Readonly<Record<"healthy" | "degraded", EdfSchedule<WeighedLocality<H>>>>;

	constructor(level: HostLevel<H>, whole: PlacedLevel<H>, options: HostBalancerOptions) {
		this.#whole = whole;
		this.#options = options;
		this.#schedules = {
			healthy: localitySchedule(level, "healthy", options),
			degraded: localitySchedule(level, "degraded", options),
		};
	}

	pick(source: Source): H | undefined {
		const chosen = source === "all" ? undefined : this.#schedules[source].next();
		if (!chosen || source === "all") return this.#whole.pick(source);
		const { locality } = chosen;
		chosen.chooser ??= makeChooser(
			`${this.#whole.priority}/${source}/${locality.key}`,
			locality[source],
			this.#options,
		);
		return chosen.chooser.pick();
	}
}

/** Chooses the locality by zones first. */
class ZoneLevel<H extends LbHost> implements PlacedLevel<H> {
	readonly priority: number;
	readonly #whole: WholeLevel<H>;
	readonly #router: ZoneRouter<H>;
	readonly #options: HostBalancerOptions;
	readonly #choosers = {
		healthy: new Map<LevelLocality<H>, HostChooser<H>>(),
		degraded: new Map<LevelLocality<H>, HostChooser<H>>(),
	};

	constructor(whole: WholeLevel<H>, router: ZoneRouter<H>, options: HostBalancerOptions) {
		this.#whole = whole;
		this.priority = whole.priority;
		this.#router = router;
		this.#options = options;
	}

	pick(source: Source): H | undefined {
		const chosen = source === "all" ? "any" : this.#router.choose();
		if (chosen === "none") return undefined;
		if (chosen === "any" || source === "all") return this.#whole.pick(source);
		const choosers = this.#choosers[source];
		let chooser = choosers.get(chosen);
		if (!chooser) {
			chooser = makeChooser(`${this.priority}/${source}/${chosen.key}`, chosen[source], this.#options);
			choosers.set(chosen, chooser);
		}
		return chooser.pick();
	}
}

function makeChooser<H extends LbHost>(
	key: string,
	hosts: readonly H[],
	{ policy, turns, random }: HostBalancerOptions,
): HostChooser<H> {
	if (policy.kind !== "order") throw new Error("hashing policies have no order");
	let memory = turns.get(key);
	if (!memory) {
		memory = { turn: random.below(2 ** 31) };
		turns.set(key, memory);
	}
	return policy.make(hosts, random, memory);
}

interface WeighedLocality<H extends LbHost> {
	readonly locality: LevelLocality<H>;
	readonly weight: number;
	chooser: HostChooser<H> | undefined;
}

/** Localities by weight, each weight shrunk by the health of its locality (Envoy: locality weighted load balancing). */
function localitySchedule<H extends LbHost>(
	level: HostLevel<H>,
	source: "healthy" | "degraded",
	{ overprovisioningPercent, random }: HostBalancerOptions,
): EdfSchedule<WeighedLocality<H>> {
	const weighed = level.localities.flatMap((locality): WeighedLocality<H>[] => {
		const counted = locality.all.length - locality.excluded;
		if (counted <= 0) return [];
		const available = Math.min(1, ((overprovisioningPercent / 100) * locality[source].length) / counted);
		const weight = locality.weight * available;
		return weight > 0 ? [{ locality, weight, chooser: undefined }] : [];
	});
	return new EdfSchedule(weighed, ({ weight }) => weight, random.below(2 ** 32));
}
