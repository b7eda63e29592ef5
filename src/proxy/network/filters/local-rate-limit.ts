import { durationMs } from "@bufbuild/protobuf/wkt";
import { fieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError } from "../../../lib/problem.ts";
import { unpackAs } from "../../../xds/any.ts";
import {
	type LocalRateLimit,
	LocalRateLimitSchema,
} from "../../../xds/generated/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.ts";
import type { NetworkFilterDeps, NetworkFilterFactory } from "../network-filter.ts";
import { invalid, missing } from "../network-problems.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Closes connections that come faster than the bucket fills (Envoy: envoy.filters.network.local_ratelimit). */
export function localRateLimitFactory(deps: NetworkFilterDeps): NetworkFilterFactory {
	/** Filters with one `share_key` and the same settings draw from one bucket. */
	const shared = new Map<string, TokenBucket>();
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit",
		parse(config, path, name) {
			const message = unpackAs(config, LocalRateLimitSchema)!;
			const at = fieldPath(path);
			const problems: Problem[] = [];
			if (message.statPrefix === "") problems.push(missing(at.field("stat_prefix")));
			if (!message.tokenBucket) problems.push(missing(at.field("token_bucket")));
			else if (fillIntervalMs(message) < 50)
				problems.push(invalid(at.field("token_bucket").field("fill_interval"), "it is shorter than 50 ms"));
			if (problems.length > 0) throw new ProblemError(problems);
			if (!(message.runtimeEnabled?.defaultValue ?? true)) return { name, create: () => ({}) };
			const limited = deps.metrics.scope(`local_rate_limit.${message.statPrefix}.`).counter("rate_limited");
			const bucket = bucketOf(message, shared, deps);
			return {
				name,
				create: () => ({
					onNewConnection(on) {
						if (bucket.take()) return "continue";
						limited.inc();
						on.info.responseFlags.add("URX");
						on.close("local_ratelimit_close_over_limit");
						return "stop";
					},
				}),
			};
		},
	};
}

function bucketOf(
	message: LocalRateLimit,
	shared: Map<string, TokenBucket>,
	{ clock }: NetworkFilterDeps,
): TokenBucket {
	const settings = {
		maxTokens: message.tokenBucket!.maxTokens,
		tokensPerFill: message.tokenBucket!.tokensPerFill ?? 1,
		fillIntervalMs: fillIntervalMs(message),
	};
	if (message.shareKey === "") return new TokenBucket(settings, clock);
	const key = `${message.shareKey} ${JSON.stringify(settings)}`;
	const bucket = shared.get(key) ?? new TokenBucket(settings, clock);
	shared.set(key, bucket);
	return bucket;
}

function fillIntervalMs({ tokenBucket }: LocalRateLimit): number {
	return tokenBucket?.fillInterval ? durationMs(tokenBucket.fillInterval) : 0;
}
