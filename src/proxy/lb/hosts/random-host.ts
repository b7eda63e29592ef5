import type { ChooserFactory } from "../balancer.ts";

/** RANDOM: any host with the same chance; endpoint weights play no part, as in Envoy. */
export const randomHost: ChooserFactory = (hosts, random) => ({
	pick: () => (hosts.length === 0 ? undefined : hosts[random.below(hosts.length)]),
});
