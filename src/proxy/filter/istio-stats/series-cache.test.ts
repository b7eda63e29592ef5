import assert from "node:assert/strict";
import { test } from "node:test";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { PRODUCTPAGE, TestStream } from "../filter-fixture.ts";
import type { RequestFacts } from "./request-facts.ts";
import { SeriesCache } from "./series-cache.ts";

function facts(info: Partial<StreamInfo> = {}, known: Partial<RequestFacts> = {}): RequestFacts {
	const stream = new TestStream(testRequest("/"), undefined, {
		upstreamHost: "10.0.0.1:80",
		responseCode: 200,
		...info,
	});
	return {
		stream,
		info: stream.info,
		peer: undefined,
		flags: "-",
		fallbackHost: "",
		grpcStatus: undefined,
		tls: undefined,
		computed: ["y"],
		...known,
	};
}

test("each combination has its own series, however many an endpoint has", () => {
	const cache = new SeriesCache<number>();
	const combinations = Array.from({ length: 40 }, (_, i) => facts({ responseCode: 200 + i }));
	for (const [i, on] of combinations.entries()) cache.put(on, i);
	for (let round = 0; round < 2; round++) for (const [i, on] of combinations.entries()) assert.equal(cache.find(on), i);
});

test("whatever a label is made from tells series apart", () => {
	const cache = new SeriesCache<string>();
	cache.put(facts(), "plain");
	for (const other of [
		facts({ responseCode: 503 }),
		facts({ routeName: "r" }),
		facts({ upstreamHost: "10.0.0.2:80" }),
		facts({ upstreamCluster: "c" }),
		facts({}, { peer: PRODUCTPAGE }),
		facts({}, { flags: "UF" }),
		facts({}, { grpcStatus: "0" }),
		facts({}, { fallbackHost: "h" }),
		facts({}, { computed: ["x"] }),
	])
		assert.equal(cache.find(other), undefined);
	assert.equal(cache.find(facts()), "plain");
});

test("a peer of the same name that is another one now is not taken for it", () => {
	const cache = new SeriesCache<string>();
	cache.put(facts({}, { peer: PRODUCTPAGE }), "first");
	const successor = facts({}, { peer: { ...PRODUCTPAGE } });
	assert.equal(cache.find(successor), undefined);
	cache.put(successor, "second");
	assert.equal(cache.find(successor), "second");
});

test("more combinations than it remembers push the others out", () => {
	const cache = new SeriesCache<number>();
	for (let i = 0; i < 5000; i++) cache.put(facts({ upstreamHost: `10.0.0.1:${i}` }), i);
	assert.equal(cache.find(facts({ upstreamHost: "10.0.0.1:1" })), undefined);
	assert.equal(cache.find(facts({ upstreamHost: "10.0.0.1:4999" })), 4999);
});
