import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, test } from "node:test";
import { eventually } from "../../support/eventually.ts";
import { assertAll, assertShare } from "../../support/load.ts";
import type { Playground } from "../playground.ts";

const REC = "http://rec:8080/";
const SUBSETS = [
	"DestinationRule",
	"rec",
	"{ host: rec, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }",
] as const;
const to = (subset: string) => `route: [{ destination: { host: rec, subset: ${subset} } }]`;
const recRule = (http: string, name = "rec") => ["VirtualService", name, `{ hosts: [rec], http: [${http}] }`] as const;

/** What rules mean, alone and together. */
export function ruleScenes(on: Playground): void {
	const status = async (url: string, options: string[] = []) => (await on.load(url, { options }))[0]!.status;
	const analyze = async () => (await on.mesh.lateen(["analyze"])).stdout;

	describe("Rules", () => {
		test("S001-one-address, S001-unregistered-host: a rule's host needs no Service", async () => {
			const http =
				"[{ match: [{ uri: { prefix: /rec } }], rewrite: { uri: / }, route: [{ destination: { host: rec } }] }, { match: [{ uri: { prefix: /echo } }], route: [{ destination: { host: echo } }] }]";
			await on.rules(["VirtualService", "one", `{ hosts: [one.example], http: ${http} }`]);
			assert.match((await on.load("http://one.example/rec"))[0]!.body, /^recommendation/);
			assert.match((await on.load("http://one.example/echo/x"))[0]!.body, /"path": "\/echo\/x"/);
			assert.equal(await status("http://one.example/x"), 404);
			await on.clear();
			const [gone] = await on.load("http://one.example/rec");
			assert.equal(gone?.status, 502);
			assert.match(gone!.body, /a ServiceEntry makes one known/);
		});

		test("S001-wildcard-vs: a pattern of hosts, over which a whole name wins", async () => {
			const rewrite = (uri: string, host: string) =>
				`http: [{ match: [{ uri: { prefix: /old/ } }], rewrite: { uri: ${uri} }, route: [{ destination: { host: echo.default.svc.cluster.local } }] }, { route: [{ destination: { host: ${host} } }] }]`;
			await on.rules([
				"VirtualService",
				"all",
				`{ hosts: ["*.default.svc.cluster.local"], ${rewrite("/new/", "echo")} }`,
			]);
			for (const host of ["echo", "rec:8080"])
				assert.match((await on.load(`http://${host}/old/a`))[0]!.body, /"path": "\/new\/a"/, host);
			await on.rules(["VirtualService", "exact", `{ hosts: [echo], ${rewrite("/exact/", "echo")} }`]);
			assert.match((await on.load("http://echo/old/a"))[0]!.body, /"path": "\/exact\/a"/);
		});

		test("S000-path-exact-nosubset, S003-missing-subsets: an unknown subset is 503 NC, never another pod; the DestinationRule heals it", async () => {
			await on.rules(recRule(`{ ${to("v1")} }`));
			assertAll(await on.load(REC, { count: 20, options: ["-A", "no-subset"] }), 503);
			assert.match(
				await analyze(),
				/Error \[IST0101\] \(VirtualService default\/rec\) Referenced host\+subset in destinationrule not found: "rec\.default\.svc\.cluster\.local\+v1"/,
			);
			await eventually("the access log", async () =>
				(await on.kubectl("logs", "deploy/curl", "-c", "istio-proxy")).includes('503 NC cluster_not_found - "-" 0 0'),
			);
			await on.rules(SUBSETS);
			assertShare(await on.load(REC, { count: 50 }), "recommendation v1", 100, 0);
		});

		test("S002-cleanup, S001-subset-sync: a rule outlives its subsets as 503, and they may come back", async () => {
			await on.rules(SUBSETS, recRule(`{ ${to("v2")} }`));
			for (let time = 0; time < 2; time++) {
				assertShare(await on.load(REC, { count: 20 }), "recommendation v2", 100, 0);
				await on.kubectl("delete", "destinationrule", "rec");
				await eventually("503 without the subset", async () => (await status(REC)) === 503, 1000);
				await on.rules(SUBSETS);
			}
			assertShare(await on.load(REC, { count: 20 }), "recommendation v2", 100, 0);
		});

		test("S001-host-centric: of two rules for one mesh host the older one counts, and analyze tells", async () => {
			await on.rules(SUBSETS, recRule(`{ ${to("v1")} }`));
			await on.rules(recRule(`{ ${to("v2")} }`, "younger"));
			assertShare(await on.load(REC, { count: 20 }), "recommendation v1", 100, 0);
			assert.match(await analyze(), /\[IST0109\] \(VirtualService default\/younger\)/);
		});

		test("S001-rule-delete: replace takes a rule away, delete all of them", async () => {
			const jason = `{ match: [{ headers: { end-user: { exact: jason } } }], ${to("v2")} }`;
			await on.rules(SUBSETS, recRule(`${jason}, { ${to("v1")} }`));
			const asJason = ["-H", "end-user: jason"];
			assertShare(await on.load(REC, { count: 20, options: asJason }), "recommendation v2", 100, 0);
			await on.rules(recRule(`{ ${to("v1")} }`));
			assertShare(await on.load(REC, { count: 20, options: asJason }), "recommendation v1", 100, 0);
			await on.kubectl("delete", "virtualservice", "rec");
			await eventually("both versions", async () => {
				const answers = await on.load(REC, { count: 40 });
				return new Set(answers.map(({ body }) => body.slice(0, 17))).size === 2;
			});
		});

		test("S002-mirror: answers come from one version, the other one gets a copy with -shadow", async () => {
			const mirror = "mirror: { host: echo, port: { number: 80 } }";
			await on.rules([
				"VirtualService",
				"rec",
				`{ hosts: [rec], http: [{ route: [{ destination: { host: rec } }], ${mirror} }] }`,
			]);
			const before = await on.stat("cluster.inbound|3000||.upstream_rq_total", "echo-v1");
			assertShare(await on.load(REC, { count: 20 }), "recommendation", 100, 0);
			await eventually(
				"the copies",
				async () => (await on.stat("cluster.inbound|3000||.upstream_rq_total", "echo-v1")) === before + 20,
			);
			await eventually("the copies' host in the log", async () =>
				(await on.kubectl("logs", "deploy/echo-v1", "-c", "istio-proxy")).includes('"rec-shadow:8080"'),
			);
		});

		test("S002-source-labels: a rule for some callers only", async () => {
			const rules = (app: string) =>
				recRule(`{ match: [{ sourceLabels: { app: ${app} } }], ${to("v2")} }, { ${to("v1")} }`);
			await on.rules(SUBSETS, rules("curl"));
			assertShare(await on.load(REC, { count: 20 }), "recommendation v2", 100, 0);
			await on.rules(rules("somebody-else"));
			assertShare(await on.load(REC, { count: 20 }), "recommendation v1", 100, 0);
		});

		test("S001-se-static, -dns, -se-many-endpoints, -external-client-policy: hosts outside, at addresses of this machine", async () => {
			const servers = await Promise.all(
				["127.0.0.11", "127.0.0.12"].map(async (ip) => {
					const server = createServer((_, res) => res.end(`${ip}\n`));
					const port = await new Promise<number>((resolve) =>
						server.listen(0, ip, () => resolve((server.address() as { port: number }).port)),
					);
					return { server, ip, port };
				}),
			);
			const ports = "ports: [{ number: 80, name: http, protocol: HTTP }], location: MESH_EXTERNAL";
			const endpoints = servers.map(
				({ ip, port }, i) => `{ address: ${ip}, ports: { http: ${port} }, labels: { version: v${i} } }`,
			);
			await on.rules(
				[
					"ServiceEntry",
					"static",
					`{ hosts: [static.example], ${ports}, resolution: STATIC, endpoints: [${endpoints.join(", ")}] }`,
				],
				["ServiceEntry", "none", "{ hosts: [foo.invalid], ports: [{ number: 80, name: http, protocol: HTTP }] }"],
				["DestinationRule", "static", "{ host: static.example, subsets: [{ name: second, labels: { version: v1 } }] }"],
				[
					"VirtualService",
					"static",
					"{ hosts: [static.example], http: [{ match: [{ uri: { prefix: /second } }], route: [{ destination: { host: static.example, subset: second } }] }, { route: [{ destination: { host: static.example } }] }] }",
				],
			);
			assertShare(await on.load("http://static.example/", { count: 200 }), "127.0.0.11", 50, 12);
			assertShare(await on.load("http://static.example/second", { count: 20 }), "127.0.0.12", 100, 0);
			const [unknown] = await on.load("http://foo.invalid/");
			assert.deepEqual([unknown?.status, unknown?.body], [503, "no healthy upstream"]);
			assert.match(
				await on.kubectl("get", "serviceentry", "none"),
				/^NAME +HOSTS +LOCATION +RESOLUTION +AGE\nnone +\["foo\.invalid"\] +\d/,
			);
			for (const { server } of servers) {
				server.closeAllConnections();
				server.close();
			}
		});

		test("S001-routerule-refused, S001-versions-served: old kinds are unknown, every version of the present ones is served", async () => {
			const input =
				"apiVersion: config.istio.io/v1alpha2\nkind: RouteRule\nmetadata: { name: reviews-default }\nspec: {}\n";
			const { code, stderr } = await on.mesh.kubectl(["apply", "-f", "-"], { input });
			assert.equal(code, 1);
			assert.match(
				stderr,
				/resource mapping not found for name: "reviews-default".*no matches for kind "RouteRule" in version "config.istio.io\/v1alpha2"/,
			);
			await on.rules(SUBSETS);
			for (const version of ["v1alpha3", "v1beta1", "v1"]) {
				const path = `/apis/networking.istio.io/${version}/namespaces/default/destinationrules/rec`;
				assert.equal(
					(JSON.parse(await on.kubectl("get", "--raw", path)) as { apiVersion: string }).apiVersion,
					`networking.istio.io/${version}`,
				);
			}
		});
	});
}
