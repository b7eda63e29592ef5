import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { unpackAs } from "../../../xds/any.ts";
import type { Route } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import { CorsPolicySchema } from "../../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.ts";
import { HTTPFaultSchema } from "../../../xds/generated/envoy/extensions/filters/http/fault/v3/fault_pb.ts";
import type { MeshConfig } from "../../model/mesh-config.ts";
import { bookinfo, rule } from "../testing/bookinfo.ts";
import { hostFor, routeLines } from "../testing/explain-routes.ts";
import { testProxy } from "../testing/test-proxy.ts";

const REVIEWS = "reviews.default.svc.cluster.local:9080";

/** The routes of reviews:9080 as productpage's sidecar has them, when `http` is the rule for reviews. */
function routesOf(http: string, mesh: Partial<MeshConfig> = {}): Route[] {
	const fixture = bookinfo(mesh).apply(rule("VirtualService", "reviews", `{ hosts: [reviews], http: [${http}] }`));
	assert.deepEqual(fixture.snapshot().problems, []);
	return hostFor(testProxy(fixture, { deployment: "productpage-v1" }).routes(), REVIEWS)!.routes;
}

const lines = (http: string) => routeLines({ routes: routesOf(http) } as never);
const to = (subset: string) => `route: [{ destination: { host: reviews, subset: ${subset} } }]`;

function action(http: string) {
	const [route] = routesOf(http);
	assert.equal(route?.action.case, "route");
	return route.action.value;
}

describe("match", () => {
	const cases: [name: string, match: string, expected: string][] = [
		["uri exact", "{ uri: { exact: /v1 } }", "path /v1"],
		["uri prefix is not segment-aware", "{ uri: { prefix: /api/v1 } }", "prefix /api/v1"],
		["uri regex", '{ uri: { regex: "/a.*" } }', "regex /a.*"],
		["no uri", "{ headers: { a: { exact: b } } }", "prefix / a exact b"],
		[
			"method and authority",
			"{ method: { exact: GET }, authority: { prefix: re } }",
			"prefix / :method exact GET :authority prefix re",
		],
		["scheme", "{ scheme: { exact: http } }", "prefix / :scheme exact http"],
		["header names in lower case", "{ headers: { X-Group: { exact: B } } }", "prefix / x-group exact B"],
		[
			"cookie",
			'{ headers: { cookie: { regex: "^(.*?;)?(group=b)(;.*)?$" } } }',
			"prefix / cookie safeRegex ^(.*?;)?(group=b)(;.*)?$",
		],
		["presence", '{ headers: { a: {}, b: { regex: "*" } } }', "prefix / a present b present"],
		["absence", "{ withoutHeaders: { a: {} } }", "prefix / not a present"],
		["not this value", "{ withoutHeaders: { a: { exact: x } } }", "prefix / not a exact x"],
		["query", "{ queryParams: { q: { exact: x } } }", "prefix / ?q"],
	];
	for (const [name, match, expected] of cases)
		test(name, () => {
			assert.deepEqual(lines(`{ match: [${match}], ${to("v1")} }`), [`${expected} -> reviews.default/v1:9080`]);
		});

	test("blocks are alternatives: each its own route, in order", () => {
		assert.deepEqual(
			lines(`{ match: [{ uri: { exact: /a } }, { uri: { exact: /b } }], ${to("v1")} }, { ${to("v2")} }`),
			[
				"path /a -> reviews.default/v1:9080",
				"path /b -> reviews.default/v1:9080",
				"prefix / -> reviews.default/v2:9080",
			],
		);
	});

	test("nothing follows a route that takes everything", () => {
		const after = `{ match: [{ uri: { exact: /never } }], ${to("v2")} }`;
		for (const all of ["", "match: [{ uri: { prefix: / } }],", 'match: [{ uri: { regex: ".*" } }],'])
			assert.equal(lines(`{ ${all} ${to("v1")} }, ${after}`).length, 1, all);
	});

	test("a value test on an absent header counts as empty, a presence test does not", () => {
		const [route] = routesOf(`{ match: [{ withoutHeaders: { a: { exact: x }, b: {} } }], ${to("v1")} }`);
		assert.deepEqual(
			route?.match?.headers.map((h) => h.treatMissingHeaderAsEmpty),
			[true, false],
		);
	});

	test("ignoreUriCase is for exact and prefix only", () => {
		const sensitive = (uri: string) =>
			routesOf(`{ match: [{ ignoreUriCase: true, uri: ${uri} }], ${to("v1")} }`)[0]?.match?.caseSensitive;
		assert.equal(sensitive("{ prefix: /a }"), false);
		assert.equal(sensitive('{ regex: "/a" }'), undefined);
	});

	test("static conditions drop blocks: port, namespace, labels, gateways", () => {
		const only = (match: string) => lines(`{ match: [${match}], ${to("v1")} }, { ${to("v2")} }`)[0]?.includes("v1");
		assert.equal(only("{ port: 9080, uri: { exact: /a } }"), true);
		assert.equal(only("{ port: 80, uri: { exact: /a } }"), false);
		assert.equal(only("{ sourceNamespace: default, uri: { exact: /a } }"), true);
		assert.equal(only("{ sourceNamespace: other, uri: { exact: /a } }"), false);
		assert.equal(only("{ sourceLabels: { app: productpage }, uri: { exact: /a } }"), true);
		assert.equal(only("{ sourceLabels: { app: details }, uri: { exact: /a } }"), false);
		assert.equal(only("{ gateways: [mesh], sourceLabels: { app: details }, uri: { exact: /a } }"), true);
		assert.equal(only("{ gateways: [g], uri: { exact: /a } }"), false);
	});

	test("a rule none of whose routes applies does not count: the service keeps its own route", () => {
		assert.deepEqual(lines(`{ match: [{ port: 80 }], ${to("v1")} }`), ["prefix / -> reviews.default:9080"]);
	});
});

describe("destinations", () => {
	const split = (a: string, b: string) =>
		`{ route: [{ destination: { host: reviews, subset: v1 }${a} }, { destination: { host: reviews, subset: v2 }${b} }] }`;

	test("weights need no sum of 100, and 0 gets nothing", () => {
		assert.deepEqual(lines(split(", weight: 3", ", weight: 1")), [
			"prefix / -> 3 reviews.default/v1:9080 + 1 reviews.default/v2:9080",
		]);
		assert.deepEqual(lines(split(", weight: 0", ", weight: 100")), ["prefix / -> reviews.default/v2:9080"]);
	});

	test("several destinations without weights share evenly", () => {
		assert.deepEqual(lines(split("", "")), ["prefix / -> 1 reviews.default/v1:9080 + 1 reviews.default/v2:9080"]);
	});

	test("a single destination gets everything whatever its weight", () => {
		assert.deepEqual(lines("{ route: [{ destination: { host: reviews }, weight: 0 }] }"), [
			"prefix / -> reviews.default:9080",
		]);
	});

	test("the port is the one named, else the only one, else the listener's", () => {
		const target = (destination: string) => lines(`{ route: [{ destination: ${destination} }] }`)[0];
		assert.equal(target("{ host: reviews, port: { number: 1 } }"), "prefix / -> reviews.default:1");
		assert.equal(target("{ host: details }"), "prefix / -> details.default:9080");
		assert.equal(target("{ host: nowhere }"), "prefix / -> nowhere.default:9080");
		assert.equal(
			target("{ host: istio-ingressgateway.istio-system.svc.cluster.local }"),
			"prefix / -> istio-ingressgateway.istio-system:9080",
		);
	});

	test("weighted routes may fail over, unless the mesh says no", () => {
		const metadata = (mesh: Partial<MeshConfig>) =>
			routesOf(split(", weight: 1", ", weight: 1"), mesh)[0]?.metadata?.filterMetadata;
		assert.deepEqual(metadata({})?.lateen, { weighted_failover: true });
		assert.equal(metadata({ weightedFailover: false })?.lateen, undefined);
		assert.deepEqual(metadata({})?.istio, {
			config: "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews",
		});
		assert.equal(routesOf(`{ ${to("v1")} }`)[0]?.metadata?.filterMetadata.lateen, undefined);
	});
});

describe("headers", () => {
	test("set before add, sorted, remove apart; Host becomes a rewrite", () => {
		const [route] = routesOf(
			`{ headers: { request: { set: { z: "1", a: "2", Host: h.example }, add: { b: "3" }, remove: [c, host] }, response: { set: { r: "4" }, remove: [d] } }, ${to("v1")} }`,
		);
		assert.deepEqual(
			route?.requestHeadersToAdd.map((h) => [h.header?.key, h.header?.value, h.appendAction]),
			[
				["a", "2", 2],
				["z", "1", 2],
				["b", "3", 0],
			],
		);
		assert.deepEqual(route?.requestHeadersToRemove, ["c"]);
		assert.deepEqual(route?.responseHeadersToRemove, ["d"]);
		assert.deepEqual(route?.action.case === "route" && route.action.value.hostRewriteSpecifier, {
			case: "hostRewriteLiteral",
			value: "h.example",
		});
	});

	test("a single destination's operations follow the route's, a weighted one's stay with it", () => {
		const destination = (subset: string, weight: string) =>
			`{ destination: { host: reviews, subset: ${subset} }, ${weight} headers: { request: { set: { s: ${subset} } } } }`;
		const rule1 = `{ headers: { request: { set: { r: x } } }, route: [${destination("v1", "")}] }`;
		assert.deepEqual(
			routesOf(rule1)[0]?.requestHeadersToAdd.map((h) => h.header?.key),
			["r", "s"],
		);
		const weighted = action(`{ route: [${destination("v1", "weight: 1,")}, ${destination("v2", "weight: 1,")}] }`);
		assert.equal(weighted.clusterSpecifier.case, "weightedClusters");
		assert.deepEqual(
			weighted.clusterSpecifier.value.clusters.map((c) => c.requestHeadersToAdd[0]?.header?.value),
			["v1", "v2"],
		);
	});

	test("rewrite.authority beats header operations", () => {
		const { hostRewriteSpecifier } = action(
			`{ rewrite: { authority: a.example }, headers: { request: { set: { ":authority": b.example } } }, ${to("v1")} }`,
		);
		assert.equal(hostRewriteSpecifier.value, "a.example");
	});
});

describe("timeout and retries", () => {
	test("no timeout unless asked for", () => {
		assert.deepEqual(
			[action(`{ ${to("v1")} }`).timeout?.seconds, action(`{ timeout: 1.5s, ${to("v1")} }`).timeout?.nanos],
			[0n, 500_000_000],
		);
	});

	test("the built-in policy: two tries elsewhere, not for answers of 503", () => {
		const policy = action(`{ ${to("v1")} }`).retryPolicy;
		assert.equal(policy?.numRetries, 2);
		assert.equal(policy?.retryOn, "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes");
		assert.deepEqual(policy?.retriableStatusCodes, []);
		assert.equal(policy?.hostSelectionRetryMaxAttempts, 5n);
		assert.equal(policy?.retryHostPredicate[0]?.name, "envoy.retry_host_predicates.previous_hosts");
	});

	test("a rule's own policy replaces it whole", () => {
		const policy = action(
			`{ retries: { attempts: 3, perTryTimeout: 2s, retryOn: "5xx, 409,connect-failure", backoff: 10ms, retryIgnorePreviousHosts: false }, ${to("v1")} }`,
		).retryPolicy;
		assert.equal(policy?.numRetries, 3);
		assert.equal(policy?.retryOn, "5xx,connect-failure,retriable-status-codes");
		assert.deepEqual(policy?.retriableStatusCodes, [409]);
		assert.equal(policy?.perTryTimeout?.seconds, 2n);
		assert.equal(policy?.retryBackOff?.baseInterval?.nanos, 10_000_000);
		assert.deepEqual(policy?.retryHostPredicate, []);
	});

	test("attempts 0 turns retries off; the mesh's policy stands in for the built-in one", () => {
		assert.equal(action(`{ retries: { attempts: 0 }, ${to("v1")} }`).retryPolicy, undefined);
		const mesh = {
			attempts: 7,
			perTryTimeoutMs: undefined,
			retryOn: [],
			retryRemoteLocalities: false,
			retryIgnorePreviousHosts: undefined,
			backoffMs: undefined,
		};
		const [route] = routesOf(`{ ${to("v1")} }`, { defaultHttpRetryPolicy: mesh });
		assert.equal(route?.action.case === "route" && route.action.value.retryPolicy?.numRetries, 7);
	});
});

describe("other actions", () => {
	test("rewrite of prefix and by regular expression", () => {
		assert.equal(action(`{ match: [{ uri: { prefix: /a } }], rewrite: { uri: / }, ${to("v1")} }`).prefixRewrite, "/");
		const regex = action(
			`{ rewrite: { uriRegexRewrite: { match: "/a/(.*)", rewrite: '/\\1' } }, ${to("v1")} }`,
		).regexRewrite;
		assert.equal(regex?.pattern?.regex, "/a/(.*)");
		assert.equal(regex?.substitution, "/\\1");
	});

	test("redirects: code, path, host, and the scheme's own port left out", () => {
		assert.deepEqual(lines("{ redirect: { uri: /new, authority: x.example } }"), [
			"prefix / -> redirect 0 x.example/new",
		]);
		const port = (spec: string) => {
			const [route] = routesOf(`{ redirect: ${spec} }`);
			assert.equal(route?.action.case, "redirect");
			return [route.action.value.portRedirect, route.action.value.responseCode];
		};
		assert.deepEqual(port("{ scheme: https, port: 443, redirectCode: 308 }"), [0, 4]);
		assert.deepEqual(port("{ scheme: https, port: 8443, redirectCode: 302 }"), [8443, 1]);
		assert.deepEqual(port("{ derivePort: FROM_REQUEST_PORT }"), [9080, 0]);
	});

	test("direct responses", () => {
		const [route] = routesOf('{ directResponse: { status: 418, body: { string: "tea" } } }');
		assert.equal(route?.action.case, "directResponse");
		assert.equal(route.action.value.status, 418);
		assert.equal(route.action.value.body?.specifier.value, "tea");
	});

	test("mirrors: 100 % unless said, 0 % is none", () => {
		const mirrors = (text: string) => action(`{ ${text}, ${to("v1")} }`).requestMirrorPolicies;
		assert.deepEqual(
			mirrors("mirror: { host: reviews, subset: v2 }").map((m) => [
				m.cluster,
				m.runtimeFraction?.defaultValue?.numerator,
			]),
			[["outbound|9080|v2|reviews.default.svc.cluster.local", 1_000_000]],
		);
		assert.equal(
			mirrors("mirror: { host: reviews }, mirrorPercentage: { value: 0.5 }")[0]?.runtimeFraction?.defaultValue
				?.numerator,
			5000,
		);
		assert.deepEqual(mirrors("mirrors: [{ destination: { host: reviews }, percentage: { value: 0 } }]"), []);
	});

	test("faults: without a percentage nothing happens", () => {
		const fault = (spec: string) => {
			const any = routesOf(`{ fault: ${spec}, ${to("v1")} }`)[0]?.typedPerFilterConfig["envoy.filters.http.fault"];
			return unpackAs(any, HTTPFaultSchema)!;
		};
		const delay = fault("{ delay: { fixedDelay: 7s, percentage: { value: 0.1 } } }").delay;
		assert.equal(delay?.percentage?.numerator, 1000);
		assert.equal(delay?.faultDelaySecifier.case === "fixedDelay" && delay.faultDelaySecifier.value.seconds, 7n);
		const abort = fault("{ abort: { grpcStatus: UNAVAILABLE } }").abort;
		assert.deepEqual(abort?.errorType, { case: "grpcStatus", value: 14 });
		assert.equal(abort?.percentage?.numerator, 0);
	});

	test("CORS", () => {
		const any = routesOf(
			`{ corsPolicy: { allowOrigins: [{ exact: "*" }], allowMethods: [GET, POST], maxAge: 24h, allowCredentials: false }, ${to("v1")} }`,
		)[0]?.typedPerFilterConfig["envoy.filters.http.cors"];
		const cors = unpackAs(any, CorsPolicySchema)!;
		assert.deepEqual([cors.allowMethods, cors.maxAge, cors.allowCredentials], ["GET,POST", "86400", false]);
		assert.equal(cors.forwardNotMatchingPreflights, true);
	});

	test("a rule whose filter the proxy lacks is routed without it and reported", () => {
		const fixture = bookinfo().apply(
			rule(
				"VirtualService",
				"reviews",
				`{ hosts: [reviews], http: [{ fault: { abort: { httpStatus: 500 } }, ${to("v1")} }] }`,
			),
		);
		const proxy = testProxy(fixture, { deployment: "productpage-v1", extensions: [] });
		assert.deepEqual(hostFor(proxy.routes(), REVIEWS)?.routes[0]?.typedPerFilterConfig, {});
		assert.ok(proxy.translator.problems().some((p) => p.path.endsWith("reviews spec.http[0]")));
	});
});
