import type { MessageInitShape } from "@bufbuild/protobuf";
import {
	Cluster_LbPolicy,
	type Cluster_SlowStartConfigSchema,
	type ClusterSchema,
} from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { ConsistentHash, LoadBalancer, SimpleLb } from "../../model/destination-rule.ts";
import { duration } from "../duration.ts";

type ClusterInit = MessageInitShape<typeof ClusterSchema>;
type LbFields = Pick<ClusterInit, "lbPolicy" | "lbConfig">;

const SIMPLE: Readonly<Record<SimpleLb, Cluster_LbPolicy>> = {
	LEAST_REQUEST: Cluster_LbPolicy.LEAST_REQUEST,
	RANDOM: Cluster_LbPolicy.RANDOM,
	ROUND_ROBIN: Cluster_LbPolicy.ROUND_ROBIN,
	PASSTHROUGH: Cluster_LbPolicy.CLUSTER_PROVIDED,
};

/** `lb_policy` and its settings; LEAST_REQUEST when nothing is said (design D2). */
export function loadBalancing(lb: LoadBalancer | undefined): LbFields {
	if (lb?.consistentHash) return consistentHash(lb.consistentHash.algorithm);
	const lbPolicy = SIMPLE[lb?.simple ?? "LEAST_REQUEST"];
	const slowStartConfig = slowStart(lb);
	if (!slowStartConfig) return { lbPolicy };
	if (lbPolicy === Cluster_LbPolicy.ROUND_ROBIN)
		return { lbPolicy, lbConfig: { case: "roundRobinLbConfig", value: { slowStartConfig } } };
	if (lbPolicy === Cluster_LbPolicy.LEAST_REQUEST)
		return { lbPolicy, lbConfig: { case: "leastRequestLbConfig", value: { slowStartConfig } } };
	return { lbPolicy };
}

function consistentHash(algorithm: ConsistentHash["algorithm"]): LbFields {
	if (algorithm.kind === "ringHash")
		return {
			lbPolicy: Cluster_LbPolicy.RING_HASH,
			lbConfig: { case: "ringHashLbConfig", value: { minimumRingSize: BigInt(algorithm.minimumRingSize) } },
		};
	const tableSize = algorithm.tableSize === undefined ? undefined : BigInt(algorithm.tableSize);
	return { lbPolicy: Cluster_LbPolicy.MAGLEV, lbConfig: { case: "maglevLbConfig", value: { tableSize } } };
}

function slowStart(lb: LoadBalancer | undefined): MessageInitShape<typeof Cluster_SlowStartConfigSchema> | undefined {
	if (!lb?.warmup) return undefined;
	return {
		slowStartWindow: duration(lb.warmup.durationMs),
		aggression: { defaultValue: lb.warmup.aggression, runtimeKey: "" },
		minWeightPercent: { value: lb.warmup.minimumPercent },
	};
}
