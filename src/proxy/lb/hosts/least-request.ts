import type { Random } from "../../../lib/random.ts";
import { type ChooserFactory, equallyWeighted, type LbHost } from "../balancer.ts";
import { EdfSchedule } from "./edf-schedule.ts";

export interface LeastRequestOptions {
	/** Hosts that are compared; Envoy's default is 2. */
	readonly choiceCount: number;
	/** With unequal weights: how much active requests count. */
	readonly activeRequestBias: number;
	/** Compare all hosts instead (`selection_method: FULL_SCAN`). */
	readonly fullScan: boolean;
}

export const LEAST_REQUEST_DEFAULTS: LeastRequestOptions = { choiceCount: 2, activeRequestBias: 1, fullScan: false };

/**
 * LEAST_REQUEST: of `choiceCount` randomly drawn hosts (drawn with replacement, as Envoy does) the one with fewest active
 * requests. With unequal weights: by weight, divided by active requests + 1 to the power of `activeRequestBias`.
 */
export function leastRequest({
	choiceCount,
	activeRequestBias,
	fullScan,
}: LeastRequestOptions = LEAST_REQUEST_DEFAULTS): ChooserFactory {
	return (hosts, random) => {
		if (hosts.length < 2) return { pick: () => hosts[0] };
		if (!equallyWeighted(hosts)) {
			const weightOf = (host: LbHost) => host.weight / (host.activeRequests + 1) ** activeRequestBias;
			const schedule = new EdfSchedule(hosts, weightOf, random.below(2 ** 32));
			return { pick: () => schedule.next() };
		}
		if (fullScan) return { pick: () => leastOf(hosts, random) };
		return {
			pick() {
				let best = hosts[random.below(hosts.length)]!;
				for (let choice = 1; choice < choiceCount; choice++) {
					const other = hosts[random.below(hosts.length)]!;
					if (other.activeRequests < best.activeRequests) best = other;
				}
				return best;
			},
		};
	};
}

/** The least busy of all; hosts that are equally so have the same chance. */
function leastOf<H extends LbHost>(hosts: readonly H[], random: Random): H {
	let best = hosts[0]!;
	let tied = 1;
	for (let i = 1; i < hosts.length; i++) {
		const other = hosts[i]!;
		if (other.activeRequests < best.activeRequests) {
			best = other;
			tied = 1;
		} else if (other.activeRequests === best.activeRequests && random.below(++tied) === 0) best = other;
	}
	return best;
}
