import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type { SideCalls } from "../../http/side-calls.ts";
import type { FormatEnvironment } from "../../router/format/format-context.ts";
import type { MetadataLookup } from "../../router/match/value-matcher.ts";
import type { ClusterCounterDeps } from "../cluster-counter.ts";
import type { AuthzService } from "./authz-request.ts";

/** What the filter is handed in. */
export interface ExtAuthzDeps extends ClusterCounterDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly sideCalls: SideCalls;
	readonly env: FormatEnvironment;
	/** A stat of the connection manager: `ext_authz.ok` and the like. */
	counter(name: string): Counter;
}

/** How much of a body the service sees. */
export interface BodySettings {
	readonly maxBytes: number;
	/** A longer body is shown in part; otherwise it is answered with 413. */
	readonly allowPartial: boolean;
}

/** The filter as one listener configures it. */
export interface ExtAuthzSettings {
	readonly name: string;
	readonly service: AuthzService;
	/** An HTTP service's additions to a request are added, a gRPC service's are set. */
	readonly addsHeaders: boolean;
	readonly body: BodySettings | undefined;
	/** Share of a million requests that are checked, and what their metadata must be. */
	readonly enabled: number;
	readonly enabledByMetadata: ((metadata: MetadataLookup) => boolean) | undefined;
	readonly denyAtDisable: boolean;
	readonly failureModeAllow: boolean;
	readonly markFailureModeAllowed: boolean;
	readonly clearRouteCache: boolean;
	readonly statusOnError: number;
	readonly shadow: boolean;
	/** 0: no limit. */
	readonly maxDeniedBodyBytes: number;
	readonly readsMetadata: boolean;
	readonly chargeCluster: boolean;
	/** Begins stats: `ext_authz.` and the filter's own prefix. */
	readonly statPrefix: string;
	readonly deps: ExtAuthzDeps;
}

/** What a route says. */
export interface ExtAuthzRoute {
	readonly disabled: boolean;
	readonly contextExtensions: Readonly<Record<string, string>>;
	readonly withoutBody: boolean;
	/** Takes the place of the filter's own. */
	readonly body: BodySettings | undefined;
}
