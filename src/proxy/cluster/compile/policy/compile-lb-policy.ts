import type { Any } from "@bufbuild/protobuf/wkt";
import { problem } from "../../../../lib/problem.ts";
import { unpackAs } from "../../../../xds/any.ts";
import type { LoadBalancingPolicy } from "../../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { ClientSideWeightedRoundRobinSchema } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.ts";
import { ClusterProvidedSchema } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/cluster_provided/v3/cluster_provided_pb.ts";
import type { ConsistentHashingLbConfig } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/common/v3/common_pb.ts";
import {
	LeastRequest_SelectionMethod,
	LeastRequestSchema,
} from "../../../../xds/generated/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts";
import { MaglevSchema } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts";
import { OverrideHostSchema } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.ts";
import { RandomSchema } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts";
import {
	RingHash_HashFunction,
	RingHashSchema,
} from "../../../../xds/generated/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts";
import { RoundRobinSchema } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts";
import { SubsetSchema } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts";
import { WrrLocalitySchema } from "../../../../xds/generated/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts";
import { compileSlowStart } from "../../balance/slow-start.ts";
import type { BalancingConfig } from "../../cluster-config.ts";
import {
	type CompiledPolicy,
	compileLeastRequest,
	compileMaglev,
	compileRandom,
	compileRingHash,
	compileRoundRobin,
	type PolicyScope,
} from "../compile-policies.ts";
import { compileOverrideHost } from "./compile-override-host.ts";
import { compileSubsets } from "./compile-subsets.ts";
import { compileWeighted } from "./compile-weighted.ts";
import { compilePlacement } from "./compile-zones.ts";

type Compiled = CompiledPolicy & Partial<BalancingConfig>;

/** Reads a policy's message; undefined when it is another one's. `provides`: the cluster chooses endpoints itself. */
type Reader = (any: Any, scope: PolicyScope, provides: boolean) => Compiled | undefined;

const READERS: readonly Reader[] = [
	readRoundRobin,
	readLeastRequest,
	readRandom,
	readRingHash,
	readMaglev,
	readSubset,
	readProvided,
	readWeighted,
	readWeightedLocality,
	readOverrideHost,
];

/** Reads `load_balancing_policy`: the first policy of the list that is known counts (Envoy: LoadBalancingPolicy). */
export function compileLbPolicy(message: LoadBalancingPolicy, provides: boolean, scope: PolicyScope): Compiled {
	for (const [i, { typedExtensionConfig: extension }] of message.policies.entries()) {
		if (!extension?.typedConfig) continue;
		const at = `${scope.at}policies[${i}].typed_extension_config.typed_config.`;
		for (const read of READERS) {
			const found = read(extension.typedConfig, { ...scope, at }, provides);
			if (found) return found;
		}
	}
	const names = message.policies.map(({ typedExtensionConfig: extension }) => extension?.name ?? "").join(", ");
	scope.problems.push(
		problem("LTN3220", `${scope.at}policies`, `none of the balancing policies is implemented by this proxy: ${names}`),
	);
	return compileRoundRobin(undefined);
}

function readRoundRobin(any: Any, scope: PolicyScope): Compiled | undefined {
	const message = unpackAs(any, RoundRobinSchema);
	if (!message) return undefined;
	const slowStart = compileSlowStart(message.slowStartConfig, `${scope.at}slow_start_config`, scope.problems);
	return { ...compileRoundRobin(slowStart), ...compilePlacement(message.localityLbConfig) };
}

function readLeastRequest(any: Any, scope: PolicyScope): Compiled | undefined {
	const message = unpackAs(any, LeastRequestSchema);
	if (!message) return undefined;
	const slowStart = compileSlowStart(message.slowStartConfig, `${scope.at}slow_start_config`, scope.problems);
	const fullScan =
		message.selectionMethod === LeastRequest_SelectionMethod.FULL_SCAN || message.enableFullScan === true;
	return {
		...compileLeastRequest({ ...message, fullScan, slowStart }, scope),
		...compilePlacement(message.localityLbConfig),
	};
}

function readRandom(any: Any): Compiled | undefined {
	const message = unpackAs(any, RandomSchema);
	return message && { ...compileRandom(), ...compilePlacement(message.localityLbConfig) };
}

function readRingHash(any: Any, scope: PolicyScope): Compiled | undefined {
	const message = unpackAs(any, RingHashSchema);
	if (!message) return undefined;
	const murmur = message.hashFunction === RingHash_HashFunction.MURMUR_HASH_2;
	return {
		...compileRingHash({ ...message, ...hashingOf(message.consistentHashingLbConfig ?? message), murmur }, scope),
		byLocalityWeight: message.localityWeightedLbConfig !== undefined,
		hashPolicies: hashPoliciesOf(message.consistentHashingLbConfig, scope),
	};
}

function readMaglev(any: Any, scope: PolicyScope): Compiled | undefined {
	const message = unpackAs(any, MaglevSchema);
	if (!message) return undefined;
	return {
		...compileMaglev({ ...message, ...hashingOf(message.consistentHashingLbConfig) }, scope),
		byLocalityWeight: message.localityWeightedLbConfig !== undefined,
		hashPolicies: hashPoliciesOf(message.consistentHashingLbConfig, scope),
	};
}

function readSubset(any: Any, scope: PolicyScope, provides: boolean): Compiled | undefined {
	const message = unpackAs(any, SubsetSchema);
	if (!message) return undefined;
	const subsets = compileSubsets(message, scope);
	if (!message.subsetLbPolicy) {
		scope.problems.push(problem("LTN3243", `${scope.at}subset_lb_policy`, "subsets need a policy of their own"));
		return { ...compileRoundRobin(undefined), subsets };
	}
	return {
		...compileLbPolicy(message.subsetLbPolicy, provides, { ...scope, at: `${scope.at}subset_lb_policy.` }),
		subsets,
	};
}

function readProvided(any: Any, scope: PolicyScope, provides: boolean): Compiled | undefined {
	if (!unpackAs(any, ClusterProvidedSchema)) return undefined;
	if (!provides)
		scope.problems.push(
			problem("LTN3220", scope.at.slice(0, -1), "this policy needs a cluster type that chooses endpoints itself"),
		);
	return { ...compileRoundRobin(undefined), name: "CLUSTER_PROVIDED" };
}

function readWeighted(any: Any, scope: PolicyScope): Compiled | undefined {
	const message = unpackAs(any, ClientSideWeightedRoundRobinSchema);
	return message && compileWeighted(message, scope);
}

/** Envoy has it for client_side_weighted_round_robin only. */
function readWeightedLocality(any: Any, scope: PolicyScope): Compiled | undefined {
	const message = unpackAs(any, WrrLocalitySchema);
	if (!message) return undefined;
	const policies = message.endpointPickingPolicy?.policies ?? [];
	for (const [i, { typedExtensionConfig: extension }] of policies.entries()) {
		const picking = unpackAs(extension?.typedConfig, ClientSideWeightedRoundRobinSchema);
		if (!picking) continue;
		const at = `${scope.at}endpoint_picking_policy.policies[${i}].typed_extension_config.typed_config.`;
		return { ...compileWeighted(picking, { ...scope, at }), byLocalityWeight: true };
	}
	const what = "only client_side_weighted_round_robin can pick endpoints here (as in Envoy)";
	const fix = "use it, or round_robin with locality_weighted_lb_config";
	scope.problems.push(problem("LTN3242", `${scope.at}endpoint_picking_policy`, what, fix));
	return compileRoundRobin(undefined);
}

function readOverrideHost(any: Any, scope: PolicyScope, provides: boolean): Compiled | undefined {
	const message = unpackAs(any, OverrideHostSchema);
	if (!message) return undefined;
	const overrideHost = compileOverrideHost(message, scope);
	if (!message.fallbackPolicy) {
		scope.problems.push(problem("LTN3243", `${scope.at}fallback_policy`, "a policy for all other requests is needed"));
		return { ...compileRoundRobin(undefined), overrideHost };
	}
	const at = `${scope.at}fallback_policy.`;
	return { ...compileLbPolicy(message.fallbackPolicy, provides, { ...scope, at }), overrideHost };
}

/** Where the hash of a request comes from when the policy itself says it; the messages and their place. */
function hashPoliciesOf(config: ConsistentHashingLbConfig | undefined, { at }: PolicyScope) {
	if (!config || config.hashPolicy.length === 0) return undefined;
	return { messages: config.hashPolicy, at: `${at}consistent_hashing_lb_config.hash_policy` };
}

function hashingOf(
	config: Partial<Pick<ConsistentHashingLbConfig, "useHostnameForHashing" | "hashBalanceFactor">> | undefined,
) {
	return { useHostname: config?.useHostnameForHashing ?? false, hashBalanceFactor: config?.hashBalanceFactor };
}
