import type { Any } from "@bufbuild/protobuf/wkt";
import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { ProblemError, problem } from "../../lib/problem.ts";
import { extensionTypeUrl, readTypedStruct, unpackAny, unpackAs } from "../../xds/any.ts";
import {
	type FilterConfig,
	FilterConfigSchema,
} from "../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { RouterSchema } from "../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.ts";
import type { HttpFilter as HttpFilterMessage } from "../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { typeNameOf, typeUrlOf } from "../../xds/type-urls.ts";
import { FilterSwitch } from "../router/filter-switch.ts";
import { ProblemList } from "../router/problem-list.ts";
import type { RouteMatch } from "../router/route-match.ts";
import type { HttpFilter, HttpFilterConfig, HttpFilterFactory } from "./http-filter.ts";
import { unknownFilter } from "./problem-path.ts";
import { DEFAULT_ROUTER, parseRouter, type RouterSettings } from "./router-settings.ts";

/** A connection manager's filters, read. */
export interface FilterChain {
	/** In the order of the configuration, without the router. */
	readonly filters: readonly HttpFilterConfig[];
	/** The router's own settings. */
	readonly router: RouterSettings;
}

/** Reads `http_filters`; the last one must be the router. Throws ProblemError with everything that is wrong. */
export function parseHttpFilters(
	messages: readonly HttpFilterMessage[],
	factories: readonly HttpFilterFactory[],
	at: FieldPath,
): FilterChain {
	const problems = new ProblemList();
	const last = messages.at(-1);
	const router = last?.configType.case === "typedConfig" ? unpackAs(last.configType.value, RouterSchema) : undefined;
	if (!router && !isDiscoveredRouter(last))
		problems.add("missing", at, "the last filter is not the router", "end the list with envoy.filters.http.router");
	const filters = messages.slice(0, router ? -1 : undefined).flatMap((message, i) => {
		try {
			return parseFilter(message, factories, at.index(i)) ?? [];
		} catch (error) {
			problems.absorb(error);
			return [];
		}
	});
	const routerAt = at.index(messages.length - 1).field("typed_config");
	const settings = router ? parseRouter(router, routerAt, problems) : DEFAULT_ROUTER;
	problems.throwIfAny();
	return { filters, router: settings };
}

function parseFilter(
	message: HttpFilterMessage,
	factories: readonly HttpFilterFactory[],
	at: FieldPath,
): HttpFilterConfig | undefined {
	const { configType, name, disabled } = message;
	const filter = configType.case === "typedConfig" ? parseTyped(message, configType.value, factories, at) : undefined;
	if (filter) return disabled ? { ...filter, disabled } : filter;
	if (configType.case === "typedConfig") return undefined;
	const discovering = factories.find((factory) => factory.parseDiscovered);
	if (configType.case !== "configDiscovery" || !discovering)
		throw unknownFilter(at.toString(), `${name} without typed_config`);
	const read = (any: Any, path: string) => readDiscovered(any, name, factories, path);
	const found = discovering.parseDiscovered!(configType.value, at.field("config_discovery"), { name, read });
	return disabled ? { ...found, disabled } : found;
}

function parseTyped(
	{ name, isOptional }: HttpFilterMessage,
	any: Any,
	factories: readonly HttpFilterFactory[],
	at: FieldPath,
): HttpFilterConfig | undefined {
	const configAt = at.field("typed_config").toString();
	const { typeUrl, config } = unpackConfig(any, configAt);
	const factory = factories.find((f) => typeNameOf(f.typeUrl) === typeNameOf(typeUrl));
	if (factory) return factory.parse(config, configAt, name);
	// Envoy passes over an unknown filter that the configuration can do without.
	if (isOptional) return undefined;
	throw unknownFilter(configAt, typeUrl);
}

/** A discovered router does what the last filter does anyway; its settings are the usual ones. */
const ROUTING: HttpFilter = { decodeHeaders: () => "pass" };

function isDiscoveredRouter(message: HttpFilterMessage | undefined): boolean {
	return (
		message?.configType.case === "configDiscovery" &&
		message.configType.value.typeUrls.some((url) => typeNameOf(url) === RouterSchema.typeName)
	);
}

function readDiscovered(
	any: Any,
	name: string,
	factories: readonly HttpFilterFactory[],
	path: string,
): HttpFilterConfig {
	if (typeNameOf(any.typeUrl) === RouterSchema.typeName) return { name, create: () => ROUTING };
	const { typeUrl, config } = unpackConfig(any, path);
	const factory = factories.find((f) => typeNameOf(f.typeUrl) === typeNameOf(typeUrl));
	if (!factory) throw unknownFilter(path, typeUrl);
	return factory.parse(config, path, name);
}

/** The filters of a chain that run on a request: what its route turns on or off counts before what the chain says. */
export function filtersFor(
	filters: readonly HttpFilterConfig[],
	route: Pick<RouteMatch, "filterDisabled" | "switchesFilters"> | undefined,
): readonly HttpFilterConfig[] {
	if (!route?.switchesFilters && !filters.some(isDisabled)) return filters;
	return filters.filter((filter) => !(route?.filterDisabled(filter.name) ?? isDisabled(filter)));
}

function isDisabled(filter: HttpFilterConfig): boolean {
	return filter.disabled === true;
}

/** Reads `typed_per_filter_config` entries; what `RouteCompileDeps.parseFilterConfig` wants. Throws ProblemError. */
export function perRouteParser(
	factories: readonly HttpFilterFactory[],
): (filterName: string, config: Any, path: string) => unknown {
	return (_filterName, any, path) => {
		const wrapper = unpackAs(any, FilterConfigSchema);
		return wrapper ? parseSwitch(wrapper, factories, fieldPath(path)) : parseRouteConfig(any, factories, path);
	};
}

function parseSwitch(wrapper: FilterConfig, factories: readonly HttpFilterFactory[], at: FieldPath): FilterSwitch {
	if (wrapper.disabled) return new FilterSwitch(true, undefined);
	const configAt = at.field("config");
	if (!wrapper.config) {
		const problems = new ProblemList();
		problems.add("missing", configAt, "the filter is neither disabled nor configured", "set disabled or config");
		throw new ProblemError(problems.problems);
	}
	// An empty Any turns the filter on with the listener's settings.
	if (wrapper.config.typeUrl === "") return new FilterSwitch(false, undefined);
	try {
		return new FilterSwitch(false, parseRouteConfig(wrapper.config, factories, configAt.toString()));
	} catch (error) {
		if (wrapper.isOptional && error instanceof ProblemError && error.problems.every((p) => p.code === "LTN3401"))
			return new FilterSwitch(false, undefined);
		throw error;
	}
}

function parseRouteConfig(any: Any, factories: readonly HttpFilterFactory[], path: string): unknown {
	const { typeUrl, config } = unpackConfig(any, path);
	const factory = factories.find(
		(f) => f.parseRoute && typeNameOf(f.routeTypeUrl ?? f.typeUrl) === typeNameOf(typeUrl),
	);
	if (!factory?.parseRoute) throw unknownFilter(path, typeUrl);
	return factory.parseRoute(config, path);
}

/** The message in an Any or TypedStruct, or the plain object in one around a message of Istio's, with the type that decides who reads it. */
function unpackConfig(any: Any, path: string): { typeUrl: string; config: unknown } {
	try {
		const struct = readTypedStruct(any);
		if (struct && !xdsRegistry().getMessage(typeNameOf(struct.typeUrl)))
			return { typeUrl: struct.typeUrl, config: struct.value ?? {} };
		return { typeUrl: extensionTypeUrl(any) || typeUrlOf(""), config: unpackAny(any) };
	} catch (cause) {
		if (cause instanceof ProblemError)
			throw new ProblemError(
				cause.problems.map((one) => ({ ...one, path })),
				{ cause },
			);
		const reason = cause instanceof Error ? cause.message : String(cause);
		throw new ProblemError(
			[problem("LTN3402", fieldPath(path).toString(), `the filter config does not decode: ${reason}`)],
			{ cause },
		);
	}
}
