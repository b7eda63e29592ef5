import { durationMs } from "@bufbuild/protobuf/wkt";
import type { FieldPath } from "../../../lib/field-path.ts";
import { RoutingPriority } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type {
	HedgePolicy,
	RouteAction,
	RouteAction_MaxStreamDuration,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { CompileScope } from "../compile-scope.ts";
import type { RetryPolicy } from "../retry.ts";
import type { ForwardAction, MirrorPolicy, StreamDuration } from "../route-match.ts";
import { compileClusterChoice } from "./cluster-choice.ts";
import { compileHashPolicies } from "./hash-policy.ts";
import { compileInternalRedirects } from "./internal-redirect.ts";
import { compileMirrorPolicies } from "./mirror-policy.ts";
import { compileRetryPolicy } from "./retry-policy.ts";

/** Envoy's route timeout when none is set. */
const DEFAULT_TIMEOUT_MS = 15_000;
const NOT_FOUND_STATUS: readonly number[] = [503, 404, 500];

/** What a forwarding route takes over from its virtual host and configuration. */
export interface InheritedSettings {
	readonly includeAttemptCount: boolean;
	readonly includeAttemptCountInResponse: boolean;
	readonly includeTimeoutRetryHeader: boolean;
	readonly retryPolicy: RetryPolicy | undefined;
	readonly hedgePolicy: HedgePolicy | undefined;
	/** Of the virtual host or the route itself. */
	readonly bufferLimitBytes: number | undefined;
	/** Of the nearest level that has any; replaced whole by the route's own. */
	readonly mirrors: readonly MirrorPolicy[];
	/** Route metadata asks for weighted failover. */
	readonly failover: boolean;
}

/** Compiles a `RouteAction`, all but its rewrites. */
export function compileForwardAction(
	action: RouteAction,
	inherited: InheritedSettings,
	at: FieldPath,
	scope: CompileScope,
): ForwardAction {
	const { problems } = scope;
	const upgrades = compileUpgrades(action, at.field("upgrade_configs"), scope);
	const mirrors = compileMirrorPolicies(action.requestMirrorPolicies, at.field("request_mirror_policies"), scope);
	return {
		...compileClusterChoice(action, inherited.failover, at, scope),
		highPriority: action.priority === RoutingPriority.HIGH,
		clusterNotFoundStatus: NOT_FOUND_STATUS[action.clusterNotFoundResponseCode] ?? 503,
		timeoutMs: action.timeout ? durationMs(action.timeout) : DEFAULT_TIMEOUT_MS,
		idleTimeoutMs: action.idleTimeout && durationMs(action.idleTimeout),
		streamDuration: action.maxStreamDuration && compileStreamDuration(action.maxStreamDuration),
		maxGrpcTimeoutMs: action.maxGrpcTimeout && durationMs(action.maxGrpcTimeout),
		grpcTimeoutOffsetMs: action.grpcTimeoutOffset ? durationMs(action.grpcTimeoutOffset) : 0,
		retryPolicy: action.retryPolicy
			? compileRetryPolicy(action.retryPolicy, at.field("retry_policy"), problems)
			: inherited.retryPolicy,
		hedgesOnTimeout: compileHedging(action.hedgePolicy ?? inherited.hedgePolicy, at.field("hedge_policy"), scope),
		internalRedirects:
			action.internalRedirectPolicy &&
			compileInternalRedirects(action.internalRedirectPolicy, at.field("internal_redirect_policy"), problems),
		bufferLimitBytes: inherited.bufferLimitBytes,
		hash: compileHashPolicies(action.hashPolicy, at.field("hash_policy"), problems),
		mirrors: mirrors.length > 0 ? mirrors : inherited.mirrors,
		autoHostRewrite: action.hostRewriteSpecifier.case === "autoHostRewrite" && action.hostRewriteSpecifier.value.value,
		appendForwardedHost: action.appendXForwardedHost,
		includeAttemptCount: inherited.includeAttemptCount,
		includeTimeoutRetryHeader: inherited.includeTimeoutRetryHeader,
		includeAttemptCountInResponse: inherited.includeAttemptCountInResponse,
		...upgrades,
	};
}

/** As Envoy, which reads `initial_requests` and `additional_request_chance` and does nothing by them. */
function compileHedging(policy: HedgePolicy | undefined, at: FieldPath, { problems }: CompileScope): boolean {
	if (policy?.initialRequests === 0)
		problems.add("invalid", at.field("initial_requests"), "there is at least one request");
	return policy?.hedgeOnPerTryTimeout ?? false;
}

function compileStreamDuration(message: RouteAction_MaxStreamDuration): StreamDuration {
	const { maxStreamDuration, grpcTimeoutHeaderMax, grpcTimeoutHeaderOffset } = message;
	return {
		maxMs: maxStreamDuration && durationMs(maxStreamDuration),
		grpcMaxMs: grpcTimeoutHeaderMax && durationMs(grpcTimeoutHeaderMax),
		grpcOffsetMs: grpcTimeoutHeaderOffset ? durationMs(grpcTimeoutHeaderOffset) : 0,
	};
}

function compileUpgrades(
	action: RouteAction,
	at: FieldPath,
	scope: CompileScope,
): Pick<ForwardAction, "upgrades" | "forbiddenUpgrades" | "terminatesConnect"> {
	let terminatesConnect = false;
	const upgrades = new Set<string>();
	const forbiddenUpgrades = new Set<string>();
	action.upgradeConfigs.forEach((config, i) => {
		const type = config.upgradeType.toLowerCase();
		if (type === "") scope.problems.add("missing", at.index(i).field("upgrade_type"), "the upgrade has no type");
		if (upgrades.has(type) || forbiddenUpgrades.has(type))
			scope.problems.add("duplicate", at.index(i).field("upgrade_type"), `the upgrade "${type}" is configured twice`);
		if (config.connectConfig) {
			const configAt = at.index(i).field("connect_config");
			if (type !== "connect")
				scope.problems.add("invalid", configAt, "only a CONNECT can end here", "set upgrade_type: CONNECT");
			terminatesConnect = config.enabled !== false;
		}
		(config.enabled === false ? forbiddenUpgrades : upgrades).add(type);
	});
	return { upgrades, forbiddenUpgrades, terminatesConnect };
}
