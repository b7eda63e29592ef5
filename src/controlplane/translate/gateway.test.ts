import assert from "node:assert/strict";
import { test } from "node:test";
import { bookinfo, rule } from "./testing/bookinfo.ts";
import { hostFor, routeLines } from "./testing/explain-routes.ts";
import { testProxy } from "./testing/test-proxy.ts";

const INGRESS = { deployment: "istio-ingressgateway", namespace: "istio-system", role: "router" } as const;
const gateway = (name: string, port: number, hosts: string, more = "") =>
	rule(
		"Gateway",
		name,
		`{ selector: { istio: ingressgateway }, servers: [{ port: { number: ${port}, name: http, protocol: HTTP }, hosts: ${hosts}${more} }] }`,
	);
const bound = (name: string, gateways: string, hosts: string, http: string) =>
	rule("VirtualService", name, `{ hosts: ${hosts}, gateways: ${gateways}, http: [${http}] }`);
const at = (path: string, host: string) =>
	`{ match: [{ uri: { prefix: ${path} } }], route: [{ destination: { host: ${host} } }] }`;

test("a server's port is the Service's port: the listener binds its target port", () => {
	const fixture = bookinfo().apply(gateway("g", 80, '["*"]'));
	const [listener, ...others] = testProxy(fixture, INGRESS).listeners();
	assert.deepEqual(others, []);
	assert.match(listener!.name, /^10\.1\.0\.\d+_8080$/);
	const address = listener!.address?.address;
	assert.equal(address?.case === "socketAddress" && address.value.portSpecifier.value, 8080);
});

test("servers that end on one port share listener, routes and hosts", () => {
	const fixture = bookinfo()
		.apply(gateway("a", 80, '["*"]'))
		.apply(gateway("b", 8080, '["*"]'))
		.apply(bound("first", "[a]", '["*"]', at("/reviews", "reviews")))
		.apply(bound("second", "[b]", '["*"]', at("/ratings", "ratings")));
	const proxy = testProxy(fixture, INGRESS);
	assert.equal(proxy.listeners().length, 1);
	const config = proxy.routes("http.8080");
	assert.deepEqual(
		config.virtualHosts.map((h) => [h.name, h.domains]),
		[["*:80", ["*"]]],
	);
	assert.deepEqual(routeLines(config.virtualHosts[0]), [
		"prefix /reviews -> reviews.default:9080",
		"prefix /ratings -> ratings.default:9080",
	]);
	assert.equal(config.ignorePortInHostMatching, true);
});

test("rules of one host are merged by age, catch-alls last", () => {
	const fixture = bookinfo()
		.apply(gateway("g", 80, '["*"]'))
		.apply(
			bound(
				"old",
				"[g]",
				"[bookinfo.com]",
				`${at("/a", "details")}, { route: [{ destination: { host: productpage } }] }`,
			),
		)
		.apply(bound("new", "[g]", "[bookinfo.com]", at("/b", "ratings")));
	const host = hostFor(testProxy(fixture, INGRESS).routes("http.8080"), "bookinfo.com");
	assert.deepEqual(routeLines(host), [
		"prefix /a -> details.default:9080",
		"prefix /b -> ratings.default:9080",
		"prefix / -> productpage.default:9080",
	]);
});

test("hosts are the intersections of server and rule", () => {
	const fixture = bookinfo()
		.apply(gateway("g", 80, '["*.example.com", other.org]'))
		.apply(bound("v", "[g]", '[a.example.com, example.com, "*.org"]', at("/", "reviews")));
	const config = testProxy(fixture, INGRESS).routes("http.8080");
	assert.deepEqual(
		config.virtualHosts.map((h) => h.domains),
		[["a.example.com"], ["other.org"]],
	);
});

test("a server may say whose rules it takes", () => {
	const fixture = bookinfo()
		.apply(gateway("g", 80, '["shop/*"]'))
		.apply(bound("v", "[g]", '["*"]', at("/", "reviews")))
		.apply(bound("w", "[default/g]", '["*"]', at("/shop", "reviews.default.svc.cluster.local")), "shop");
	const config = testProxy(fixture, INGRESS).routes("http.8080");
	assert.deepEqual(routeLines(hostFor(config, "*")), ["prefix /shop -> reviews.default:9080"]);
});

test("a server without rules answers 404 by an empty host; without a Gateway there is no listener", () => {
	const fixture = bookinfo();
	assert.deepEqual(testProxy(fixture, INGRESS).listeners(), []);
	fixture.apply(gateway("g", 80, '["*"]'));
	const config = testProxy(fixture, INGRESS).routes("http.8080");
	assert.deepEqual(
		config.virtualHosts.map((h) => [h.name, h.domains, h.routes]),
		[["blackhole:8080", ["*"], []]],
	);
});

test("a Gateway is for the pods that it selects, one without selector for all", () => {
	const fixture = bookinfo().apply(
		rule(
			"Gateway",
			"other",
			'{ selector: { istio: egressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }',
		),
	);
	assert.deepEqual(testProxy(fixture, INGRESS).listeners(), []);
	fixture.apply(
		rule("Gateway", "all", '{ servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }'),
	);
	assert.equal(testProxy(fixture, INGRESS).listeners().length, 1);
});

test("httpsRedirect sends plain requests away", () => {
	const fixture = bookinfo()
		.apply(gateway("g", 80, "[a.com]", ", tls: { httpsRedirect: true }"))
		.apply(bound("v", "[g]", "[a.com]", at("/", "reviews")));
	assert.equal(hostFor(testProxy(fixture, INGRESS).routes("http.8080"), "a.com")?.requireTls, 2);
});

test("HTTPS servers are refused one by one, the others of their Gateway stay", () => {
	const fixture = bookinfo().apply(
		rule(
			"Gateway",
			"g",
			'{ selector: { istio: ingressgateway }, servers: [{ port: { number: 443, name: https, protocol: HTTPS }, tls: { mode: SIMPLE, credentialName: c }, hosts: ["*"] }, { port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }',
		),
	);
	assert.equal(testProxy(fixture, INGRESS).listeners().length, 1);
	assert.deepEqual(
		fixture.snapshot().problems.map((p) => [p.ref.name, p.dropped, p.problems[0]?.path]),
		[["g", false, "spec.servers[0].port.protocol"]],
	);
});

test("a gateway that matches by a rule's gateways list sees the blocks meant for it", () => {
	const fixture = bookinfo()
		.apply(gateway("g", 80, '["*"]'))
		.apply(
			rule(
				"VirtualService",
				"v",
				"{ hosts: [reviews.example], gateways: [g, mesh], http: [{ match: [{ gateways: [mesh], uri: { exact: /m } }, { gateways: [g], uri: { exact: /g } }, { port: 80, uri: { exact: /p } }], route: [{ destination: { host: reviews } }] }] }",
			),
		);
	const atGateway = hostFor(testProxy(fixture, INGRESS).routes("http.8080"), "reviews.example");
	assert.deepEqual(routeLines(atGateway), ["path /g -> reviews.default:9080", "path /p -> reviews.default:9080"]);
	const atSidecar = hostFor(testProxy(fixture, { deployment: "productpage-v1" }).routes(), "reviews.example");
	assert.deepEqual(routeLines(atSidecar), ["path /m -> reviews.default:9080", "path /p -> reviews.default:9080"]);
});
