import type { Metrics } from "../../telemetry/metric-registry.ts";
import { type UpstreamRequestStats, upstreamRequestStats } from "../cluster/cluster-stat-set.ts";
import type { RouteMatch } from "../router/route-match.ts";

/**
 * The stats of routes that have a `stat_prefix`, `vhost.<virtual host>.route.<prefix>.*`, and of virtual clusters,
 * `vhost.<virtual host>.vcluster.<name>.*`, made at first use; routes come and go, what they counted stays.
 */
export class RouteStatSet {
	readonly #metrics: Pick<Metrics, "scope">;
	readonly #known = new Map<string, UpstreamRequestStats>();

	constructor(metrics: Pick<Metrics, "scope">) {
		this.#metrics = metrics;
	}

	/** Undefined for a route that counts nothing of its own; `virtualCluster`: the name of the request's, "" when it has none. */
	of(
		{ statPrefix, virtualHostName }: Pick<RouteMatch, "statPrefix" | "virtualHostName">,
		virtualCluster = "",
	): UpstreamRequestStats | undefined {
		const host = `vhost.${virtualHostName}.`;
		const own = statPrefix === "" ? undefined : this.#at(`${host}route.${statPrefix}.`);
		const shared = virtualCluster === "" ? undefined : this.#at(`${host}vcluster.${virtualCluster}.`);
		return own && shared ? this.#both(`${host}${statPrefix}+${virtualCluster}`, own, shared) : (own ?? shared);
	}

	#at(prefix: string): UpstreamRequestStats {
		let stats = this.#known.get(prefix);
		if (!stats) {
			stats = upstreamRequestStats(this.#metrics.scope(prefix));
			this.#known.set(prefix, stats);
		}
		return stats;
	}

	#both(key: string, a: UpstreamRequestStats, b: UpstreamRequestStats): UpstreamRequestStats {
		let stats = this.#known.get(key);
		if (!stats) {
			stats = joined(a, b);
			this.#known.set(key, stats);
		}
		return stats;
	}
}

const COUNTERS = [
	"upstreamRqTotal",
	"upstreamRqTimeout",
	"upstreamRqRetry",
	"upstreamRqRetrySuccess",
	"upstreamRqRetryOverflow",
	"upstreamRqRetryLimitExceeded",
] as const;

/** Counts in two places. */
export function joined(a: UpstreamRequestStats, b: UpstreamRequestStats): UpstreamRequestStats {
	const counters = COUNTERS.map((key) => [
		key,
		{
			inc: (by?: number) => {
				a[key].inc(by);
				b[key].inc(by);
			},
		},
	]);
	return {
		...(Object.fromEntries(counters) as Pick<UpstreamRequestStats, (typeof COUNTERS)[number]>),
		countStatus: (status, fromInside) => {
			a.countStatus(status, fromInside);
			b.countStatus(status, fromInside);
		},
		upstreamRqTime: {
			...a.upstreamRqTime,
			record: (ms) => {
				a.upstreamRqTime.record(ms);
				b.upstreamRqTime.record(ms);
			},
		},
	};
}
