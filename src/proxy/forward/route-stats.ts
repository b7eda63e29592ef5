import type { Metrics } from "../../telemetry/metric-registry.ts";
import { type UpstreamRequestStats, upstreamRequestStats } from "../cluster/cluster-stat-set.ts";
import type { RouteMatch } from "../router/route-match.ts";

/** The stats of routes that have a `stat_prefix`, `vhost.<virtual host>.route.<prefix>.*`, made at first use; routes come and go, what they counted stays. */
export class RouteStatSet {
	readonly #metrics: Pick<Metrics, "scope">;
	readonly #known = new Map<string, UpstreamRequestStats>();

	constructor(metrics: Pick<Metrics, "scope">) {
		this.#metrics = metrics;
	}

	/** Undefined for a route that counts nothing of its own. */
	of({
		statPrefix,
		virtualHostName,
	}: Pick<RouteMatch, "statPrefix" | "virtualHostName">): UpstreamRequestStats | undefined {
		if (statPrefix === "") return undefined;
		const prefix = `vhost.${virtualHostName}.route.${statPrefix}.`;
		let stats = this.#known.get(prefix);
		if (!stats) {
			stats = upstreamRequestStats(this.#metrics.scope(prefix));
			this.#known.set(prefix, stats);
		}
		return stats;
	}
}
