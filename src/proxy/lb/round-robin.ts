import { type BalancerFactory, equallyWeighted } from "./balancer.ts";
import { EdfSchedule } from "./edf-schedule.ts";

/** ROUND_ROBIN: in turn from a random start; with unequal weights each host as often as its weight says. */
export const roundRobin: BalancerFactory = (hosts, random) => {
	if (!equallyWeighted(hosts)) {
		const schedule = new EdfSchedule(hosts, (host) => host.weight, random);
		return { pick: () => schedule.next() };
	}
	let at = hosts.length === 0 ? 0 : random.below(hosts.length);
	return {
		pick() {
			if (at >= hosts.length) at = 0;
			return hosts[at++];
		},
	};
};
