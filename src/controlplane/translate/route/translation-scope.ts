import type { Problem } from "../../../lib/problem.ts";
import { formatClusterName } from "../../model/cluster-name.ts";
import type { ConsistentHash, DestinationRule } from "../../model/destination-rule.ts";
import { destinationRuleFor } from "../../model/destination-rule-lookup.ts";
import type { Service } from "../../model/service.ts";
import { serviceView } from "../../model/service-lookup.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import type { Destination } from "../../model/virtual-service.ts";
import { effectivePolicy } from "../cluster/effective-policy.ts";
import type { ProxyCheck } from "../proxy-check.ts";

/** Whose routes are made and for which listener; everything that a route's translation depends on besides the rule itself. */
export interface RouteScope {
	readonly snapshot: Snapshot;
	readonly namespace: string;
	readonly labels: Readonly<Record<string, string>>;
	/** Service port at sidecars, the server's declared port at gateways. */
	readonly listenerPort: number;
	/** `mesh`, or the gateways (`namespace/name`) whose server is being translated. */
	readonly gateways: ReadonlySet<string>;
	/** Filters that the proxy has; a rule that needs another is reported, not half obeyed. */
	readonly extensions: ReadonlySet<string>;
	readonly check: ProxyCheck;
	/** Told what could not be done for this proxy. */
	report(problem: Problem): void;
}

/** Where a destination leads for one client. */
export interface ResolvedDestination {
	readonly cluster: string;
	readonly host: string;
	readonly port: number;
	readonly service: Service | undefined;
	readonly consistentHash: ConsistentHash | undefined;
}

/**
 * Names the cluster of a destination. Unknown hosts and subsets get a name too: their cluster does not exist and the proxy
 * answers 503 NC, as Istio's does.
 */
export function resolveDestination(destination: Destination, scope: RouteScope): ResolvedDestination {
	const { snapshot, namespace } = scope;
	const service = serviceView(snapshot, namespace).find(destination.host);
	const host = service?.hostname ?? destination.host;
	const onlyPort = service?.ports.length === 1 ? service.ports[0]!.number : undefined;
	const port = destination.port ?? onlyPort ?? scope.listenerPort;
	const rule = service && destinationRuleFor(snapshot, scope, service);
	return {
		cluster: formatClusterName({ direction: "outbound", port, subset: destination.subset, host }),
		host,
		port,
		service,
		consistentHash: rule && hashOf(rule, destination.subset, port),
	};
}

function hashOf(rule: DestinationRule, subsetName: string, port: number): ConsistentHash | undefined {
	const subset = rule.subsets.find((s) => s.name === subsetName);
	return effectivePolicy(rule, subset, port).loadBalancer?.consistentHash;
}
