import { create } from "@bufbuild/protobuf";
import { packAny } from "../../../xds/any.ts";
import {
	RetryPolicySchema,
	type RetryPolicy as XdsRetryPolicy,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { PreviousHostsPredicateSchema } from "../../../xds/generated/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts";
import { PreviousPrioritiesConfigSchema } from "../../../xds/generated/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts";
import type { RetryPolicy } from "../../model/retry-policy.ts";
import { duration, optionalDuration } from "../duration.ts";

const DEFAULT_ATTEMPTS = 2;
const DEFAULT_RETRY_ON = ["connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes"];
const HOST_SELECTION_ATTEMPTS = 5n;
const STATUS_CODES = "retriable-status-codes";

export interface RetryChoice {
	/** The rule's own, else the mesh's; undefined takes the built-in (design D5). */
	readonly policy: RetryPolicy | undefined;
	/** Consistent hashing would be defeated by going elsewhere. */
	readonly hashed: boolean;
}

/** The route's retry policy; undefined when retries are off. */
export function retryPolicy({ policy, hashed }: RetryChoice): XdsRetryPolicy | undefined {
	if (policy?.attempts === 0) return undefined;
	const { words, codes } = splitRetryOn(policy?.retryOn ?? []);
	const avoidPrevious = policy?.retryIgnorePreviousHosts ?? !hashed;
	return create(RetryPolicySchema, {
		numRetries: policy?.attempts ?? DEFAULT_ATTEMPTS,
		retryOn: words.join(","),
		retriableStatusCodes: codes,
		perTryTimeout: optionalDuration(policy?.perTryTimeoutMs),
		hostSelectionRetryMaxAttempts: HOST_SELECTION_ATTEMPTS,
		retryHostPredicate: avoidPrevious
			? [
					{
						name: "envoy.retry_host_predicates.previous_hosts",
						configType: { case: "typedConfig", value: packAny(PreviousHostsPredicateSchema, {}) },
					},
				]
			: [],
		retryPriority: policy?.retryRemoteLocalities
			? {
					name: "envoy.retry_priorities.previous_priorities",
					configType: { case: "typedConfig", value: packAny(PreviousPrioritiesConfigSchema, { updateFrequency: 2 }) },
				}
			: undefined,
		retryBackOff: policy?.backoffMs === undefined ? undefined : { baseInterval: duration(policy.backoffMs) },
	});
}

/** Numbers in `retryOn` are status codes. */
function splitRetryOn(retryOn: readonly string[]): { words: readonly string[]; codes: number[] } {
	if (retryOn.length === 0) return { words: DEFAULT_RETRY_ON, codes: [] };
	const codes = retryOn.filter((word) => /^\d+$/.test(word)).map(Number);
	const words = retryOn.filter((word) => !/^\d+$/.test(word));
	if (codes.length > 0 && !words.includes(STATUS_CODES)) words.push(STATUS_CODES);
	return { words, codes };
}
