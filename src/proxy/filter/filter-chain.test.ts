import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import { fieldPath } from "../../lib/field-path.ts";
import { ProblemError } from "../../lib/problem.ts";
import { packAny } from "../../xds/any.ts";
import { CorsSchema } from "../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import { HTTPFaultSchema } from "../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.ts";
import { RouterSchema } from "../../xds/generated/envoy/extensions/filters/http/router/v3/router_pb.ts";
import { HttpFilterSchema } from "../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { findUnsupported } from "../../xds/supported.ts";
import type { RouteMatch } from "../router/route-match.ts";
import { filtersFor, parseHttpFilters, perRouteParser } from "./filter-chain.ts";
import { routeWith, testDeps, typedStruct } from "./filter-fixture.ts";
import { httpFilterFactories } from "./http-filters.ts";
import { FILTER_SUPPORTED } from "./supported.ts";

const factories = httpFilterFactories(testDeps());
const at = fieldPath("http_filters");
const filter = (name: string, value: Any, isOptional = false) =>
	create(HttpFilterSchema, { name, isOptional, configType: { case: "typedConfig", value } });
const router = filter("envoy.filters.http.router", packAny(RouterSchema, { suppressEnvoyHeaders: true }));
const stats = filter("istio.stats", typedStruct("type.googleapis.com/stats.PluginConfig", {}));

test("filters keep their order and names; the router ends the list", () => {
	const fault = filter("my-fault", packAny(HTTPFaultSchema, {}));
	const chain = parseHttpFilters([stats, fault, router], factories, at);
	assert.deepEqual(
		chain.filters.map((f) => f.name),
		["istio.stats", "my-fault"],
	);
	assert.equal(chain.router.suppressEnvoyHeaders, true);
});

test("all that is wrong is told", () => {
	const unknown = filter("what", create(AnySchema, { typeUrl: "type.googleapis.com/no.Such" }));
	const optional = filter("may-miss", create(AnySchema, { typeUrl: "type.googleapis.com/no.Such" }), true);
	const broken = filter(
		"broken",
		create(AnySchema, {
			typeUrl: "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
			value: new Uint8Array([255]),
		}),
	);
	const bad = filter("bad", typedStruct("type.googleapis.com/stats.PluginConfig", { nope: 1 }));
	const bare = create(HttpFilterSchema, { name: "bare" });
	assert.throws(
		() => parseHttpFilters([unknown, optional, broken, bad, bare], factories, at),
		(error: unknown) => {
			assert.deepEqual(
				(error as ProblemError).problems.map((p) => `${p.code} ${p.path}`),
				[
					"LTN3303 http_filters",
					"LTN3401 http_filters[0].typed_config",
					"LTN3402 http_filters[2].typed_config",
					"LTN3004 http_filters[3].typed_config",
					"LTN3401 http_filters[4]",
				],
			);
			return true;
		},
	);
	assert.deepEqual(parseHttpFilters([optional, router], factories, at).filters, []);
});

test("per-route configs find their filter by type", () => {
	const parse = perRouteParser(factories);
	assert.ok(parse("any name", packAny(HTTPFaultSchema, {}), "p"));
	assert.throws(
		() => parse("istio.stats", typedStruct("type.googleapis.com/stats.PluginConfig", {}), "p"),
		ProblemError,
	);
	assert.throws(() => parse("x", create(AnySchema, { typeUrl: "type.googleapis.com/no.Such" }), "p"), ProblemError);
});

test("each supported field exists in its message", () => {
	for (const [type, fields] of Object.entries(FILTER_SUPPORTED)) {
		const names = new Set(
			xdsRegistry()
				.getMessage(type)
				?.fields.map((field) => field.name),
		);
		for (const field of fields === "*" ? [] : fields) assert.ok(names.has(field), `${type}.${field}`);
	}
});

test("a route turns filters off and on again", () => {
	const fault = filter("my-fault", packAny(HTTPFaultSchema, {}));
	const cors = create(HttpFilterSchema, {
		name: "my-cors",
		disabled: true,
		configType: { case: "typedConfig", value: packAny(CorsSchema, {}) },
	});
	const { filters } = parseHttpFilters([fault, cors, router], factories, at);
	const named = (route: RouteMatch | undefined) => filtersFor(filters, route).map(({ name }) => name);
	const wrapped = (name: string, config: JsonObject) =>
		routeWith(name, { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", ...config }, factories);
	assert.deepEqual(named(undefined), ["my-fault"]);
	assert.deepEqual(named(routeWith("my-fault", undefined, factories)), ["my-fault"]);
	assert.deepEqual(named(wrapped("my-fault", { disabled: true })), []);
	assert.deepEqual(named(wrapped("my-cors", { config: {} })), ["my-fault", "my-cors"]);
	const policy = { "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy", max_age: "1" };
	assert.deepEqual(named(routeWith("my-cors", policy, factories)), ["my-fault", "my-cors"]);
	assert.deepEqual(named(wrapped("my-cors", { config: policy })), ["my-fault", "my-cors"]);
	assert.throws(() => wrapped("my-cors", {}), /neither disabled nor configured/);
	const foreign = { "@type": "type.googleapis.com/envoy.config.route.v3.Route" };
	assert.throws(() => wrapped("my-cors", { config: foreign }), ProblemError);
	assert.deepEqual(named(wrapped("my-fault", { is_optional: true, config: foreign })), ["my-fault"]);
});

test("an unknown filter is a problem unless the configuration can do without", () => {
	const supported = {
		...FILTER_SUPPORTED,
		[HttpFilterSchema.typeName]: ["name", "typed_config", "is_optional", "disabled"],
	};
	const foreign = create(AnySchema, { typeUrl: "type.googleapis.com/no.Such" });
	assert.deepEqual(findUnsupported(HttpFilterSchema, filter("f", foreign, true), supported), []);
	assert.equal(findUnsupported(HttpFilterSchema, filter("f", foreign), supported).length, 1);
});
