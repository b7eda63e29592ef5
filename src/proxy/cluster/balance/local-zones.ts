import { hostLevels } from "../../lb/host-level.ts";
import type { LocalZones } from "../../lb/zone-routing.ts";
import type { ClusterHost } from "../cluster-host.ts";

/** A locality as text; "" when nothing is said of it. */
export function localityKey({ region, zone, subZone }: ClusterHost["locality"]): string {
	return region === "" && zone === "" && subZone === "" ? "" : `${region}/${zone}/${subZone}`;
}

/** The hosts of the local cluster as zone-aware routing sees them: those of its first priority. */
export function localZonesOf(hosts: readonly ClusterHost[], own: ClusterHost["locality"] | undefined): LocalZones {
	const placed = hosts
		.filter(({ priority }) => priority === 0)
		.map((host) => ({
			host,
			priority: 0,
			health: host.health,
			excluded: host.excluded,
			locality: localityKey(host.locality),
			localityWeight: 0,
		}));
	const { localities, health } = hostLevels(placed, false)[0]!;
	const { healthy, degraded, counted } = health.hosts;
	return {
		own: own && localityKey(own),
		localities,
		availablePercent: counted === 0 ? 0 : (100 * (healthy + degraded)) / counted,
	};
}
