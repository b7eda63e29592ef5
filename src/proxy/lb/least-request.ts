import { type BalancerFactory, equallyWeighted } from "./balancer.ts";
import { EdfSchedule } from "./edf-schedule.ts";

/**
 * LEAST_REQUEST: of `choiceCount` randomly drawn hosts (drawn with replacement, as Envoy does) the one with fewest active
 * requests. With unequal weights: by weight, divided by active requests + 1 to the power of `activeRequestBias`.
 */
export function leastRequest(choiceCount = 2, activeRequestBias = 1): BalancerFactory {
	return (hosts, random) => {
		if (!equallyWeighted(hosts)) {
			const schedule = new EdfSchedule(
				hosts,
				(host) => host.weight / (host.activeRequests + 1) ** activeRequestBias,
				random,
			);
			return { pick: () => schedule.next() };
		}
		return {
			pick() {
				if (hosts.length < 2) return hosts[0];
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
