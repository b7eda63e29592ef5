import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { RequestHead } from "../../http/message.ts";
import type { RouteMatch } from "../route-match.ts";
import type { RateLimitDescriptor } from "./descriptor.ts";
import type { RateLimitPolicy } from "./rate-limit-policy.ts";

/** What is known of a request that may be limited; an HTTP filter's stream is one. */
export interface LimitedRequest {
	readonly request: RequestHead;
	readonly info: StreamInfo;
	route(): RouteMatch | undefined;
}

/** The descriptors that some policies have for a request. */
export function describeRequest(
	policies: readonly RateLimitPolicy[],
	stage: number,
	stream: LimitedRequest,
	serviceCluster: string,
): readonly RateLimitDescriptor[] {
	const descriptors: RateLimitDescriptor[] = [];
	const { request, info } = stream;
	const route = stream.route();
	const destinationCluster = destinationOf(route, request);
	const ctx = { request, info, route, serviceCluster, destinationCluster };
	for (const policy of policies) if (!policy.empty) policy.describe(stage, ctx, descriptors);
	return descriptors;
}

/** The same by the rate limits of the route and, as `virtualHost` says, its virtual host; routes that answer by themselves have none. */
export function describeByRoute(
	virtualHost: "override" | "include" | "ignore",
	stage: number,
	stream: LimitedRequest,
	serviceCluster: string,
): readonly RateLimitDescriptor[] {
	const route = stream.route();
	if (route?.action.kind !== "forward") return [];
	const limits = route.rateLimits;
	const includes = limits.includeVirtualHost || virtualHost === "include";
	const usesHost = includes || (virtualHost === "override" && limits.route.empty);
	const policies = usesHost ? [limits.route, limits.virtualHost] : [limits.route];
	return describeRequest(policies, stage, stream, serviceCluster);
}

function destinationOf(route: RouteMatch | undefined, request: RequestHead): string {
	return route?.action.kind === "forward" ? (route.action.forward.clusters(request)[0] ?? "") : "";
}
