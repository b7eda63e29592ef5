import type { DestinationRule, PolicyBlocks, Subset, TrafficPolicy } from "../../model/destination-rule.ts";

const NO_POLICY: PolicyBlocks = Object.freeze({});

/**
 * What one port of a service or subset obeys (istio-traffic-api.md 2.4). A port-level entry replaces the destination-level
 * policy whole; a subset's blocks replace the base's block by block, unless the subset has its own entry for the port.
 */
export function effectivePolicy(
	rule: DestinationRule | undefined,
	subset: Subset | undefined,
	port: number,
): PolicyBlocks {
	const base = baseBlocks(rule?.trafficPolicy, port);
	const own = subset?.trafficPolicy;
	if (!own) return base;
	const ownPort = own.portLevel.get(port);
	if (ownPort) return { ...ownPort, retryBudget: own.retryBudget ?? base.retryBudget };
	return {
		loadBalancer: own.loadBalancer ?? base.loadBalancer,
		connectionPool: own.connectionPool ?? base.connectionPool,
		outlierDetection: own.outlierDetection ?? base.outlierDetection,
		tls: own.tls ?? base.tls,
		retryBudget: own.retryBudget ?? base.retryBudget,
	};
}

function baseBlocks(policy: TrafficPolicy | undefined, port: number): PolicyBlocks {
	if (!policy) return NO_POLICY;
	return policy.portLevel.get(port) ?? policy;
}
