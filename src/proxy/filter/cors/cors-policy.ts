import type { FieldPath } from "../../../lib/field-path.ts";
import type { RuntimeFractionalPercent } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { CorsPolicy as Message } from "../../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import { perMillion } from "../../router/match/fraction.ts";
import { compileStringMatcher, type ValueTest } from "../../router/match/string-matcher.ts";
import type { ProblemList } from "../../router/problem-list.ts";

/** One level's CORS policy; what is undefined is left to the less specific levels. */
export interface CorsPolicy {
	readonly origins: readonly ValueTest[] | undefined;
	readonly methods: string | undefined;
	readonly headers: string | undefined;
	readonly exposeHeaders: string | undefined;
	readonly maxAge: string | undefined;
	readonly credentials: boolean | undefined;
	readonly privateNetwork: boolean | undefined;
	/** Pass preflights of origins that are not allowed on to the upstream (default) or answer them here. */
	readonly forwardsPreflights: boolean | undefined;
	/** Shares of a million requests for which the policy is enforced, or only counted. */
	readonly enabled: number;
	readonly shadowed: number;
}

/** Reads a level's policy. */
export function parseCorsPolicy(policy: Message, at: FieldPath, problems: ProblemList): CorsPolicy {
	const origins = policy.allowOriginStringMatch.map((matcher, i): ValueTest => {
		const test = compileStringMatcher(matcher, at.field("allow_origin_string_match").index(i), problems);
		// A matcher that takes the text `*` allows every origin.
		return test("*") ? () => true : test;
	});
	checkShare(policy.filterEnabled, at.field("filter_enabled"), problems);
	checkShare(policy.shadowEnabled, at.field("shadow_enabled"), problems);
	return {
		origins: origins.length > 0 ? origins : undefined,
		methods: policy.allowMethods || undefined,
		headers: policy.allowHeaders || undefined,
		exposeHeaders: policy.exposeHeaders || undefined,
		maxAge: policy.maxAge || undefined,
		credentials: policy.allowCredentials,
		privateNetwork: policy.allowPrivateNetworkAccess,
		forwardsPreflights: policy.forwardNotMatchingPreflights,
		enabled: policy.filterEnabled ? perMillion(policy.filterEnabled.defaultValue, 0) : 1_000_000,
		shadowed: policy.shadowEnabled ? perMillion(policy.shadowEnabled.defaultValue, 0) : 0,
	};
}

function checkShare(share: RuntimeFractionalPercent | undefined, at: FieldPath, problems: ProblemList): void {
	if (share && !share.defaultValue)
		problems.add("missing", at.field("default_value"), "the share has no default value");
}

/** The levels' policies as one: each member from the most specific level that has it; whether it is enforced from the first alone. */
export function combineCorsPolicies(levels: readonly CorsPolicy[]): CorsPolicy | undefined {
	const first = levels[0];
	if (!first || levels.length === 1) return first;
	return levels.slice(1).reduce<CorsPolicy>(
		(above, below) => ({
			origins: above.origins ?? below.origins,
			methods: above.methods ?? below.methods,
			headers: above.headers ?? below.headers,
			exposeHeaders: above.exposeHeaders ?? below.exposeHeaders,
			maxAge: above.maxAge ?? below.maxAge,
			credentials: above.credentials ?? below.credentials,
			privateNetwork: above.privateNetwork ?? below.privateNetwork,
			forwardsPreflights: above.forwardsPreflights ?? below.forwardsPreflights,
			enabled: above.enabled,
			shadowed: above.shadowed,
		}),
		first,
	);
}
