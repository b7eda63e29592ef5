import type { Metrics, StatScope } from "../../../telemetry/metric-registry.ts";
import type { ResourceType } from "../../../xds/type-urls.ts";

const PREFIXES: Readonly<Partial<Record<ResourceType, string>>> = {
	cluster: "cluster_manager.cds.",
	listener: "listener_manager.lds.",
};
const COUNTERS = ["update_attempt", "update_success", "update_rejected", "update_failure", "init_fetch_timeout"];

/** Counters of subscriptions under Envoy's names: an attempt is a question, and each answer begins the next one. */
export class DiscoveryStats {
	readonly #metrics: Pick<Metrics, "scope">;
	readonly #scopes = new Map<string, StatScope>();
	/** Scopes of route configurations by their names. */
	readonly #routes = new Map<string, StatScope>();

	constructor(metrics: Pick<Metrics, "scope">) {
		this.#metrics = metrics;
	}

	/** All resources of a type were asked for. */
	asked(type: "cluster" | "listener"): void {
		this.#scope(PREFIXES[type]!).counter("update_attempt").inc();
	}

	/** Route configurations that are wanted, each with the connection manager that wants it first. */
	wanted(routes: readonly { readonly name: string; readonly statPrefix?: string }[]): void {
		const names = new Set(routes.map(({ name }) => name));
		for (const name of this.#routes.keys()) if (!names.has(name)) this.#routes.delete(name);
		for (const { name, statPrefix } of routes) {
			if (this.#routes.has(name) || statPrefix === undefined) continue;
			const scope = this.#scope(`http.${statPrefix}.rds.${name}.`);
			scope.counter("config_reload");
			scope.counter("update_attempt").inc();
			this.#routes.set(name, scope);
		}
	}

	/** A response was worked through. */
	answered(type: ResourceType, good: boolean): void {
		const prefix = PREFIXES[type];
		if (prefix !== undefined) count(this.#scope(prefix), good, type === "cluster");
	}

	routeAnswered(name: string, good: boolean, isNew: boolean): void {
		const scope = this.#routes.get(name);
		if (scope) count(scope, good, isNew);
	}

	routeTimedOut(name: string): void {
		this.#routes.get(name)?.counter("init_fetch_timeout").inc();
	}

	#scope(prefix: string): StatScope {
		let scope = this.#scopes.get(prefix);
		if (!scope) {
			scope = this.#metrics.scope(prefix);
			for (const name of COUNTERS) scope.counter(name);
			this.#scopes.set(prefix, scope);
		}
		return scope;
	}
}

function count(scope: StatScope, good: boolean, isNew: boolean): void {
	scope.counter("update_attempt").inc();
	scope.counter(good ? "update_success" : "update_rejected").inc();
	if (good && isNew) scope.counter("config_reload").inc();
}
