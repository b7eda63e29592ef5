import { type Problem, problem } from "../../../lib/problem.ts";
import type { RuntimeDouble } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { leastRequest } from "../../lb/hosts/least-request.ts";
import { MAGLEV_TABLE_SIZE, maglev } from "../../lb/hosts/maglev.ts";
import { randomHost } from "../../lb/hosts/random-host.ts";
import { ringHash } from "../../lb/hosts/ring-hash.ts";
import { roundRobin } from "../../lb/hosts/round-robin.ts";
import type { SlowStart } from "../balance/slow-start.ts";
import type { BalancingConfig } from "../cluster-config.ts";

/** Where a policy stands; `at` ends with a dot or is empty. */
export interface PolicyScope {
	readonly at: string;
	readonly problems: Problem[];
}

/** A policy, whichever of Envoy's two forms it was given in. */
export type CompiledPolicy = Pick<BalancingConfig, "policy" | "name"> &
	Partial<Pick<BalancingConfig, "slowStart" | "hashesHostnames">>;

const RING_MINIMUM = 1024;
const RING_MAXIMUM = 8 * 1024 * 1024;
const MAGLEV_MAXIMUM = 5_000_011;

/** ROUND_ROBIN. */
export function compileRoundRobin(slowStart: SlowStart | undefined): CompiledPolicy {
	return { name: "ROUND_ROBIN", policy: { kind: "order", make: roundRobin }, slowStart };
}

/** RANDOM. */
export function compileRandom(): CompiledPolicy {
	return { name: "RANDOM", policy: { kind: "order", make: randomHost } };
}

/** LEAST_REQUEST. */
export function compileLeastRequest(
	settings: {
		readonly choiceCount?: number | undefined;
		readonly activeRequestBias?: RuntimeDouble | undefined;
		readonly fullScan: boolean;
		readonly slowStart: SlowStart | undefined;
	},
	{ at, problems }: PolicyScope,
): CompiledPolicy {
	const { choiceCount = 2, activeRequestBias, fullScan, slowStart } = settings;
	const bias = activeRequestBias?.defaultValue ?? 1;
	if (choiceCount < 2) problems.push(problem("LTN3222", `${at}choice_count`, "at least two hosts must be compared"));
	if (bias < 0) problems.push(problem("LTN3223", `${at}active_request_bias`, "the bias must not be negative"));
	const make = leastRequest({ choiceCount, activeRequestBias: bias, fullScan });
	return { name: "LEAST_REQUEST", policy: { kind: "order", make }, slowStart };
}

interface HashSettings {
	readonly useHostname: boolean;
	readonly hashBalanceFactor: number | undefined;
}

/** RING_HASH. */
export function compileRingHash(
	settings: HashSettings & {
		readonly minimumRingSize?: bigint | undefined;
		readonly maximumRingSize?: bigint | undefined;
		readonly murmur: boolean;
	},
	scope: PolicyScope,
): CompiledPolicy {
	const minimumRingSize = Number(settings.minimumRingSize ?? RING_MINIMUM);
	const maximumRingSize = Number(settings.maximumRingSize ?? RING_MAXIMUM);
	if (minimumRingSize < 1 || minimumRingSize > maximumRingSize || maximumRingSize > RING_MAXIMUM)
		scope.problems.push(
			problem("LTN3224", scope.at.slice(0, -1), `ring sizes must keep 1 <= minimum <= maximum <= ${RING_MAXIMUM}`),
		);
	const { murmur, useHostname } = settings;
	const make = ringHash({ minimumRingSize, maximumRingSize, hash: murmur ? "murmur2" : "xx", useHostname });
	return {
		name: "RING_HASH",
		policy: { kind: "hash", make, boundedLoadPercent: boundedLoad(settings, scope) },
		hashesHostnames: useHostname,
	};
}

/** MAGLEV. */
export function compileMaglev(
	settings: HashSettings & { readonly tableSize?: bigint | undefined },
	scope: PolicyScope,
): CompiledPolicy {
	const tableSize = Number(settings.tableSize ?? MAGLEV_TABLE_SIZE);
	if (tableSize > MAGLEV_MAXIMUM || !isPrime(tableSize))
		scope.problems.push(
			problem("LTN3225", `${scope.at}table_size`, `the table size must be a prime of at most ${MAGLEV_MAXIMUM}`),
		);
	const { useHostname } = settings;
	const make = maglev({ tableSize, useHostname });
	const policy = { kind: "hash", make, boundedLoadPercent: boundedLoad(settings, scope) } as const;
	return { name: "MAGLEV", policy, hashesHostnames: useHostname };
}

function boundedLoad({ hashBalanceFactor }: HashSettings, { at, problems }: PolicyScope): number {
	if (hashBalanceFactor !== undefined && hashBalanceFactor < 100)
		problems.push(problem("LTN3228", `${at}hash_balance_factor`, "the factor must be at least 100"));
	return hashBalanceFactor ?? 0;
}

function isPrime(n: number): boolean {
	for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
	return n > 1;
}
