import type { Metrics } from "../../../telemetry/metric-registry.ts";
import { DnsCache, type DnsCacheDeps } from "./dns-cache.ts";
import type { DnsCacheConfig } from "./dns-cache-config.ts";

export interface DnsCachesDeps extends Omit<DnsCacheDeps, "scope"> {
	readonly metrics: Pick<Metrics, "scope">;
}

/** The DNS caches of a process, by name: what filters resolve is what clusters connect to. */
export class DnsCaches {
	readonly #deps: DnsCachesDeps;
	readonly #caches = new Map<string, DnsCache>();

	constructor(deps: DnsCachesDeps) {
		this.#deps = deps;
	}

	/** The cache of that name, made at first use; undefined when there is one with other settings. */
	open(config: DnsCacheConfig): DnsCache | undefined {
		let cache = this.#caches.get(config.name);
		if (!cache) {
			cache = new DnsCache(config, { ...this.#deps, scope: this.#deps.metrics.scope(`dns_cache.${config.name}.`) });
			this.#caches.set(config.name, cache);
		}
		return JSON.stringify(cache.config) === JSON.stringify(config) ? cache : undefined;
	}

	/** The cache of that name, whatever its settings are. */
	named(config: DnsCacheConfig): DnsCache {
		return this.open(config) ?? this.#caches.get(config.name)!;
	}

	close(): void {
		for (const cache of this.#caches.values()) cache.close();
		this.#caches.clear();
	}
}
