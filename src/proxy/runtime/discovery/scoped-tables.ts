import type { Clock } from "../../../lib/clock.ts";
import type { Discovered } from "../../../xds/config-source.ts";
import type { RequestHead } from "../../http/message.ts";
import type { RouteTable } from "../../router/route-match.ts";
import type { ScopeKeyOf } from "../../router/scope/scope-key.ts";
import type { RouteWant, StagedDependency } from "../listener-stage.ts";
import type { ScopeBook, ScopesInUse, ScopeUser } from "./scope-book.ts";

export interface ScopedTablesDeps {
	readonly clock: Clock;
	readonly book: ScopeBook<RouteTable>;
	/** RDS tables by name. */
	readonly tables: ReadonlyMap<string, RouteTable>;
	/** The route configurations that are wanted have changed. */
	onWanted(): void;
	/** Calls back when a route configuration comes that was not there. */
	whenTable(name: string, done: () => void): void;
	demandHost(routeConfiguration: string, host: string, done: () => void): boolean;
}

export interface ScopedTablesConfig {
	readonly keyOf: ScopeKeyOf;
	/** Where scopes come from ... */
	readonly scopes: Discovered;
	/** ... and where the route configurations that they name. */
	readonly routes: Discovered;
}

/** The route tables of a connection manager by the scopes of its requests (Envoy: HttpConnectionManager.scoped_routes with scoped_rds). */
export class ScopedTables implements StagedDependency, ScopeUser {
	readonly #config: ScopedTablesConfig;
	readonly #deps: ScopedTablesDeps;
	/** Route configurations of scopes that are fetched only when a request asks. */
	readonly #demanded = new Set<string>();
	#scopes: ScopesInUse<RouteTable> | undefined;
	#timedOut = false;
	#cancelTimeout = () => {};
	#whenSettled: (() => void)[] = [];

	constructor(config: ScopedTablesConfig, deps: ScopedTablesDeps) {
		this.#config = config;
		this.#deps = deps;
	}

	table(request: RequestHead): RouteTable | undefined {
		const routes = this.#scopeOf(request)?.routes;
		return routes?.kind === "inline" ? routes.table : routes && this.#deps.tables.get(routes.name);
	}

	/** Asks for the routes of a scope that are fetched on demand, or for a virtual host in them. */
	demand(request: RequestHead, done: () => void): boolean {
		const routes = this.#scopeOf(request)?.routes;
		if (routes?.kind !== "rds") return false;
		const { tables, whenTable, onWanted, demandHost } = this.#deps;
		if (tables.has(routes.name)) return demandHost(routes.name, request.authority.toLowerCase(), done);
		whenTable(routes.name, done);
		if (routes.onDemand && !this.#demanded.has(routes.name)) {
			this.#demanded.add(routes.name);
			onWanted();
		}
		return true;
	}

	open(): void {
		const { scopes, routes } = this.#config;
		this.#scopes = this.#deps.book.use(scopes, this);
		const limitMs = Math.max(scopes.initialFetchMs, routes.initialFetchMs);
		if (limitMs > 0 && !this.settled) this.#cancelTimeout = this.#deps.clock.after(limitMs, () => this.#giveUp());
	}

	get settled(): boolean {
		if (this.#timedOut) return true;
		return this.#scopes?.arrived === true && this.routes().every(({ name }) => this.#deps.tables.has(name));
	}

	whenSettled(task: () => void): void {
		if (this.settled) task();
		else this.#whenSettled.push(task);
	}

	close(): void {
		this.#cancelTimeout();
		this.#scopes?.close();
		this.#scopes = undefined;
	}

	routes(): RouteWant[] {
		const wanted: RouteWant[] = [];
		for (const { routes } of this.#scopes?.all() ?? [])
			if (routes.kind === "rds" && (!routes.onDemand || this.#demanded.has(routes.name)))
				wanted.push({ name: routes.name, ...this.#config.routes });
		return wanted;
	}

	onScopes(): void {
		this.#deps.onWanted();
		if (this.settled) this.#settle();
	}

	#scopeOf(request: RequestHead) {
		const key = this.#config.keyOf(request);
		return key === undefined ? undefined : this.#scopes?.find(key);
	}

	#giveUp(): void {
		this.#timedOut = true;
		this.#settle();
	}

	#settle(): void {
		this.#cancelTimeout();
		for (const task of this.#whenSettled.splice(0)) task();
	}
}
