import type { ClusterLoadAssignment } from "../../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { type ClusterName, parseClusterName } from "../../model/cluster-name.ts";
import { labelsMatch } from "../../model/config-object.ts";
import { destinationRuleFor } from "../../model/destination-rule-lookup.ts";
import { IdentityMemo } from "../../model/identity-memo.ts";
import type { Endpoint } from "../../model/service.ts";
import { serviceView } from "../../model/service-lookup.ts";
import { endpointsOf, type Snapshot } from "../../model/snapshot.ts";
import { effectivePolicy } from "../cluster/effective-policy.ts";
import type { ConnectedProxy } from "../connected-proxy.ts";
import { loadAssignment } from "./load-assignment.ts";

/** Load assignments by cluster name; shared by all proxies that see the endpoints the same way. */
export class EndpointTranslator {
	readonly #assignments = new IdentityMemo<ClusterLoadAssignment>();

	/** An assignment for every name: an unknown cluster has no endpoints. */
	generate(proxy: ConnectedProxy, names: ReadonlySet<string>, snapshot: Snapshot): readonly ClusterLoadAssignment[] {
		return [...names].map((name) => this.#assignment(name, proxy, snapshot));
	}

	sweep(): void {
		this.#assignments.sweep();
	}

	#assignment(name: string, proxy: ConnectedProxy, snapshot: Snapshot): ClusterLoadAssignment {
		const parts = parseClusterName(name);
		const service = parts && serviceView(snapshot, proxy.namespace).find(parts.host);
		if (!parts || !service) return this.#assignments.get(name, [], () => empty(name));
		const rule = destinationRuleFor(snapshot, proxy, service);
		const subset = rule?.subsets.find((s) => s.name === parts.subset);
		if (parts.subset !== "" && !subset) return this.#assignments.get(name, [], () => empty(name));
		const policy = effectivePolicy(rule, subset, parts.port);
		const locality = policy.loadBalancer?.localityEnabled ?? snapshot.mesh.localityLbEnabled;
		const preferNear = policy.outlierDetection && locality ? proxy.locality : undefined;
		const all = endpointsOf(snapshot, service.hostname);
		const near = preferNear ? `${preferNear.region}/${preferNear.zone}/${preferNear.subzone}` : "-";
		const labels = subset?.labels ?? {};
		const key = [name, service.meta.namespace, proxy.clusterId, near, JSON.stringify(labels)].join(" ");
		return this.#assignments.get(key, [all], () =>
			loadAssignment(name, selectEndpoints(all, parts, labels), { clusterId: proxy.clusterId, preferNear }),
		);
	}
}

/** Endpoints of one service port that carry a subset's labels. */
function selectEndpoints(
	endpoints: readonly Endpoint[],
	{ port }: Pick<ClusterName, "port">,
	labels: Readonly<Record<string, string>>,
): readonly Endpoint[] {
	return endpoints.filter((e) => e.servicePort === port && labelsMatch(labels, e.labels));
}

function empty(name: string): ClusterLoadAssignment {
	return loadAssignment(name, [], { clusterId: "", preferNear: undefined });
}
