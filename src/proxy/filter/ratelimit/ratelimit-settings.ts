import type { Random } from "../../../lib/random.ts";
import type { SideCalls } from "../../http/side-calls.ts";
import type { FormatEnvironment } from "../../router/format/format-context.ts";
import type { HeaderOperations } from "../../router/headers/header-operations.ts";
import type { RateLimitPolicy } from "../../router/rate-limit/rate-limit-policy.ts";
import type { ClusterCounterDeps } from "../cluster-counter.ts";
import type { GrpcTarget } from "../grpc-service.ts";

/** What the filter is handed in. */
export interface RateLimitDeps extends ClusterCounterDeps {
	readonly random: Random;
	readonly sideCalls: SideCalls;
	readonly env: FormatEnvironment;
	readonly serviceCluster: string;
}

/** The filter as one listener configures it. */
export interface RateLimitSettings {
	readonly name: string;
	readonly domain: string;
	readonly target: GrpcTarget;
	readonly stage: number;
	readonly requestType: "both" | "internal" | "external";
	/** Shares of a million requests: asked about, held to the answer, refused when there is none. */
	readonly enabled: number;
	readonly enforced: number;
	readonly failureDeny: number;
	/** The filter's own rate limits; empty: those of the route count. */
	readonly policy: RateLimitPolicy;
	readonly limitedStatus: number;
	readonly grpcStatus: number | undefined;
	readonly statusOnError: number;
	readonly limitHeaders: boolean;
	readonly limitedHeader: boolean;
	readonly retryAfter: boolean;
	readonly responseHeaders: HeaderOperations | undefined;
	/** Begins stats of clusters: `ratelimit.` and the filter's own prefix. */
	readonly statPrefix: string;
	readonly metadataNamespace: string;
	readonly deps: RateLimitDeps;
}

/** What a route says. */
export interface RateLimitRoute {
	readonly virtualHost: "override" | "include" | "ignore";
	/** Empty: the filter's. */
	readonly domain: string;
	/** In the place of the route's and the virtual host's; empty: those count. */
	readonly policy: RateLimitPolicy;
}
