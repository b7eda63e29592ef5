import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshFixture } from "../model/testing/mesh-fixture.ts";
import { formatMessage } from "./analysis-message.ts";
import { ANALYZERS, analyze } from "./analyze.ts";
import { analyzeObjects } from "./analyze-objects.ts";

const SERVICES = `
apiVersion: v1
kind: Service
metadata: { name: reviews }
spec: { selector: { app: reviews }, ports: [{ port: 9080, name: http }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: reviews-v1 }
spec: { template: { metadata: { labels: { app: reviews, version: v1 } }, spec: { containers: [{ name: r }] } } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: gateway }
spec: { template: { metadata: { labels: { istio: ingressgateway } }, spec: { containers: [{ name: istio-proxy }] } } }
`;

const object = (kind: string, name: string, spec: string, more = "") =>
	`apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name}${more} }\nspec: ${spec}\n`;
const vs = (name: string, spec: string, more?: string) => object("VirtualService", name, spec, more);

function messages(...yaml: readonly string[]): string[] {
	const fixture = new MeshFixture().apply(SERVICES);
	for (const text of yaml) fixture.apply(text);
	const kinds = ["VirtualService", "DestinationRule", "Gateway", "ServiceEntry"];
	const objects = kinds.flatMap((kind) => fixture.list(kind));
	return analyze({ snapshot: fixture.snapshot(), objects }).map(formatMessage);
}

const codes = (...yaml: readonly string[]) => messages(...yaml).map((m) => /\[(\w+)\]/.exec(m)?.[1]);

test("a clean configuration has no findings", () => {
	const rule = object(
		"DestinationRule",
		"reviews",
		"{ host: reviews, subsets: [{ name: v1, labels: { version: v1 } }] }",
	);
	const gateway = object(
		"Gateway",
		"g",
		'{ selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*.com"] }] }',
	);
	assert.deepEqual(
		messages(
			rule,
			gateway,
			vs("v", "{ hosts: [a.com], gateways: [g], http: [{ route: [{ destination: { host: reviews, subset: v1 } }] }] }"),
		),
		[],
	);
});

test("IST0101: host, port, subset, mirror, gateway, selector", () => {
	const to = (destination: string, more = "") =>
		vs("v", `{ hosts: [reviews], http: [{ ${more} route: [{ destination: ${destination} }] }] }`);
	assert.deepEqual(messages(to("{ host: nowhere }")), [
		'Error [IST0101] (VirtualService default/v) Referenced host not found: "nowhere.default.svc.cluster.local"',
	]);
	assert.match(
		messages(to("{ host: reviews, port: { number: 1 } }"))[0]!,
		/host:port not found: "reviews\.default\.svc\.cluster\.local:1"/,
	);
	assert.match(
		messages(to("{ host: reviews, subset: v9 }"))[0]!,
		/host\+subset in destinationrule not found: ".*\+v9"/,
	);
	assert.match(messages(to("{ host: reviews }", "mirror: { host: none },"))[0]!, /mirror host not found/);
	assert.match(
		messages(
			vs("v", "{ hosts: [a.com], gateways: [none], http: [{ route: [{ destination: { host: reviews } }] }] }"),
		)[0]!,
		/gateway not found: "default\/none"/,
	);
	assert.match(
		messages(
			object(
				"Gateway",
				"g",
				"{ selector: { a: b }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [x.com] }] }",
			),
		)[0]!,
		/Referenced selector not found: "a=b"/,
	);
});

test("IST0106: objects that validation refuses", () => {
	assert.ok(codes(object("DestinationRule", "r", "{ subsets: [{ name: v1 }] }")).includes("IST0106"));
});

test("IST0109: one host in two rules for sidecars, unless nobody sees both", () => {
	const both = (exportTo: string) => [
		vs("a", "{ hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }] }] }"),
		vs(
			"b",
			`{ hosts: [reviews.default.svc.cluster.local], exportTo: ${exportTo}, http: [{ route: [{ destination: { host: reviews } }] }] }`,
		),
	];
	assert.deepEqual(codes(...both('["*"]')), ["IST0109", "IST0109"]);
	assert.match(messages(...both('["*"]'))[0]!, /default\/a, default\/b/);
});

test("IST0145: two Gateways of one proxy claim a host on the same port", () => {
	const gateway = (name: string, more: { selector?: string; port?: number; hosts?: string } = {}) => {
		const { selector = "{ istio: ingressgateway }", port = 80, hosts = "a.com, b.com" } = more;
		const server = `{ port: { number: ${port}, name: http, protocol: HTTP }, hosts: [${hosts}] }`;
		return object("Gateway", name, `{ selector: ${selector}, servers: [${server}] }`);
	};
	assert.deepEqual(messages(gateway("one"), gateway("two", { hosts: "b.com, c.com" })), [
		"Warning [IST0145] (Gateway default/one) Conflict with gateways default/two (workload selector istio=ingressgateway, port 80, hosts b.com)",
		"Warning [IST0145] (Gateway default/two) Conflict with gateways default/one (workload selector istio=ingressgateway, port 80, hosts b.com)",
	]);
	assert.equal(codes(gateway("one"), gateway("two", { selector: "{}" })).filter((c) => c === "IST0145").length, 2);
	for (const other of [{ port: 8080 }, { hosts: "c.com" }, { hosts: '"elsewhere/c.com"' }])
		assert.deepEqual(codes(gateway("one"), gateway("two", other)), []);
});

test("resolution NONE, set or by default, is told where the name alone does not say where to go", () => {
	const entry = (host: string, protocol: string) =>
		messages(
			object(
				"ServiceEntry",
				"foo",
				`{ hosts: ["${host}"], ports: [{ number: 80, name: web, protocol: ${protocol} }] }`,
			),
		);
	assert.deepEqual(entry("foo.com", "HTTP"), []);
	for (const found of [entry("foo.com", "TCP"), entry("*.foo.com", "HTTP")])
		assert.match(found.join(), /^Warning \[LTN1502\] \(ServiceEntry default\/foo\) spec.resolution: /);
});

test("IST0118: port names that say no protocol", () => {
	const service = "apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80, name: web }] }";
	assert.deepEqual(codes(service), ["IST0118"]);
});

test("IST0130 and IST0131: what is never reached", () => {
	const to = "route: [{ destination: { host: reviews } }]";
	const rules = (...http: string[]) => vs("v", `{ hosts: [reviews], http: [${http.join(", ")}] }`);
	const only = (...http: string[]) => codes(rules(...http)).filter((c) => c !== "IST0133");
	assert.deepEqual(only(`{ ${to} }`, `{ match: [{ uri: { exact: /a } }], ${to} }`), ["IST0130"]);
	assert.deepEqual(only(`{ match: [{ uri: { exact: /a } }], ${to} }`, `{ match: [{ uri: { exact: /a } }], ${to} }`), [
		"IST0130",
	]);
	assert.deepEqual(
		only(`{ match: [{ uri: { prefix: /a } }], ${to} }`, `{ match: [{ uri: { prefix: /a/b } }], ${to} }`),
		["IST0131"],
	);
	assert.deepEqual(
		only(
			`{ match: [{ uri: { prefix: /a } }], ${to} }`,
			`{ match: [{ uri: { prefix: /a/b }, headers: { x: {} } }], ${to} }`,
		),
		[],
	);
});

test("IST0132: no host of the rule is the gateway's", () => {
	const gateway = object(
		"Gateway",
		"g",
		"{ selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [x.com] }] }",
	);
	const found = codes(
		gateway,
		vs("v", "{ hosts: [y.com], gateways: [g], http: [{ route: [{ destination: { host: reviews } }] }] }"),
	);
	assert.deepEqual(found, ["IST0132"]);
});

test("IST0173 and IST0174: subsets without pods, hosts that nobody knows", () => {
	assert.deepEqual(
		codes(object("DestinationRule", "r", "{ host: reviews, subsets: [{ name: v9, labels: { version: v9 } }] }")),
		["IST0173"],
	);
	assert.deepEqual(codes(object("DestinationRule", "r", "{ host: unknown }")), ["IST0174"]);
});

test("a subset that an older rule of the host defines is told: it has no effect", () => {
	const subset = "{ host: reviews, subsets: [{ name: v1, labels: { version: v1 } }] }";
	const found = messages(object("DestinationRule", "older", subset), object("DestinationRule", "breaker", subset));
	assert.equal(found.length, 1);
	assert.match(
		found[0]!,
		/^Warning \[LTN1522\] \(DestinationRule default\/breaker\) the subset v1 of .* default\/older/,
	);
});

test("several destinations without weights are told", () => {
	const spec =
		"{ hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }, { destination: { host: reviews } }] }] }";
	assert.ok(codes(vs("v", spec)).includes("LTN1521"));
});

test("what this version does not obey is told", () => {
	const found = messages(vs("v", "{ hosts: [reviews], tcp: [{ route: [{ destination: { host: reviews } }] }] }"));
	assert.ok(
		found.some((m) => m.startsWith("Warning [LTN1502]") && m.includes("spec.tcp")),
		found.join("\n"),
	);
});

test("a resource may suppress codes, and analyzers may be chosen", () => {
	const suppressed = ', annotations: { galley.istio.io/analyze-suppress: "IST0174" }';
	assert.deepEqual(codes(object("DestinationRule", "r", "{ host: unknown }", suppressed)), []);
	const fixture = new MeshFixture().apply(object("DestinationRule", "r", "{ host: unknown }"));
	const input = { snapshot: fixture.snapshot(), objects: [] };
	assert.deepEqual(analyze(input, ["gateway.SelectorAnalyzer"]), []);
	assert.equal(analyze(input, Object.keys(ANALYZERS)).length, 1);
});

test("files alone are not compared with a cluster that nobody asked", () => {
	const fixture = new MeshFixture().apply(object("DestinationRule", "r", "{ host: unknown }"));
	const objects = fixture.list("DestinationRule");
	const alone = analyzeObjects({ objects, hasCluster: false });
	assert.deepEqual(alone.messages, []);
	assert.ok(alone.skipped.includes("destinationrule.HostAndSubsetAnalyzer"));
	assert.deepEqual(
		analyzeObjects({ objects, hasCluster: true }).messages.map((m) => m.code),
		["IST0174"],
	);
});

test("a file's object takes the place of the cluster's", () => {
	const text = (host: string) => object("DestinationRule", "r", `{ host: ${host} }`);
	const cluster = [...new MeshFixture().apply(SERVICES).apply(text("unknown")).objects.values()];
	const file = new MeshFixture().apply(text("reviews")).list("DestinationRule");
	assert.deepEqual(analyzeObjects({ objects: [...cluster, ...file], hasCluster: true }).messages, []);
});
