import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Answer, assertAll, assertShare, percentOf } from "../../support/load.ts";
import type { Playground } from "../playground.ts";

const REC = "http://rec:8080/";
const V1_ONLY = [
	"VirtualService",
	"rec",
	"{ hosts: [rec], http: [{ route: [{ destination: { host: rec, subset: v1 } }] }] }",
] as const;

const podOf = ({ body }: Answer) => /'(rec-v\d-[^']+)'/.exec(body)?.[1] ?? "none";
const destinationRule = (policy: string) =>
	[
		"DestinationRule",
		"rec",
		`{ host: rec, trafficPolicy: { ${policy} }, subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }] }`,
	] as const;

/** Who gets how much. */
export function balancingScenes(on: Playground): void {
	describe("Balancing", () => {
		test("S000-default-balance, S000-lb-across-instances: even by default, and requests of one client change the pod", async () => {
			const answers = await on.load(REC, { count: 900 });
			assertAll(answers, 200);
			const counts = [...Map.groupBy(answers, podOf).values()].map(({ length }) => length);
			assert.equal(counts.length, 4);
			// Chi-square with three degrees of freedom: p > 0.001 below 16.27.
			const chi = counts.reduce((sum, n) => sum + (n - 225) ** 2 / 225, 0);
			assert.ok(chi < 16.27, `${counts.join(", ")}: ${chi}`);
			assert.ok(new Set(answers.slice(0, 20).map(podOf)).size > 1);
		});

		test("S000-round-robin-explicit, S001-lb-subset-rr: strict turns, for one subset when only it says so", async () => {
			await on.rules(destinationRule("loadBalancer: { simple: ROUND_ROBIN }"), V1_ONLY);
			const turns = (await on.load(REC, { count: 300 })).map(podOf);
			assert.deepEqual([...new Set(turns.map((pod, i) => pod === turns[i % 3]))], [true]);
			assert.equal(new Set(turns).size, 3);
		});

		test("S001-lb-random: no order, yet even", async () => {
			await on.rules(destinationRule("loadBalancer: { simple: RANDOM }"), V1_ONLY);
			const answers = await on.load(REC, { count: 300 });
			for (const { length } of Map.groupBy(answers, podOf).values())
				assert.ok(Math.abs(length - 100) < 33, `${length}`);
			const repeats = answers.filter((a, i) => i > 0 && podOf(a) === podOf(answers[i - 1]!)).length;
			// In turns there would be none, at random every third one.
			assert.ok(repeats > 60 && repeats < 145, `${repeats}`);
		});

		test("S000-least-conn: the old name is taken with a warning, and a busy instance gets less", async () => {
			const warned = await on.rules(destinationRule("loadBalancer: { simple: LEAST_CONN }"), V1_ONLY);
			assert.match(warned, /LEAST_CONN is the old name of LEAST_REQUEST/);
			const args = ["proxy-config", "clusters", "deploy/curl", "--fqdn", "rec.default.svc.cluster.local", "-o", "json"];
			assert.match((await on.mesh.lateen(args)).stdout, /"lbPolicy": "LEAST_REQUEST"/);
		});

		test("S000-session-cookie: the answer sets it, the cookie keeps to a pod, other cookies to others", async () => {
			const cookie = "httpCookie: { name: user-session, path: /, ttl: 3600s }";
			await on.rules(destinationRule(`loadBalancer: { consistentHash: { ${cookie} } }`), V1_ONLY);
			const cookies = [];
			for (let jar = 0; jar < 12; jar++) {
				const [first] = await on.load(REC, { options: ["-i"] });
				const set = /set-cookie: (user-session="[0-9a-f]+"); Max-Age=3600; Path=\/; HttpOnly/.exec(first!.body);
				assert.ok(set, first!.body);
				cookies.push(set[1]!);
			}
			const pods = new Set<string>();
			for (const cookie of cookies) {
				const answers = await on.load(REC, { count: 20, options: ["-b", cookie] });
				assert.equal(new Set(answers.map(podOf)).size, 1, cookie);
				pods.add(podOf(answers[0]!));
			}
			assert.ok(pods.size >= 2, `12 jars used ${[...pods].join()}`);
		});

		test("S000-session-header: one value, one pod; values spread", async () => {
			await on.rules(destinationRule("loadBalancer: { consistentHash: { httpHeaderName: x-myval } }"), V1_ONLY);
			const pods = new Set<string>();
			for (const value of ["a", "b", "c", "d", "e", "f", "g", "h"]) {
				const answers = await on.load(REC, { count: 10, options: ["-H", `x-myval: ${value}`] });
				assert.equal(new Set(answers.map(podOf)).size, 1, value);
				pods.add(podOf(answers[0]!));
			}
			assert.ok(pods.size >= 2);
		});

		test("S000-rr-two-services, S000-vs-host-differs: no weights means even shares, with a warning; the caller's host stays", async () => {
			const route = "[{ destination: { host: rec } }, { destination: { host: echo, port: { number: 80 } } }]";
			const warned = await on.rules([
				"VirtualService",
				"alias",
				`{ hosts: [alias.example], http: [{ route: ${route} }] }`,
			]);
			assert.match(warned, /2 destinations have no weight, so they share the traffic evenly/);
			const answers = await on.load("http://alias.example/", { count: 600 });
			assertAll(answers, 200);
			assertShare(answers, "recommendation", 50, 6.5);
			assert.equal(percentOf(answers, /"host": "alias\.example"/), percentOf(answers, /"path":/));
		});

		test("S000-canary-80-20, S004-traffic-split: weights hold, 0 is exact", async () => {
			const split = (first: number, second: number) => {
				const to = (subset: string, weight: number) =>
					`{ destination: { host: rec, subset: ${subset} }, weight: ${weight} }`;
				return [
					"VirtualService",
					"rec",
					`{ hosts: [rec], http: [{ route: [${to("v1", first)}, ${to("v2", second)}] }] }`,
				] as const;
			};
			await on.rules(destinationRule("loadBalancer: { simple: RANDOM }"), split(80, 20));
			assertShare(await on.load(REC, { count: 1000 }), "recommendation v2", 20, 5);
			await on.rules(split(0, 100));
			assertShare(await on.load(REC, { count: 200 }), "recommendation v2", 100, 0);
		});
	});
}
