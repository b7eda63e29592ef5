import assert from "node:assert/strict";
import { test } from "node:test";
import { bookinfo, rule } from "./testing/bookinfo.ts";
import { hostFor, routeLines } from "./testing/explain-routes.ts";
import { LATEEN_EXTENSIONS, testProxy } from "./testing/test-proxy.ts";

const PRODUCTPAGE = { deployment: "productpage-v1" };
const to = (host: string) => `route: [{ destination: { host: ${host} } }]`;

test("a service is known by all its names with the port, and without it on port 80", () => {
	const fixture = bookinfo().apply(
		"apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { clusterIP: 10.96.9.9, selector: { app: web }, ports: [{ port: 80, name: http }] }",
	);
	const domains = (deployment: string, namespace: string, host: string) =>
		testProxy(fixture, { deployment, namespace })
			.routes()
			.virtualHosts.find((h) => h.name === host)?.domains;
	const own = domains("productpage-v1", "default", "reviews.default.svc.cluster.local:9080")!;
	assert.deepEqual(own.slice(0, 5), [
		"reviews.default.svc.cluster.local:9080",
		"reviews.default.svc.cluster.local.:9080",
		"reviews:9080",
		"reviews.default.svc:9080",
		"reviews.default:9080",
	]);
	const web = domains("productpage-v1", "default", "web.default.svc.cluster.local:80")!;
	for (const name of ["web", "web:80", "web.default", "10.96.9.9", "10.96.9.9:80"]) assert.ok(web.includes(name), name);
});

test("clients of another namespace do not get the bare name", () => {
	const fixture = bookinfo().apply(
		"apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: curl }\nspec: { template: { metadata: { labels: { app: curl } }, spec: { containers: [] } } }",
		"other",
	);
	const config = testProxy(fixture, { deployment: "curl", namespace: "other" }).routes();
	assert.equal(hostFor(config, "reviews:9080"), undefined);
	assert.equal(hostFor(config, "reviews.default:9080")?.name, "reviews.default.svc.cluster.local:9080");
});

test("no domain is there twice, even when short forms of services meet", () => {
	const fixture = bookinfo().apply(
		rule(
			"ServiceEntry",
			"clash",
			"{ hosts: [reviews.default, reviews], ports: [{ number: 9080, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: 10.9.9.9 }] }",
		),
	);
	const config = testProxy(fixture, PRODUCTPAGE).routes();
	const domains = config.virtualHosts.flatMap((h) => h.domains);
	assert.equal(new Set(domains).size, domains.length);
	assert.equal(hostFor(config, "reviews.default:9080")?.name, "reviews.default:9080");
	assert.equal(
		hostFor(config, "reviews.default.svc.cluster.local:9080")?.name,
		"reviews.default.svc.cluster.local:9080",
	);
});

test("several VirtualServices of one host are never merged: the oldest wins", () => {
	const fixture = bookinfo()
		.apply(
			rule(
				"VirtualService",
				"first",
				`{ hosts: [reviews], http: [{ match: [{ uri: { exact: /a } }], ${to("details")} }] }`,
			),
		)
		.apply(
			rule("VirtualService", "second", `{ hosts: [reviews.default.svc.cluster.local], http: [{ ${to("ratings")} }] }`),
		);
	const host = hostFor(testProxy(fixture, PRODUCTPAGE).routes(), "reviews:9080");
	assert.deepEqual(routeLines(host), ["path /a -> details.default:9080"]);
});

test("a private rule of the client's namespace comes before an older public one", () => {
	const fixture = bookinfo()
		.apply(rule("VirtualService", "old", `{ hosts: [reviews], http: [{ ${to("ratings")} }] }`))
		.apply(rule("VirtualService", "mine", `{ hosts: [reviews], exportTo: ["."], http: [{ ${to("details")} }] }`));
	const host = hostFor(testProxy(fixture, PRODUCTPAGE).routes(), "reviews:9080");
	assert.deepEqual(routeLines(host), ["prefix / -> details.default:9080"]);
});

test("a wildcard rule is for services that no more specific rule has", () => {
	const fixture = bookinfo()
		.apply(rule("VirtualService", "wide", `{ hosts: ["*.default.svc.cluster.local"], http: [{ ${to("details")} }] }`))
		.apply(rule("VirtualService", "narrow", `{ hosts: [reviews], http: [{ ${to("ratings")} }] }`));
	const config = testProxy(fixture, PRODUCTPAGE).routes();
	assert.deepEqual(routeLines(hostFor(config, "reviews:9080")), ["prefix / -> ratings.default:9080"]);
	assert.deepEqual(routeLines(hostFor(config, "productpage:9080")), ["prefix / -> details.default:9080"]);
});

test("a rule's host that is no service exists on port 80", () => {
	const fixture = bookinfo().apply(
		rule("VirtualService", "v", `{ hosts: [made.up.example], http: [{ ${to("reviews")} }] }`),
	);
	const config = testProxy(fixture, PRODUCTPAGE).routes();
	assert.deepEqual(hostFor(config, "made.up.example")?.domains, ["made.up.example", "made.up.example:80"]);
});

test("rules for gateways only do not touch sidecars", () => {
	const fixture = bookinfo().apply(
		rule("VirtualService", "v", `{ hosts: [reviews], gateways: [g], http: [{ ${to("details")} }] }`),
	);
	assert.deepEqual(routeLines(hostFor(testProxy(fixture, PRODUCTPAGE).routes(), "reviews:9080")), [
		"prefix / -> reviews.default:9080",
	]);
});

test("services that are not exported are not there", () => {
	const fixture = bookinfo();
	fixture.apply(
		'apiVersion: v1\nkind: Service\nmetadata: { name: hidden, namespace: other, annotations: { networking.istio.io/exportTo: "." } }\nspec: { ports: [{ port: 80, name: http }] }',
	);
	const proxy = testProxy(fixture, PRODUCTPAGE);
	assert.equal(hostFor(proxy.routes(), "hidden.other"), undefined);
	assert.equal(proxy.cluster("outbound|80||hidden.other.svc.cluster.local"), undefined);
});

test("unknown hosts: refused, or looked up by proxies that can", () => {
	const last = (extensions: readonly string[], mode: "ALLOW_ANY" | "REGISTRY_ONLY") => {
		const proxy = testProxy(bookinfo({ outboundTrafficPolicy: mode }), { ...PRODUCTPAGE, extensions });
		const host = hostFor(proxy.routes(), "*")!;
		return [host.name, ...routeLines(host), proxy.cluster("AllowAnyDynamicDNSCluster") !== undefined];
	};
	const dynamic = ["envoy.filters.http.dynamic_forward_proxy", "envoy.clusters.dynamic_forward_proxy"];
	assert.deepEqual(last([], "ALLOW_ANY"), ["block_all", "prefix / -> answer 502", false]);
	assert.deepEqual(last(dynamic, "ALLOW_ANY"), ["allow_any", "prefix / -> AllowAnyDynamicDNSCluster", true]);
	assert.deepEqual(last(dynamic, "REGISTRY_ONLY"), ["block_all", "prefix / -> answer 502", false]);
});

test("a call to an ExternalName Service goes to the service that it names", () => {
	const fixture = bookinfo().apply(
		"apiVersion: v1\nkind: Service\nmetadata: { name: alias }\nspec: { type: ExternalName, externalName: reviews.default.svc.cluster.local, ports: [{ port: 9080, name: http }] }",
	);
	const proxy = testProxy(fixture, PRODUCTPAGE);
	assert.deepEqual(routeLines(hostFor(proxy.routes(), "alias:9080")), ["prefix / -> reviews.default:9080"]);
	assert.equal(proxy.cluster("outbound|9080||alias.default.svc.cluster.local"), undefined);
});

test("sidecars of one namespace share their routes, byte for byte", () => {
	const fixture = bookinfo();
	const { translator, node, routes } = testProxy(fixture, PRODUCTPAGE);
	const mine = routes();
	const other = testProxy(fixture, { deployment: "details-v1" }).node;
	const type = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
	const [theirs] = translator.generate(other, type, new Set(["http_proxy"]));
	assert.equal(theirs?.message, mine);
	assert.notEqual(node.id, other.id);
});

test("addresses of the mesh's own block are passed on where the proxy can and the mesh allows it", () => {
	const domains = (ip: string, extensions: readonly string[], mesh: Parameters<typeof bookinfo>[0] = {}) => {
		const proxy = testProxy(bookinfo(mesh), { ...PRODUCTPAGE, ip, extensions });
		const cluster = proxy.cluster("PassthroughCluster");
		const passed = proxy.routes().virtualHosts.find((h) => h.name === "allow_any")?.domains;
		assert.equal(cluster !== undefined, passed !== undefined);
		return passed;
	};
	const can = [...LATEEN_EXTENSIONS, "envoy.cluster.original_dst"];
	assert.deepEqual(domains("127.7.1.5", can), ["127.7.*"]);
	assert.equal(domains("127.7.1.5", LATEEN_EXTENSIONS), undefined);
	assert.equal(domains("10.0.0.5", can), undefined);
	assert.equal(domains("127.7.1.5", can, { outboundTrafficPolicy: "REGISTRY_ONLY" }), undefined);
});
