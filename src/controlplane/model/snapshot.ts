import type { ObjectProblems } from "./config-object.ts";
import type { DestinationRule } from "./destination-rule.ts";
import type { Gateway } from "./gateway.ts";
import type { MeshConfig } from "./mesh-config.ts";
import type { Endpoint, Service } from "./service.ts";
import type { VirtualService } from "./virtual-service.ts";
import type { Workload } from "./workload.ts";

/** Everything that configuration is made from, at one moment. Frozen; parts that did not change keep their identity. */
export interface Snapshot {
	/** Counts up with each snapshot of a registry. */
	readonly version: number;
	readonly mesh: MeshConfig;
	/** Oldest first. */
	readonly services: readonly Service[];
	/** Oldest first, like the other lists. */
	readonly virtualServices: readonly VirtualService[];
	readonly destinationRules: readonly DestinationRule[];
	readonly gateways: readonly Gateway[];
	/** By `namespace/pod`. */
	readonly workloads: ReadonlyMap<string, Workload>;
	/** By hostname; every port's endpoints. */
	readonly endpoints: ReadonlyMap<string, readonly Endpoint[]>;
	readonly namespaces: ReadonlySet<string>;
	/** Objects that have problems, used or not. */
	readonly problems: readonly ObjectProblems[];
}

/** What differs between two snapshots, by part. */
export interface SnapshotChange {
	/** `Kind/namespace/name` of the objects whose change led here. */
	readonly keys: ReadonlySet<string>;
	/** True when nothing but endpoints changed: clusters, listeners and routes are as they were. */
	readonly endpointsOnly: boolean;
}

const NO_ENDPOINTS: readonly Endpoint[] = Object.freeze([]);

/** All endpoints of a service, every port. */
export function endpointsOf(snapshot: Snapshot, hostname: string): readonly Endpoint[] {
	return snapshot.endpoints.get(hostname) ?? NO_ENDPOINTS;
}
