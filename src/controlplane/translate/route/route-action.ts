import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	type RouteAction,
	type RouteAction_RequestMirrorPolicySchema,
	RouteActionSchema,
	type WeightedClusterSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import type { HttpRule, RouteDestination } from "../../model/virtual-service.ts";
import { duration } from "../duration.ts";
import { fraction } from "./filter-overrides.ts";
import { hashPolicy } from "./hash-policy.ts";
import { authorityOf, headerFields } from "./header-mutation.ts";
import { retryPolicy } from "./retry-policy.ts";
import { type ResolvedDestination, type RouteScope, resolveDestination } from "./translation-scope.ts";

/** A destination with the share that it gets; shares add up to any sum above 0. */
export interface Share {
	readonly destination: RouteDestination;
	readonly weight: number;
}

/**
 * Who gets which share: a single destination gets everything whatever its weight, several without any weight share evenly
 * (design D1), entries of weight 0 get nothing.
 */
export function sharesOf(route: readonly RouteDestination[]): readonly Share[] {
	if (route.length === 1) return [{ destination: route[0]!, weight: 100 }];
	const weighted = route.some((d) => d.weight !== undefined);
	return route
		.map((destination) => ({ destination, weight: weighted ? (destination.weight ?? 0) : 1 }))
		.filter((share) => share.weight > 0);
}

/** The action of a rule that forwards. */
export function forwardAction(rule: HttpRule, shares: readonly Share[], scope: RouteScope): RouteAction {
	const targets = shares.map((s) => resolveDestination(s.destination.destination, scope));
	// Envoy hashes before it picks the weighted cluster; the first destination that hashes decides for all.
	const consistentHash = targets.find((t) => t.consistentHash)?.consistentHash;
	const single = shares.length === 1 ? shares[0] : undefined;
	const policy = rule.retries ?? scope.snapshot.mesh.defaultHttpRetryPolicy;
	const timeout = duration(rule.timeoutMs ?? 0);
	return create(RouteActionSchema, {
		clusterSpecifier: single
			? { case: "cluster", value: targets[0]!.cluster }
			: { case: "weightedClusters", value: weightedClusters(shares, targets) },
		...pathRewrite(rule),
		...authorityRewrite(rule, single?.destination),
		timeout,
		maxGrpcTimeout: timeout,
		retryPolicy: retryPolicy({ policy, hashed: consistentHash !== undefined }),
		requestMirrorPolicies: rule.mirrors.map((mirror) => ({
			cluster: resolveDestination(mirror.destination, scope).cluster,
			runtimeFraction: { defaultValue: fraction(mirror.percent) },
		})) satisfies MessageInitShape<typeof RouteAction_RequestMirrorPolicySchema>[],
		hashPolicy: consistentHash ? [hashPolicy(consistentHash)] : [],
	});
}

/** The action of a route that no rule made: the service itself, without a timeout. */
export function defaultAction(target: ResolvedDestination, scope: RouteScope): RouteAction {
	const timeout = duration(0);
	const policy = scope.snapshot.mesh.defaultHttpRetryPolicy;
	return create(RouteActionSchema, {
		clusterSpecifier: { case: "cluster", value: target.cluster },
		timeout,
		maxGrpcTimeout: timeout,
		retryPolicy: retryPolicy({ policy, hashed: target.consistentHash !== undefined }),
		hashPolicy: target.consistentHash ? [hashPolicy(target.consistentHash)] : [],
	});
}

function weightedClusters(
	shares: readonly Share[],
	targets: readonly ResolvedDestination[],
): MessageInitShape<typeof WeightedClusterSchema> {
	return {
		clusters: shares.map(({ destination, weight }, i) => {
			const host = authorityOf(destination.headers);
			return {
				name: targets[i]!.cluster,
				weight,
				...headerFields(destination.headers),
				hostRewriteSpecifier: host === undefined ? undefined : { case: "hostRewriteLiteral" as const, value: host },
			};
		}),
	};
}

type RewriteFields = Pick<MessageInitShape<typeof RouteActionSchema>, "prefixRewrite" | "regexRewrite">;

function pathRewrite({ rewrite }: HttpRule): RewriteFields {
	if (rewrite?.uriRegex)
		return { regexRewrite: { pattern: { regex: rewrite.uriRegex.match }, substitution: rewrite.uriRegex.rewrite } };
	return { prefixRewrite: rewrite?.uri };
}

/** `rewrite.authority` beats the route's Host header, that beats a single destination's (istio-traffic-api.md 1.5). */
function authorityRewrite(
	rule: HttpRule,
	single: RouteDestination | undefined,
): Pick<MessageInitShape<typeof RouteActionSchema>, "hostRewriteSpecifier"> {
	const host = rule.rewrite?.authority ?? authorityOf(rule.headers) ?? authorityOf(single?.headers);
	return host === undefined ? {} : { hostRewriteSpecifier: { case: "hostRewriteLiteral", value: host } };
}
