import type { StreamInfo } from "../http/info/stream-info.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import { type HostRewrite, type PathRewrite, rewriteHost, rewritePath } from "./action/rewrite.ts";
import type { FilterSwitch } from "./filter-switch.ts";
import type { HeaderLevel } from "./headers/header-levels.ts";
import type { HeaderOperations } from "./headers/header-operations.ts";
import type { RouteCondition } from "./match/route-condition.ts";
import type { ClusterChoice, RouteAction, RouteMatch } from "./route-match.ts";

/** A weighted cluster's own header operations and host. */
export interface WeightedLevel {
	readonly headers: HeaderLevel;
	/** Empty: keep the host. */
	readonly host: string;
	/** Its own `typed_per_filter_config`, before the route's. */
	readonly filters: ReadonlyMap<string, FilterSwitch>;
}

export interface RouteParts {
	readonly routeName: string;
	readonly virtualHostName: string;
	readonly action: RouteAction;
	readonly metadata: RouteMatch["metadata"];
	readonly rateLimits: RouteMatch["rateLimits"];
	readonly decoratorOperation: string;
	readonly decoratorPropagates: boolean;
	readonly tracing: RouteMatch["tracing"];
	readonly statPrefix: string;
	readonly virtualCluster: RouteMatch["virtualCluster"];
	/** In the order in which they run; a weighted cluster's run before them. */
	readonly headers: { readonly request: readonly HeaderOperations[]; readonly response: readonly HeaderOperations[] };
	readonly weighted: readonly WeightedLevel[];
	readonly hostRewrite: HostRewrite | undefined;
	readonly appendForwardedHost: boolean;
	readonly pathRewrite: PathRewrite | undefined;
	/** `typed_per_filter_config`, most specific level first. */
	readonly filterConfigs: readonly ReadonlyMap<string, FilterSwitch>[];
}

const NO_FILTERS: ReadonlyMap<string, FilterSwitch> = new Map();
const NO_CONFIGS: readonly unknown[] = [];

/** One route of the table. Immutable, so a match hands out the route itself. */
export class CompiledRoute implements RouteMatch {
	readonly condition: RouteCondition;
	readonly routeName: string;
	readonly virtualHostName: string;
	readonly action: RouteAction;
	readonly metadata: RouteMatch["metadata"];
	readonly rateLimits: RouteMatch["rateLimits"];
	readonly decoratorOperation: string;
	readonly decoratorPropagates: boolean;
	readonly tracing: RouteMatch["tracing"];
	readonly statPrefix: string;
	readonly virtualCluster: RouteMatch["virtualCluster"];
	readonly switchesFilters: boolean;
	readonly #parts: RouteParts;
	/** The route as each weighted cluster sees it; undefined where none has filter configs of its own. */
	readonly #variants: readonly CompiledRoute[] | undefined;

	constructor(condition: RouteCondition, parts: RouteParts) {
		this.condition = condition;
		this.routeName = parts.routeName;
		this.virtualHostName = parts.virtualHostName;
		this.action = parts.action;
		this.metadata = parts.metadata;
		this.rateLimits = parts.rateLimits;
		this.decoratorOperation = parts.decoratorOperation;
		this.decoratorPropagates = parts.decoratorPropagates;
		this.tracing = parts.tracing;
		this.statPrefix = parts.statPrefix;
		this.virtualCluster = parts.virtualCluster;
		this.switchesFilters = parts.filterConfigs.some((level) => level.size > 0);
		this.#parts = parts;
		const varies = parts.weighted.some(({ filters }) => filters.size > 0);
		this.#variants = varies ? parts.weighted.map((level) => this.#variantFor(level)) : undefined;
	}

	forChoice({ weightedIndex }: ClusterChoice): CompiledRoute {
		return this.#variants === undefined || weightedIndex < 0 ? this : this.#variants[weightedIndex]!;
	}

	#variantFor({ filters }: WeightedLevel): CompiledRoute {
		const parts = this.#parts;
		const weighted = parts.weighted.map((level) => ({ ...level, filters: NO_FILTERS }));
		return new CompiledRoute(this.condition, {
			...parts,
			weighted,
			filterConfigs: filters.size > 0 ? [filters, ...parts.filterConfigs] : parts.filterConfigs,
		});
	}

	perFilterConfig(filterName: string): unknown {
		for (const level of this.#parts.filterConfigs) {
			const config = level.get(filterName)?.config;
			if (config !== undefined) return config;
		}
		return undefined;
	}

	perFilterConfigs(filterName: string): readonly unknown[] {
		if (!this.switchesFilters) return NO_CONFIGS;
		return this.#parts.filterConfigs.flatMap((level) => level.get(filterName)?.config ?? []);
	}

	filterDisabled(filterName: string): boolean | undefined {
		for (const level of this.#parts.filterConfigs) {
			const found = level.get(filterName);
			if (found) return found.disabled;
		}
		return undefined;
	}

	/** Envoy's order: weighted cluster, then the levels, then the host, then the path. */
	finalizeRequest(request: RequestHead, info: StreamInfo, cluster: ClusterChoice | undefined): void {
		const parts = this.#parts;
		const weighted = weightedLevel(parts.weighted, cluster);
		if (weighted?.headers.request || parts.headers.request.length > 0) {
			const ctx = { info, request, route: this };
			weighted?.headers.request?.apply(request.headers, ctx);
			for (const level of parts.headers.request) level.apply(request.headers, ctx);
		}
		if (weighted && weighted.host !== "") request.authority = weighted.host;
		const host = parts.hostRewrite?.(request, info);
		if (host !== undefined) rewriteHost(request, host, parts.appendForwardedHost);
		if (parts.pathRewrite) rewritePath(request, parts.pathRewrite, info);
	}

	finalizeResponse(
		response: ResponseHead,
		request: RequestHead,
		info: StreamInfo,
		cluster: ClusterChoice | undefined,
	): void {
		const parts = this.#parts;
		const weighted = weightedLevel(parts.weighted, cluster);
		if (!weighted?.headers.response && parts.headers.response.length === 0) return;
		const ctx = { info, request, response, route: this };
		weighted?.headers.response?.apply(response.headers, ctx);
		for (const level of parts.headers.response) level.apply(response.headers, ctx);
	}
}

/** Asked with an index below 0 an array looks for a property of that name, which is slow. */
function weightedLevel(
	levels: readonly WeightedLevel[],
	cluster: ClusterChoice | undefined,
): WeightedLevel | undefined {
	return cluster === undefined || cluster.weightedIndex < 0 ? undefined : levels[cluster.weightedIndex];
}
