import { type Problem, problem } from "../../lib/problem.ts";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_LbPolicy,
} from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { BalancerFactory } from "../lb/balancer.ts";
import { leastRequest } from "../lb/least-request.ts";
import { MAGLEV_TABLE_SIZE, maglev } from "../lb/maglev.ts";
import { randomHost } from "../lb/random-host.ts";
import { ringHash } from "../lb/ring-hash.ts";
import { roundRobin } from "../lb/round-robin.ts";
import type { BalancingConfig } from "./cluster-config.ts";
import { compileSlowStart, type SlowStart } from "./slow-start.ts";

const RING_MINIMUM = 1024;
const RING_MAXIMUM = 8 * 1024 * 1024;
const PANIC_THRESHOLD_PERCENT = 50;

type LbConfig = Cluster["lbConfig"];
type Compile = (config: LbConfig, at: string, problems: Problem[]) => BalancerFactory;

const POLICIES: Readonly<Record<number, { readonly name: string; readonly compile: Compile }>> = {
	[Cluster_LbPolicy.ROUND_ROBIN]: { name: "ROUND_ROBIN", compile: () => roundRobin },
	[Cluster_LbPolicy.LEAST_REQUEST]: { name: "LEAST_REQUEST", compile: compileLeastRequest },
	[Cluster_LbPolicy.RANDOM]: { name: "RANDOM", compile: () => randomHost },
	[Cluster_LbPolicy.RING_HASH]: { name: "RING_HASH", compile: compileRingHash },
	[Cluster_LbPolicy.MAGLEV]: { name: "MAGLEV", compile: compileMaglev },
};

/** The cluster knows the endpoint of each request: nothing is balanced. */
const CLUSTER_PROVIDED = { name: "CLUSTER_PROVIDED", compile: () => roundRobin };

/** Reads `lb_policy`, its configuration and `common_lb_config`. */
export function compileBalancing(message: Cluster, at: string, problems: Problem[]): BalancingConfig {
	const provided =
		message.lbPolicy === Cluster_LbPolicy.CLUSTER_PROVIDED &&
		message.clusterDiscoveryType.value === Cluster_DiscoveryType.ORIGINAL_DST;
	const policy = provided ? CLUSTER_PROVIDED : POLICIES[message.lbPolicy];
	if (!policy)
		problems.push(
			problem(
				"LTN3220",
				`${at}lb_policy`,
				"this balancing policy is not implemented by this proxy",
				"use ROUND_ROBIN, LEAST_REQUEST, RANDOM, RING_HASH or MAGLEV",
			),
		);
	const common = message.commonLbConfig;
	return {
		factory: policy?.compile(message.lbConfig, at, problems) ?? roundRobin,
		policy: policy?.name ?? "",
		panicThresholdPercent: common?.healthyPanicThreshold?.value ?? PANIC_THRESHOLD_PERCENT,
		failOnPanic: false,
		slowStart: compileSlowStartOf(message.lbConfig, at, problems),
		byLocalityWeight: common?.localityConfigSpecifier.case === "localityWeightedLbConfig",
	};
}

function compileSlowStartOf(config: LbConfig, at: string, problems: Problem[]): SlowStart | undefined {
	if (config.case === "roundRobinLbConfig")
		return compileSlowStart(config.value.slowStartConfig, `${at}round_robin_lb_config.slow_start_config`, problems);
	if (config.case === "leastRequestLbConfig")
		return compileSlowStart(config.value.slowStartConfig, `${at}least_request_lb_config.slow_start_config`, problems);
	return undefined;
}

function compileLeastRequest(config: LbConfig, at: string, problems: Problem[]): BalancerFactory {
	if (config.case !== "leastRequestLbConfig") return leastRequest();
	const { choiceCount, activeRequestBias } = config.value;
	const path = `${at}least_request_lb_config`;
	if (choiceCount !== undefined && choiceCount < 2)
		problems.push(problem("LTN3222", `${path}.choice_count`, "at least two hosts must be compared"));
	if (activeRequestBias && activeRequestBias.defaultValue < 0)
		problems.push(problem("LTN3223", `${path}.active_request_bias`, "the bias must not be negative"));
	return leastRequest(choiceCount, activeRequestBias?.defaultValue);
}

function compileRingHash(config: LbConfig, at: string, problems: Problem[]): BalancerFactory {
	const own = config.case === "ringHashLbConfig" ? config.value : undefined;
	const minimumRingSize = Number(own?.minimumRingSize ?? RING_MINIMUM);
	const maximumRingSize = Number(own?.maximumRingSize ?? RING_MAXIMUM);
	if (minimumRingSize < 1 || minimumRingSize > maximumRingSize || maximumRingSize > RING_MAXIMUM)
		problems.push(
			problem("LTN3224", `${at}ring_hash_lb_config`, `ring sizes must keep 1 <= minimum <= maximum <= ${RING_MAXIMUM}`),
		);
	return ringHash({ minimumRingSize, maximumRingSize });
}

function compileMaglev(config: LbConfig, at: string, problems: Problem[]): BalancerFactory {
	const size = Number((config.case === "maglevLbConfig" ? config.value.tableSize : undefined) ?? MAGLEV_TABLE_SIZE);
	if (size > 5_000_011 || !isPrime(size))
		problems.push(
			problem("LTN3225", `${at}maglev_lb_config.table_size`, "the table size must be a prime of at most 5000011"),
		);
	return maglev(size);
}

function isPrime(n: number): boolean {
	for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
	return n > 2;
}
