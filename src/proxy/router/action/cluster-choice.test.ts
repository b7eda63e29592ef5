import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { seededRandom } from "../../../lib/random.ts";
import { matchOf, tableOfRoutes, testInfo, testRequest } from "../route-fixture.ts";
import type { ForwardAction } from "../route-match.ts";

function forwardOf(route: JsonObject, metadata?: JsonObject): ForwardAction {
	const table = tableOfRoutes({
		match: { prefix: "/" },
		route,
		...(metadata && { metadata: { filter_metadata: metadata } }),
	});
	const action = matchOf(table, testRequest("/"))!.action;
	return action.kind === "forward" ? action.forward : assert.fail();
}

const weighted = (weights: readonly number[]): JsonObject => ({
	weighted_clusters: { clusters: weights.map((weight, i) => ({ name: `c${i}`, weight })) },
});
const FAILOVER = { lateen: { weighted_failover: true } };
const DRAWS = 4000;

function shares(forward: ForwardAction, clusters: number, excluded: ReadonlySet<string>): number[] {
	const random = seededRandom(42);
	const counts = new Array<number>(clusters).fill(0);
	for (let i = 0; i < DRAWS; i++) {
		const choice = forward.chooseCluster(testRequest("/"), random, (name) => excluded.has(name));
		assert.equal(choice.cluster, `c${choice.weightedIndex}`);
		counts[choice.weightedIndex]!++;
	}
	return counts.map((count) => count / DRAWS);
}

const weightList = fc.array(fc.nat(100), { minLength: 2, maxLength: 6 }).filter((list) => list.some((w) => w > 0));

test("weights converge to their share of the sum; a zero weight gets nothing", () => {
	fc.assert(
		fc.property(weightList, (weights) => {
			const total = weights.reduce((a, b) => a + b, 0);
			shares(forwardOf(weighted(weights)), weights.length, new Set()).forEach((share, i) => {
				assert.ok(Math.abs(share - weights[i]! / total) < 0.04, `${weights} gave ${share} to ${i}`);
				if (weights[i] === 0) assert.equal(share, 0);
			});
		}),
		{ numRuns: 30 },
	);
});

describe("a cluster with every endpoint ejected (design D4)", () => {
	test("its weight goes to the others in proportion when the route asks for it", () => {
		fc.assert(
			fc.property(weightList, fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), (weights, out) => {
				const excluded = new Set(weights.flatMap((_, i) => (out[i] ? [`c${i}`] : [])));
				const left = weights.map((weight, i) => (out[i] ? 0 : weight));
				const total = left.reduce((a, b) => a + b, 0);
				fc.pre(total > 0);
				shares(forwardOf(weighted(weights), FAILOVER), weights.length, excluded).forEach((share, i) => {
					assert.ok(
						Math.abs(share - left[i]! / total) < 0.04,
						`${weights} without ${[...excluded]} gave ${share} to ${i}`,
					);
				});
			}),
			{ numRuns: 30 },
		);
	});

	test("with all of them out the draw stays as it is", () => {
		const [a, b] = shares(forwardOf(weighted([1, 3]), FAILOVER), 2, new Set(["c0", "c1"]));
		assert.ok(Math.abs(a! - 0.25) < 0.04 && Math.abs(b! - 0.75) < 0.04);
	});

	test("without the metadata nobody is asked and the weights hold", () => {
		const asked = () => assert.fail("asked");
		forwardOf(weighted([1, 3])).chooseCluster(testRequest("/"), seededRandom(1), asked);
		forwardOf({ cluster: "c" }, FAILOVER).chooseCluster(testRequest("/"), seededRandom(1), asked);
	});
});

test("the cluster can be named by a header, alone and among weighted ones", () => {
	const none = () => false;
	const choose = (route: JsonObject, headers: Record<string, string>) =>
		forwardOf(route).chooseCluster(testRequest("/", headers), seededRandom(1), none);
	assert.deepEqual(choose({ cluster_header: "X-C" }, { "x-c": "named" }), { cluster: "named", weightedIndex: -1 });
	assert.equal(choose({ cluster_header: "x-c" }, {}).cluster, "");
	const byHeader = { weighted_clusters: { clusters: [{ cluster_header: "x-c", weight: 1 }] } };
	assert.deepEqual(choose(byHeader, { "x-c": "named" }), { cluster: "named", weightedIndex: 0 });
});

test("the draw can come from a request header", () => {
	const route = {
		weighted_clusters: {
			header_name: "x-random",
			clusters: [
				{ name: "a", weight: 10 },
				{ name: "b", weight: 90 },
			],
		},
	};
	const forward = forwardOf(route);
	const at = (value: string) =>
		forward.chooseCluster(testRequest("/", { "x-random": value }), seededRandom(1), () => false).cluster;
	assert.deepEqual([at("9"), at("10"), at("109"), at("110")], ["a", "b", "a", "b"]);
});

test("mirrors: share, name from a header, and the host that the copy carries", () => {
	const forward = forwardOf({
		cluster: "c",
		request_mirror_policies: [
			{ cluster: "m1" },
			{
				cluster_header: "x-m",
				runtime_fraction: { default_value: { numerator: 25 } },
				disable_shadow_host_suffix_append: true,
			},
			{ cluster: "m3", runtime_fraction: { default_value: {} } },
		],
	});
	const [all, some, none] = forward.mirrors;
	const random = seededRandom(3);
	const count = (mirror: typeof all) =>
		Array.from({ length: 4000 }, () => mirror!.sampled(random)).filter(Boolean).length;
	assert.equal(count(all), 4000);
	assert.ok(Math.abs(count(some) - 1000) < 120);
	assert.equal(count(none), 0);
	assert.equal(some!.cluster(testRequest("/", { "x-m": "named" })), "named");
	assert.equal(some!.cluster(testRequest("/")), undefined);
	const host = (mirror: typeof all, authority: string) => {
		const copy = testRequest("/", {}, { authority });
		mirror!.prepare(copy, { info: testInfo(), request: copy });
		return copy.authority;
	};
	assert.deepEqual([host(all, "h:80"), host(all, "h"), host(some, "h:80")], ["h-shadow:80", "h-shadow", "h:80"]);
});
