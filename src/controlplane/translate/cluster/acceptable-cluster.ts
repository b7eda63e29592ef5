import { type Problem, problem } from "../../../lib/problem.ts";
import type { Cluster } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { MeshConfig } from "../../model/mesh-config.ts";
import type { ProxyCheck } from "../proxy-check.ts";
import { effectivePolicy } from "./effective-policy.ts";
import { type OutboundTarget, outboundCluster } from "./outbound-cluster.ts";

/** A cluster that the proxy takes, and what was left out for that. */
export interface AcceptableCluster {
	readonly cluster: Cluster | undefined;
	readonly problems: readonly Problem[];
}

/** The outbound cluster with its rule's policy, or without the policy when the proxy would refuse it: calls go on, the policy is told as missing. */
export function acceptableCluster(target: OutboundTarget, mesh: MeshConfig, check: ProxyCheck): AcceptableCluster {
	const cluster = outboundCluster(target, mesh);
	const refusals = cluster ? check.cluster(cluster) : [];
	if (refusals.length === 0) return { cluster, problems: withoutHttp2Problems(target) };
	const { subset, service } = target;
	const at = policyAt(target);
	const where = subset ? `the policy of subset ${subset.name}` : "the policy";
	const problems = refusals.map(({ path, message }) =>
		problem(
			"LTN3726",
			at,
			`the proxy cannot do this (${path}: ${message}); ${where} is left out for ${service.hostname}`,
		),
	);
	const plain = outboundCluster(
		{ ...target, rule: undefined, subset: subset && { ...subset, trafficPolicy: undefined } },
		mesh,
	);
	return { cluster: plain && check.cluster(plain).length === 0 ? plain : undefined, problems };
}

function policyAt({ rule, service }: OutboundTarget): string {
	return rule ? `DestinationRule/${rule.meta.namespace}/${rule.meta.name}` : `Service/${service.hostname}`;
}

/** What a policy asks for that needs HTTP/2, where the proxy cannot speak it to upstreams. */
function withoutHttp2Problems(target: OutboundTarget): readonly Problem[] {
	const { rule, subset, port, service, http2 } = target;
	const pool = effectivePolicy(rule, subset, port.number).connectionPool;
	const field = pool?.useClientProtocol ? "useClientProtocol" : pool?.h2Upgrade === "UPGRADE" && "h2UpgradePolicy";
	if (http2 || !field) return [];
	const what = `${field} would need HTTP/2 to upstreams, which the proxy does not speak; ${service.hostname} is called with HTTP/1.1`;
	return [problem("LTN3724", policyAt(target), what)];
}
