import type { Clock } from "../../../lib/clock.ts";
import type { RouteConfiguration } from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import type { RouteTable } from "../../router/route-match.ts";
import type { ListenerStage } from "../listener-stage.ts";
import type { WarmGate } from "../warm-gate.ts";
import type { ConfigSources } from "./config-sources.ts";
import { DiscoveredFilter, type DiscoveredFilterSettings } from "./discovered-filter.ts";
import { FilterBook } from "./filter-book.ts";
import { RouteBook } from "./route-book.ts";
import { ScopeBook } from "./scope-book.ts";
import { ScopedTables, type ScopedTablesConfig } from "./scoped-tables.ts";

export interface DiscoveryDeps {
	readonly clock: Clock;
	/** Asked when they are needed: they are made after this. */
	readonly sources: () => ConfigSources;
	readonly stage: () => Pick<ListenerStage<unknown>, "routesCame">;
	readonly gate: () => WarmGate;
	/** Throws ProblemError; paths begin with `path`. */
	compileRoutes(message: RouteConfiguration, path: string): RouteTable;
	/** The route configurations that are wanted may have changed. */
	onRoutes(): void;
	/** Asks for virtual hosts of a route configuration at once. */
	demand(owner: string, names: readonly string[]): void;
}

/** What control planes give to listeners that are there already: routes, virtual hosts, scopes, filter configurations. */
export class Discovery {
	readonly routes: RouteBook<RouteTable>;
	readonly scopes: ScopeBook<RouteTable>;
	readonly filters: FilterBook;
	readonly #deps: DiscoveryDeps;

	constructor(deps: DiscoveryDeps) {
		this.#deps = deps;
		const { clock, demand, compileRoutes: compile, gate, stage, sources } = deps;
		this.routes = new RouteBook({
			clock,
			demand,
			compile,
			whenWarm: (task) => gate().whenWarm(task),
			onArrived: () => stage().routesCame(),
			onWanted: () => sources().want("virtualHost"),
		});
		this.scopes = new ScopeBook({ compile, onWanted: () => sources().want("scopedRoute") });
		this.filters = new FilterBook(() => sources().want("extension"));
	}

	demandHost(routeConfiguration: string, host: string, done: () => void): boolean {
		return this.routes.demandHost(routeConfiguration, host, done);
	}

	scopedTables(config: ScopedTablesConfig): ScopedTables {
		return new ScopedTables(config, {
			clock: this.#deps.clock,
			book: this.scopes,
			tables: this.routes.tables,
			onWanted: () => this.#deps.onRoutes(),
			whenTable: (name, done) => this.routes.whenTable(name, done),
			demandHost: (name, host, done) => this.demandHost(name, host, done),
		});
	}

	filter(settings: DiscoveredFilterSettings): DiscoveredFilter {
		return new DiscoveredFilter(settings, this.filters, this.#deps.clock);
	}

	close(): void {
		this.routes.close();
	}
}
