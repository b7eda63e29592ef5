import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshFixture } from "./testing/mesh-fixture.ts";
import type { HttpRule } from "./virtual-service.ts";

const vs = (name: string, spec: string, namespace = "default") =>
	`apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;
const to = (host: string) => `route: [{ destination: { host: ${host} } }]`;
const ROOT = (match: string, more = "") =>
	vs(
		"root",
		`{ hosts: [shop.example], gateways: [g], http: [{ name: r, ${match} ${more} delegate: { name: d, namespace: team } }] }`,
	);

function rules(...yaml: readonly string[]): readonly HttpRule[] {
	const fixture = new MeshFixture();
	for (const text of yaml) fixture.apply(text);
	const snapshot = fixture.snapshot();
	assert.deepEqual(snapshot.problems, []);
	assert.deepEqual(
		snapshot.virtualServices.map((v) => v.meta.name),
		["root"],
	);
	return snapshot.virtualServices[0]!.http;
}

test("the delegate's rules stand where the root's rule was, each inside the root's match", () => {
	const found = rules(
		ROOT("match: [{ uri: { prefix: /shop }, headers: { a: { exact: x } } }],"),
		vs(
			"d",
			`{ http: [{ name: one, match: [{ uri: { prefix: /shop/cart }, headers: { b: {} } }], ${to("cart")} }, { name: two, ${to("shop")} }] }`,
			"team",
		),
	);
	assert.deepEqual(
		found.map((r) => [
			r.name,
			r.match[0]?.uri,
			r.match[0]?.headers.map(([name]) => name),
			r.route[0]?.destination.host,
		]),
		[
			["r-one", { kind: "prefix", value: "/shop/cart" }, ["a", "b"], "cart.team.svc.cluster.local"],
			["r-two", { kind: "prefix", value: "/shop" }, ["a"], "shop.team.svc.cluster.local"],
		],
	);
});

test("a delegate's rule that asks for more than the root gives is dropped", () => {
	const leaf = (uri: string) => vs("d", `{ http: [{ match: [{ uri: ${uri} }], ${to("x")} }] }`, "team");
	const kept = (root: string, uri: string) => rules(ROOT(`match: [{ uri: ${root} }],`), leaf(uri)).length === 1;
	assert.equal(kept("{ prefix: /a }", "{ prefix: /a/b }"), true);
	assert.equal(kept("{ prefix: /a }", "{ exact: /a/b }"), true);
	assert.equal(kept("{ prefix: /a }", "{ prefix: /b }"), false);
	assert.equal(kept("{ prefix: /a }", '{ regex: "/a.*" }'), false);
	assert.equal(kept("{ exact: /a }", "{ exact: /a }"), true);
	assert.equal(kept("{ exact: /a }", "{ prefix: /a }"), false);
	assert.equal(kept('{ regex: "/.*" }', "{ exact: /a }"), false);
});

test("the root fills what the delegate leaves open", () => {
	const [rule] = rules(
		ROOT("", "timeout: 5s, retries: { attempts: 1 },"),
		vs("d", `{ http: [{ retries: { attempts: 9 }, ${to("x")} }] }`, "team"),
	);
	assert.equal(rule?.timeoutMs, 5000);
	assert.equal(rule?.retries?.attempts, 9);
});

test("a missing or hidden delegate drops its rule only", () => {
	const root = vs(
		"root",
		`{ hosts: [a.example], gateways: [g], http: [{ delegate: { name: d, namespace: team } }, { ${to("own")} }] }`,
	);
	assert.equal(rules(root).length, 1);
	assert.equal(rules(root, vs("d", `{ exportTo: ["."], http: [{ ${to("x")} }] }`, "team")).length, 1);
	assert.equal(rules(root, vs("d", `{ exportTo: [default], http: [{ ${to("x")} }] }`, "team")).length, 2);
});
