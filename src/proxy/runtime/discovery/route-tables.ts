import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../../lib/problem.ts";
import { ADS_SOURCE, type Discovered, INITIAL_FETCH_MS, parseConfigSource } from "../../../xds/config-source.ts";
import type { RouteConfiguration } from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import type { ScopedRoutes } from "../../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { RouteSource } from "../../hcm/hcm-config.ts";
import type { HcmServices } from "../../hcm/hcm-shared.ts";
import { ProblemList } from "../../router/problem-list.ts";
import type { RouteTable } from "../../router/route-match.ts";
import { compileScopeKey } from "../../router/scope/scope-key.ts";
import type { DataPlaneDeps } from "../data-plane.ts";
import type { StagedDependency } from "../listener-stage.ts";
import { compileScope, type Scope } from "./scope-book.ts";

/** Where a connection manager looks for routes. */
export interface RouteTables extends Pick<HcmServices, "routeTable" | "demandRoute"> {
	/** Must have come before the listener opens. */
	readonly dependency?: StagedDependency;
}

export interface RouteTablesDeps extends Pick<DataPlaneDeps, "routes" | "discovery"> {
	/** Throws ProblemError. */
	compile(message: RouteConfiguration, at: FieldPath): RouteTable;
}

/** Compiles where routes come from: the listener itself, RDS, or scopes of either; throws ProblemError. */
export function compileRouteTables(source: RouteSource, at: FieldPath, deps: RouteTablesDeps): RouteTables {
	if (source.kind === "scoped") return compileScoped(source.config, at.field("scoped_routes"), deps);
	if (source.kind === "inline") {
		const table = deps.compile(source.config, at.field("route_config"));
		return { routeTable: () => table };
	}
	const { name } = source;
	const { routes: tables, discovery } = deps;
	return {
		routeTable: () => tables.get(name),
		demandRoute: ({ authority }, done) => discovery?.demandHost(name, authority.toLowerCase(), done) ?? false,
	};
}

function compileScoped(config: ScopedRoutes, at: FieldPath, deps: RouteTablesDeps): RouteTables {
	const list = new ProblemList();
	const { problems } = list;
	const keyOf = compileScopeKey(config.scopeKeyBuilder, at.field("scope_key_builder"), list);
	const { configSpecifier: specifier } = config;
	if (config.name === "") list.add("missing", at.field("name"), "the field is required");
	if (specifier.case === undefined) list.add("missing", at, "it is not said where scopes come from", "set scoped_rds");
	if (specifier.case === "scopedRds") {
		const scopesAt = at.field("scoped_rds").field("scoped_rds_config_source");
		const scopes = parseConfigSource(specifier.value.scopedRdsConfigSource, scopesAt, problems);
		const routes = parseRoutesSource(config, at, problems);
		list.throwIfAny();
		const tables = deps.discovery?.scopedTables({ keyOf, scopes: scopes!, routes });
		return {
			routeTable: (request) => tables?.table(request),
			demandRoute: (request, done) => tables?.demand(request, done) ?? false,
			...(tables && { dependency: tables }),
		};
	}
	const byKey = new Map<string, Scope<RouteTable>>();
	const listAt = at.field("scoped_route_configurations_list").field("scoped_route_configurations");
	for (const [i, message] of (specifier.value?.scopedRouteConfigurations ?? []).entries()) {
		if (message.routeConfigurationName !== "")
			problems.push(
				problem(
					"LTN3553",
					listAt.index(i).field("route_configuration_name").toString(),
					"scopes in a listener bring their routes with them",
					"set route_configuration",
				),
			);
		const scope = collect(problems, () =>
			compileScope(message, listAt.index(i).toString(), (one, path) => deps.compile(one, fieldPath(path))),
		);
		if (scope) byKey.set(scope.key, scope);
	}
	list.throwIfAny();
	return {
		routeTable: (request) => {
			const key = keyOf(request);
			const routes = key === undefined ? undefined : byKey.get(key)?.routes;
			return routes?.kind === "inline" ? routes.table : undefined;
		},
	};
}

function parseRoutesSource({ rdsConfigSource }: ScopedRoutes, at: FieldPath, problems: Problem[]): Discovered {
	const usual = { source: ADS_SOURCE, initialFetchMs: INITIAL_FETCH_MS };
	if (!rdsConfigSource) return usual;
	return parseConfigSource(rdsConfigSource, at.field("rds_config_source"), problems) ?? usual;
}

function collect<T>(problems: Problem[], compile: () => T): T | undefined {
	try {
		return compile();
	} catch (error) {
		if (!(error instanceof ProblemError)) throw error;
		problems.push(...error.problems);
		return undefined;
	}
}
