import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { fieldPath } from "../../lib/field-path.ts";
import { ProblemError, problem } from "../../lib/problem.ts";
import { RouteConfigurationSchema } from "../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { findUnsupported } from "../../xds/supported.ts";
import { compileRouteConfiguration } from "./route-configuration.ts";
import { matchOf, tableOf, tableOfRoutes, testEnv, testRequest } from "./route-fixture.ts";
import { ROUTER_SUPPORTED } from "./supported.ts";
import { parseGrpcTimeoutMs, requestTimeouts } from "./timeout.ts";

const route = (name: string, match: JsonObject = { prefix: "/" }): JsonObject => ({
	name,
	match,
	route: { cluster: "c" },
});
const host = (name: string, domains: string[], ...routes: JsonObject[]): JsonObject => ({ name, domains, routes });

function problemsOf(json: JsonValue, deps = {}): string[] {
	try {
		tableOf(json, deps);
	} catch (error) {
		assert.ok(error instanceof ProblemError);
		return error.problems.map((p) => `${p.code} ${p.path}`);
	}
	return [];
}

test("the virtual host is found by the host, without case, and its first matching route is taken", () => {
	const table = tableOf({
		name: "9080",
		virtual_hosts: [
			host("all", ["*"], route("fallback")),
			host(
				"reviews",
				["reviews", "reviews.default.svc.cluster.local"],
				route("api", { prefix: "/api" }),
				route("rest"),
			),
			host("wild", ["*.example.com"], route("wild")),
		],
	});
	const named = (authority: string, path = "/") => {
		const found = matchOf(table, testRequest(path, {}, { authority }))!;
		return `${found.virtualHostName}/${found.routeName}`;
	};
	assert.equal(table.name, "9080");
	assert.equal(named("Reviews", "/api/1"), "reviews/api");
	assert.equal(named("reviews"), "reviews/rest");
	assert.equal(named("reviews"), "reviews/rest");
	assert.equal(named("a.example.com"), "wild/wild");
	assert.equal(named("reviews:9080"), "all/fallback");
});

test("ports can be ignored; without a host that fits there is no route", () => {
	const json = { virtual_hosts: [host("a", ["a"], route("r"))] };
	const at = (config: JsonObject, authority: string) =>
		matchOf(tableOf(config), testRequest("/", {}, { authority }))?.routeName;
	assert.equal(at(json, "a:80"), undefined);
	assert.equal(at({ ...json, ignore_port_in_host_matching: true }, "a:80"), "r");
	assert.equal(at(json, "b"), undefined);
	assert.equal(at(json, ""), undefined);
});

test("ever new hosts leave the table right and bounded", () => {
	const table = tableOf({ virtual_hosts: [host("w", ["*.x"], route("w")), host("a", ["a"], route("a"))] });
	for (let i = 0; i < 5000; i++) {
		assert.equal(matchOf(table, testRequest("/", {}, { authority: `h${i}.x` }))?.routeName, "w");
		assert.equal(matchOf(table, testRequest("/", {}, { authority: `h${i}.y` })), undefined);
	}
	assert.equal(matchOf(table, testRequest("/", {}, { authority: "a" }))?.routeName, "a");
});

test("per-filter configs: the most specific level has its say", () => {
	const config = (value: string) => ({ "@type": "type.googleapis.com/google.protobuf.StringValue", value });
	const table = tableOf(
		{
			typed_per_filter_config: { a: config("configuration"), b: config("configuration"), c: config("configuration") },
			virtual_hosts: [
				{
					name: "v",
					domains: ["*"],
					typed_per_filter_config: { a: config("host"), b: config("host") },
					routes: [{ ...route("r"), typed_per_filter_config: { a: config("route") } }],
				},
			],
		},
		{ parseFilterConfig: (name, any, path) => `${name} ${path} ${any.value.length}` },
	);
	const found = matchOf(table, testRequest("/"))!;
	assert.equal(found.perFilterConfig("a"), "a virtual_hosts[0].routes[0].typed_per_filter_config[a] 7");
	assert.equal(found.perFilterConfig("b"), "b virtual_hosts[0].typed_per_filter_config[b] 6");
	assert.equal(found.perFilterConfig("c"), "c typed_per_filter_config[c] 15");
	assert.equal(found.perFilterConfig("d"), undefined);
});

test("a forwarding route's settings", () => {
	const table = tableOf({
		virtual_hosts: [
			{
				...host("v", ["*"]),
				include_request_attempt_count: true,
				request_mirror_policies: [{ cluster: "shadow" }],
				routes: [
					{
						name: "full",
						match: { path: "/full" },
						metadata: { filter_metadata: { istio: { config: "/apis/x" } } },
						decorator: { operation: "op" },
						stat_prefix: "sp",
						route: {
							cluster: "c",
							timeout: "0s",
							idle_timeout: "1.5s",
							max_grpc_timeout: "0s",
							cluster_not_found_response_code: "INTERNAL_SERVER_ERROR",
							upgrade_configs: [{ upgrade_type: "WebSocket" }, { upgrade_type: "connect", enabled: false }],
						},
					},
					route("plain"),
				],
			},
		],
	});
	const full = matchOf(table, testRequest("/full"))!;
	assert.deepEqual(
		[full.decoratorOperation, full.statPrefix, full.metadata],
		["op", "sp", { istio: { config: "/apis/x" } }],
	);
	assert.ok(full.action.kind === "forward");
	const { forward } = full.action;
	assert.deepEqual(
		[forward.timeoutMs, forward.idleTimeoutMs, forward.maxGrpcTimeoutMs, forward.clusterNotFoundStatus],
		[0, 1500, 0, 500],
	);
	assert.deepEqual([[...forward.upgrades], [...forward.forbiddenUpgrades]], [["websocket"], ["connect"]]);
	assert.deepEqual([forward.includeAttemptCount, forward.mirrors.length], [true, 1]);
	const plain = matchOf(table, testRequest("/"))!;
	assert.ok(plain.action.kind === "forward");
	assert.deepEqual(
		[
			plain.action.forward.timeoutMs,
			plain.action.forward.idleTimeoutMs,
			plain.action.forward.maxGrpcTimeoutMs,
			plain.action.forward.clusterNotFoundStatus,
		],
		[15_000, undefined, undefined, 503],
	);
});

describe("time limits of one request", () => {
	const limits = (settings: JsonObject, headers: Record<string, string>) => {
		const found = matchOf(
			tableOfRoutes({ match: { prefix: "/" }, route: { cluster: "c", ...settings } }),
			testRequest("/"),
		)!;
		const request = testRequest("/", headers);
		assert.ok(found.action.kind === "forward");
		const { timeoutMs, perTryTimeoutMs } = requestTimeouts(request, found.action.forward);
		assert.equal(request.headers.has("x-envoy-upstream-rq-timeout-ms"), false);
		return [timeoutMs, perTryTimeoutMs];
	};
	const retry = { retry_on: "5xx", per_try_timeout: "2s" };
	const grpc = { "content-type": "application/grpc" };
	const cases: readonly (readonly [string, JsonObject, Record<string, string>, number[]])[] = [
		["the route's", { timeout: "10s", retry_policy: retry }, {}, [10_000, 2000]],
		["a try longer than the whole has no limit of its own", { timeout: "1s", retry_policy: retry }, {}, [1000, 0]],
		["none for the whole leaves the try's", { timeout: "0s", retry_policy: retry }, {}, [0, 2000]],
		["the client's header", { timeout: "10s" }, { "x-envoy-upstream-rq-timeout-ms": "70" }, [70, 0]],
		["a malformed header is dropped", { timeout: "10s" }, { "x-envoy-upstream-rq-timeout-ms": "-1" }, [10_000, 0]],
		[
			"grpc-timeout is not looked at unless asked for",
			{ timeout: "10s" },
			{ ...grpc, "grpc-timeout": "1S" },
			[10_000, 0],
		],
		[
			"grpc-timeout, unbounded",
			{ timeout: "10s", max_grpc_timeout: "0s" },
			{ ...grpc, "grpc-timeout": "60S" },
			[60_000, 0],
		],
		[
			"grpc-timeout, bounded",
			{ timeout: "10s", max_grpc_timeout: "5s" },
			{ ...grpc, "grpc-timeout": "60S" },
			[5000, 0],
		],
		["gRPC without a deadline", { timeout: "10s", max_grpc_timeout: "5s" }, grpc, [5000, 0]],
		[
			"grpc-timeout less the offset",
			{ max_grpc_timeout: "0s", grpc_timeout_offset: "0.1s" },
			{ ...grpc, "grpc-timeout": "1S" },
			[900, 0],
		],
		["plain HTTP takes the route's", { timeout: "10s", max_grpc_timeout: "0s" }, { "grpc-timeout": "1S" }, [10_000, 0]],
	];
	for (const [name, settings, headers, expected] of cases)
		test(name, () => assert.deepEqual(limits(settings, headers), expected));

	test("units of grpc-timeout", () => {
		assert.deepEqual(["2H", "2M", "2S", "2m", "1500u", "1n", "", "5", "123456789S", "x"].map(parseGrpcTimeoutMs), [
			7_200_000,
			120_000,
			2000,
			2,
			2,
			1,
			undefined,
			undefined,
			undefined,
			undefined,
		]);
	});
});

test("everything that is wrong is told at once, with its path", () => {
	const problems = problemsOf({
		virtual_hosts: [
			{
				name: "v",
				domains: ["a", "A", ""],
				routes: [{ match: { prefix: "/" } }, { route: { cluster: "" } }, { match: {}, route: {} }],
			},
			{ name: "v", domains: [] },
			{
				name: "w",
				domains: ["w"],
				retry_policy: { retry_on: "5xx,nonsense, constructor" },
				routes: [
					{
						match: { safe_regex: { regex: "a(?=b)" } },
						route: { cluster: "c", regex_rewrite: { pattern: { regex: "(" } } },
					},
					{
						match: { prefix: "/", headers: [{ string_match: {} }] },
						route: { weighted_clusters: { clusters: [{ name: "a" }] } },
					},
					{
						match: { path_separated_prefix: "/a/" },
						direct_response: { status: 99, body: { inline_string: "x".repeat(5000) } },
					},
					{
						match: { prefix: "/" },
						route: { cluster: "c", hash_policy: [{}, { cookie: {} }], auto_host_rewrite: true, priority: "HIGH" },
					},
					{ match: { prefix: "/" }, route: { weighted_clusters: { clusters: [{ weight: 1 }], total_weight: 100 } } },
				],
			},
		],
	});
	const w = "virtual_hosts[2].routes";
	assert.deepEqual(
		problems.sort(),
		[
			"LTN3302 virtual_hosts[0].domains[2]",
			"LTN3302 virtual_hosts[2].retry_policy.retry_on",
			"LTN3302 virtual_hosts[2].retry_policy.retry_on",
			`LTN3302 ${w}[1].route.weighted_clusters`,
			`LTN3302 ${w}[2].direct_response.body`,
			`LTN3302 ${w}[2].direct_response.status`,
			`LTN3302 ${w}[2].match.path_separated_prefix`,
			`LTN3302 ${w}[4].route.weighted_clusters.clusters[0]`,
			`LTN3302 ${w}[4].route.weighted_clusters.total_weight`,
			"LTN3303 virtual_hosts[0].routes[0]",
			"LTN3303 virtual_hosts[0].routes[1].match",
			"LTN3303 virtual_hosts[0].routes[2].match",
			"LTN3303 virtual_hosts[0].routes[2].route",
			"LTN3303 virtual_hosts[1].domains",
			`LTN3303 ${w}[1].match.headers[0].name`,
			`LTN3303 ${w}[1].match.headers[0].string_match`,
			`LTN3303 ${w}[3].route.hash_policy[0]`,
			`LTN3303 ${w}[3].route.hash_policy[1].cookie.name`,
			"LTN3304 virtual_hosts[0].domains[1]",
			"LTN3304 virtual_hosts[1].name",
			`LTN3305 ${w}[0].match.safe_regex.regex`,
			`LTN3305 ${w}[0].route.regex_rewrite`,
		].sort(),
	);
});

test("paths begin where the configuration lies in a bigger message; a filter's problems come along", () => {
	const json = {
		virtual_hosts: [
			{
				name: "v",
				domains: ["*"],
				typed_per_filter_config: { f: { "@type": "type.googleapis.com/google.protobuf.StringValue", value: "" } },
				routes: [{ match: { prefix: "/" } }],
			},
		],
	};
	const config = fromJson(RouteConfigurationSchema, json, { registry: xdsRegistry() });
	const deps = {
		env: testEnv,
		parseFilterConfig(_: string, __: unknown, path: string): unknown {
			throw new ProblemError([problem("LTN3400", path, "no")]);
		},
	};
	assert.throws(
		() => compileRouteConfiguration(config, deps, fieldPath("listener.route_config")),
		(error: unknown) => {
			assert.deepEqual(
				(error as ProblemError).problems.map((p) => p.path),
				[
					"listener.route_config.virtual_hosts[0].typed_per_filter_config[f]",
					"listener.route_config.virtual_hosts[0].routes[0]",
				],
			);
			return true;
		},
	);
});

test("clusters must exist only when the configuration says so", () => {
	const json = {
		virtual_hosts: [{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "nope" } }] }],
	};
	const hasCluster = () => false;
	assert.deepEqual(problemsOf(json, { hasCluster }), []);
	assert.deepEqual(problemsOf({ ...json, validate_clusters: true }, { hasCluster }), [
		"LTN3307 virtual_hosts[0].routes[0].route.cluster",
	]);
	assert.deepEqual(problemsOf({ ...json, validate_clusters: true }, { hasCluster: () => true }), []);
});

test("fields that nobody obeys are found", () => {
	const config = fromJson(
		RouteConfigurationSchema,
		{
			vhds: {},
			virtual_hosts: [
				{
					name: "v",
					domains: ["*"],
					routes: [
						{
							match: { prefix: "/" },
							route: { cluster: "c", retry_policy_typed_config: {}, hash_policy: [{ filter_state: { key: "k" } }] },
						},
					],
				},
			],
		},
		{ registry: xdsRegistry() },
	);
	assert.deepEqual(
		findUnsupported(RouteConfigurationSchema, config, ROUTER_SUPPORTED).map((p) => p.path),
		["virtual_hosts[0].routes[0].route.retry_policy_typed_config"],
	);
});

test("each supported field exists in its message", () => {
	for (const [type, fields] of Object.entries(ROUTER_SUPPORTED)) {
		const message = xdsRegistry().getMessage(type);
		assert.ok(message, type);
		const names = new Set(message.fields.map((field) => field.name));
		for (const field of fields === "*" ? [] : fields) assert.ok(names.has(field), `${type}.${field}`);
	}
});
