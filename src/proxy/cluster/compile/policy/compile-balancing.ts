import { problem } from "../../../../lib/problem.ts";
import {
	type Cluster,
	type Cluster_CommonLbConfig,
	Cluster_LbPolicy,
	Cluster_RingHashLbConfig_HashFunction,
} from "../../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { HealthStatus } from "../../../../xds/generated/envoy/config/core/v3/health_check_pb.ts";
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
import { healthName } from "../endpoint-config.ts";
import { compileLbPolicy } from "./compile-lb-policy.ts";
import { compileSubsets } from "./compile-subsets.ts";
import { compilePlacement } from "./compile-zones.ts";

const PANIC_THRESHOLD_PERCENT = 50;

type Compile = (message: Cluster, scope: PolicyScope) => CompiledPolicy;

const POLICIES: Readonly<Record<number, Compile>> = {
	[Cluster_LbPolicy.ROUND_ROBIN]: ({ lbConfig }, scope) =>
		compileRoundRobin(slowStartOf(lbConfig.case === "roundRobinLbConfig" ? lbConfig : undefined, scope)),
	[Cluster_LbPolicy.LEAST_REQUEST]: ({ lbConfig }, scope) => {
		const own = lbConfig.case === "leastRequestLbConfig" ? lbConfig : undefined;
		const settings = { ...own?.value, fullScan: false, slowStart: slowStartOf(own, scope) };
		return compileLeastRequest(settings, { ...scope, at: `${scope.at}least_request_lb_config.` });
	},
	[Cluster_LbPolicy.RANDOM]: () => compileRandom(),
	[Cluster_LbPolicy.RING_HASH]: ({ lbConfig, commonLbConfig }, scope) => {
		const own = lbConfig.case === "ringHashLbConfig" ? lbConfig.value : undefined;
		return compileRingHash(
			{
				minimumRingSize: own?.minimumRingSize,
				maximumRingSize: own?.maximumRingSize,
				murmur: own?.hashFunction === Cluster_RingHashLbConfig_HashFunction.MURMUR_HASH_2,
				...hashingOf(commonLbConfig),
			},
			{ ...scope, at: `${scope.at}ring_hash_lb_config.` },
		);
	},
	[Cluster_LbPolicy.MAGLEV]: ({ lbConfig, commonLbConfig }, scope) => {
		const own = lbConfig.case === "maglevLbConfig" ? lbConfig.value : undefined;
		const settings = { tableSize: own?.tableSize, ...hashingOf(commonLbConfig) };
		return compileMaglev(settings, { ...scope, at: `${scope.at}maglev_lb_config.` });
	},
};

/** Reads how a cluster balances: `load_balancing_policy` if it is set, else `lb_policy` and what belongs to it. `provides`: the cluster knows the endpoint of each request itself. */
export function compileBalancing(message: Cluster, provides: boolean, scope: PolicyScope): BalancingConfig {
	const common = message.commonLbConfig;
	checkBalancing(message, scope);
	const chosen = message.loadBalancingPolicy
		? compileLbPolicy(message.loadBalancingPolicy, provides, { ...scope, at: `${scope.at}load_balancing_policy.` })
		: compileEnum(message, provides, scope);
	return {
		slowStart: undefined,
		subsets: undefined,
		byLocalityWeight: false,
		failOnPanic: false,
		zones: undefined,
		reportedWeights: undefined,
		overrideHost: undefined,
		hashPolicies: undefined,
		hashesHostnames: false,
		...chosen,
		panicThresholdPercent: Math.floor(common?.healthyPanicThreshold?.value ?? PANIC_THRESHOLD_PERCENT),
		ignoreUncheckedHosts: common?.ignoreNewHostsUntilFirstHc ?? false,
		cutOnHostSetChange: common?.closeConnectionsOnHostSetChange ?? false,
		overrideHealth: overrideHealthOf(common),
	};
}

/** Envoy's own rules for the fields of balancing. */
function checkBalancing(message: Cluster, { at, problems }: PolicyScope): void {
	const { commonLbConfig: common, loadBalancingPolicy: typed } = message;
	const complain = (field: string, what: string) => void problems.push(problem("LTN3248", `${at}${field}`, what));
	const panic = common?.healthyPanicThreshold?.value ?? 0;
	if (panic < 0 || panic > 100)
		complain("common_lb_config.healthy_panic_threshold", "the percentage must be at most 100");
	const locality = common?.localityConfigSpecifier;
	const enabled = (locality?.case === "zoneAwareLbConfig" && locality.value.routingEnabled?.value) || 0;
	if (enabled < 0 || enabled > 100)
		complain("common_lb_config.zone_aware_lb_config.routing_enabled", "the percentage must be at most 100");
	if (!typed) return;
	const both = "load_balancing_policy cannot be combined with it";
	if (message.lbSubsetConfig) complain("lb_subset_config", both);
	if (locality?.case) complain("common_lb_config", both);
	if (common?.consistentHashingLbConfig) complain("common_lb_config.consistent_hashing_lb_config", both);
}

function compileEnum(
	message: Cluster,
	provides: boolean,
	scope: PolicyScope,
): CompiledPolicy & Partial<BalancingConfig> {
	const common = message.commonLbConfig;
	const placement = compilePlacement(common);
	if (message.lbPolicy === Cluster_LbPolicy.CLUSTER_PROVIDED || provides)
		return compileProvided(message, provides, scope);
	const compile = POLICIES[message.lbPolicy];
	if (!compile)
		scope.problems.push(
			problem(
				"LTN3220",
				`${scope.at}lb_policy`,
				"this balancing policy is not implemented by this proxy",
				"use ROUND_ROBIN, LEAST_REQUEST, RANDOM, RING_HASH or MAGLEV",
			),
		);
	const subsets =
		message.lbSubsetConfig && compileSubsets(message.lbSubsetConfig, { ...scope, at: `${scope.at}lb_subset_config.` });
	return { ...(compile?.(message, scope) ?? compileRoundRobin(undefined)), ...placement, subsets };
}

function compileProvided(message: Cluster, provides: boolean, { at, problems }: PolicyScope): CompiledPolicy {
	if (message.lbPolicy !== Cluster_LbPolicy.CLUSTER_PROVIDED)
		problems.push(problem("LTN3227", `${at}lb_policy`, "a cluster of this type needs CLUSTER_PROVIDED"));
	else if (!provides)
		problems.push(
			problem("LTN3220", `${at}lb_policy`, "CLUSTER_PROVIDED needs a cluster type that chooses endpoints itself"),
		);
	if (message.lbSubsetConfig)
		problems.push(problem("LTN3227", `${at}lb_subset_config`, "CLUSTER_PROVIDED cannot have subsets", "remove it"));
	return { ...compileRoundRobin(undefined), name: "CLUSTER_PROVIDED" };
}

type SlowStarter = Extract<Cluster["lbConfig"], { case: "roundRobinLbConfig" | "leastRequestLbConfig" }>;

function slowStartOf(config: SlowStarter | undefined, { at, problems }: PolicyScope) {
	if (!config) return undefined;
	const field = config.case === "roundRobinLbConfig" ? "round_robin_lb_config" : "least_request_lb_config";
	return compileSlowStart(config.value.slowStartConfig, `${at}${field}.slow_start_config`, problems);
}

function hashingOf(common: Cluster_CommonLbConfig | undefined) {
	const { useHostnameForHashing = false, hashBalanceFactor } = common?.consistentHashingLbConfig ?? {};
	return { useHostname: useHostnameForHashing, hashBalanceFactor };
}

/** Envoy's default: UNKNOWN, HEALTHY and DEGRADED. */
const OVERRIDE_HEALTH = [HealthStatus.UNKNOWN, HealthStatus.HEALTHY, HealthStatus.DEGRADED];

function overrideHealthOf(common: Cluster_CommonLbConfig | undefined): ReadonlySet<string> {
	const statuses = common?.overrideHostStatus?.statuses ?? OVERRIDE_HEALTH;
	return new Set(statuses.map((status) => healthName(status) ?? ""));
}
