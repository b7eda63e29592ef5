import type { Locality } from "../../model/service.ts";

/**
 * Priority of each locality as seen from `near`: 0 the same subzone, 1 the same zone, 2 the same region, 3 elsewhere;
 * then closed up, so that the nearest that exists is 0 (istio-traffic-api.md 2.6).
 */
export function failoverPriorities(near: Locality, localities: readonly Locality[]): readonly number[] {
	const distances = localities.map((locality) => distance(near, locality));
	const used = [...new Set(distances)].sort((a, b) => a - b);
	return distances.map((d) => used.indexOf(d));
}

function distance(a: Locality, b: Locality): number {
	if (a.region !== b.region) return 3;
	if (a.zone !== b.zone) return 2;
	return a.subzone === b.subzone ? 0 : 1;
}
