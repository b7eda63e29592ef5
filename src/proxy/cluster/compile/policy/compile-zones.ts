import type { Cluster_CommonLbConfig } from "../../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import {
	LocalityLbConfig_ZoneAwareLbConfig_LocalityBasis as Basis,
	type LocalityLbConfig,
} from "../../../../xds/generated/envoy/extensions/load_balancing_policies/common/v3/common_pb.ts";
import { ZONE_DEFAULTS, type ZoneConfig } from "../../../lb/zone-routing.ts";
import type { BalancingConfig } from "../../cluster-config.ts";

type Placement = Pick<BalancingConfig, "byLocalityWeight" | "failOnPanic" | "zones">;
type Specifier = LocalityLbConfig["localityConfigSpecifier"] | Cluster_CommonLbConfig["localityConfigSpecifier"];
type ZoneMessage = Extract<Specifier, { case: "zoneAwareLbConfig" }>["value"];

/** Reads how localities count, in either of Envoy's two messages. */
export function compilePlacement(
	config: Pick<LocalityLbConfig, "localityConfigSpecifier"> | Cluster_CommonLbConfig | undefined,
): Placement {
	const { localityConfigSpecifier: locality } = config ?? { localityConfigSpecifier: { case: undefined } };
	const zones = locality.case === "zoneAwareLbConfig" ? locality.value : undefined;
	return {
		byLocalityWeight: locality.case === "localityWeightedLbConfig",
		failOnPanic: zones?.failTrafficOnPanic ?? false,
		zones: zones ? compileZones(zones) : ZONE_DEFAULTS,
	};
}

function compileZones(message: ZoneMessage): ZoneConfig {
	return {
		enabledPercent: Math.round(message.routingEnabled?.value ?? ZONE_DEFAULTS.enabledPercent),
		minClusterSize: Number(message.minClusterSize ?? ZONE_DEFAULTS.minClusterSize),
		forceLocalMinSize: forceLocalOf(message),
		byWeight: "localityBasis" in message && message.localityBasis === Basis.HEALTHY_HOSTS_WEIGHT,
	};
}

function forceLocalOf(message: ZoneMessage): number | undefined {
	if (!("forceLocalZone" in message) && !("forceLocalityDirectRouting" in message)) return undefined;
	if (message.forceLocalZone) return message.forceLocalZone.minSize ?? 1;
	return message.forceLocalityDirectRouting ? 1 : undefined;
}
