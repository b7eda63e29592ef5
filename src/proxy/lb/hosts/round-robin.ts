import { type ChooserFactory, equallyWeighted } from "../balancer.ts";
import { EdfSchedule } from "./edf-schedule.ts";

/** ROUND_ROBIN: in turn from a random start; with unequal weights each host as often as its weight says. */
export const roundRobin: ChooserFactory = (hosts, random, memory) => {
	if (hosts.length > 1 && !equallyWeighted(hosts)) {
		const schedule = new EdfSchedule(hosts, (host) => host.weight, random.below(2 ** 32));
		return { pick: () => schedule.next() };
	}
	return { pick: () => (hosts.length === 0 ? undefined : hosts[memory.turn++ % hosts.length]) };
};
