import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Playground } from "../playground.ts";

const server = (hosts: string) => `{ port: { number: 80, name: http, protocol: HTTP }, hosts: [${hosts}] }`;
const gateway = (name: string, hosts: string, selector = "istio: ingressgateway") =>
	["Gateway", name, `{ selector: { ${selector} }, servers: [${server(hosts)}] }`] as const;
const TO_ECHO = "route: [{ destination: { host: echo } }]";
const TO_REC = "route: [{ destination: { host: rec } }]";

/** What is let in, by which door, under which name. */
export function gatewayScenes(on: Playground): void {
	const outside = async (host: string, path = "/") =>
		(await on.loadGateway(path, { options: ["-H", `Host: ${host}`] }))[0]!;
	const inside = async (host: string, path = "/") => (await on.load(`http://${host}${path}`))[0]!;
	const analyze = async () => (await on.mesh.lateen(["analyze"])).stdout;

	describe("Gateways", () => {
		test("S001-gateway-bind: a rule works where it is bound, in the mesh only when it says mesh", async () => {
			const rule = (gateways: string) =>
				[
					"VirtualService",
					"shop",
					`{ hosts: [shop.example], gateways: [${gateways}], http: [{ ${TO_ECHO} }] }`,
				] as const;
			await on.rules(gateway("shop", "shop.example"), rule("shop"));
			assert.equal((await outside("shop.example")).status, 200);
			assert.equal((await outside("other.example")).status, 404);
			assert.equal((await inside("shop.example")).status, 502);
			await on.rules(rule("shop, mesh"));
			assert.equal((await outside("shop.example")).status, 200);
			assert.equal((await inside("shop.example")).status, 200);
		});

		test("S001-gateway-host-filter: hosts that the Gateway does not have are not attached, and analyze says so", async () => {
			const spec = `{ hosts: [elsewhere.example], gateways: [shop], http: [{ ${TO_ECHO} }] }`;
			await on.rules(gateway("shop", "shop.example"), ["VirtualService", "shop", spec]);
			assert.equal((await outside("elsewhere.example")).status, 404);
			assert.match(await analyze(), /Warning \[IST0132\] \(VirtualService default\/shop\)/);
		});

		test("S001-gateway-many, S001-many-hosts: Gateways share a port; a host claimed twice is told and still served", async () => {
			await on.rules(
				gateway("one", "a.example"),
				gateway("two", '"b.example", "a.example"'),
				["VirtualService", "one", `{ hosts: [a.example], gateways: [one], http: [{ ${TO_ECHO} }] }`],
				["VirtualService", "two", `{ hosts: [b.example, c.example], gateways: [two], http: [{ ${TO_REC} }] }`],
			);
			assert.match((await outside("a.example")).body, /"path"/);
			assert.match((await outside("b.example")).body, /^recommendation/);
			assert.equal((await outside("c.example")).status, 404);
			assert.match(
				await analyze(),
				/Warning \[IST0145\] \(Gateway default\/one\) Conflict with gateways default\/two /,
			);
		});

		test("S001-gateway-by-label, G-infra-binding: another selector's Gateway is another proxy's business", async () => {
			await on.rules(
				gateway("edge", "edge.example"),
				gateway("internal", "internal.example", "app: internal-gateway"),
				[
					"VirtualService",
					"both",
					`{ hosts: [edge.example, internal.example], gateways: [edge, internal], http: [{ match: [{ gateways: [internal] }], ${TO_REC} }, { ${TO_ECHO} }] }`,
				],
			);
			assert.match((await outside("edge.example")).body, /"path"/);
			assert.equal((await outside("internal.example")).status, 404);
			assert.match(await analyze(), /Error \[IST0101\] \(Gateway default\/internal\)/);
		});

		test("S001-multi-match, S001-host-centric: matches of one rule are alternatives; rules of one gateway host are merged", async () => {
			const match = "match: [{ uri: { exact: /one } }, { uri: { prefix: /two } }]";
			await on.rules(
				gateway("shop", '"*.shop.example"'),
				["VirtualService", "a", `{ hosts: [www.shop.example], gateways: [shop], http: [{ ${match}, ${TO_ECHO} }] }`],
				[
					"VirtualService",
					"b",
					`{ hosts: [www.shop.example], gateways: [shop], http: [{ match: [{ uri: { exact: /three } }], rewrite: { uri: / }, ${TO_REC} }] }`,
				],
			);
			for (const path of ["/one", "/two/x"])
				assert.match((await outside("www.shop.example", path)).body, /"path"/, path);
			assert.match((await outside("www.shop.example", "/three")).body, /^recommendation/);
			for (const path of ["/", "/one/x", "/four"])
				assert.equal((await outside("www.shop.example", path)).status, 404, path);
		});
	});
}
