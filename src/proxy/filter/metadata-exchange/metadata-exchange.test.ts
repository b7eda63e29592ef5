import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import type { ProblemError } from "../../../lib/problem.ts";
import { seededRandom } from "../../../lib/random.ts";
import { tableOfRoutes, testInfo, testRequest } from "../../router/route-fixture.ts";
import { PRODUCTPAGE, TestStream, testClusters, testDeps } from "../filter-fixture.ts";
import { DOWNSTREAM_PEER, UPSTREAM_PEER } from "../filter-state-keys.ts";
import {
	decodePeerMetadata,
	encodePeerMetadata,
	type WorkloadMetadata,
	workloadOfEndpoint,
	workloadOfNode,
} from "../workload-metadata.ts";
import { metadataExchangeFilter, PEER_HEADER, PEER_ID_HEADER } from "./metadata-exchange.ts";

const HEADERS = [{ istio_headers: {} }];
const INBOUND: JsonObject = { downstream_discovery: HEADERS, downstream_propagation: HEADERS };
const OUTBOUND: JsonObject = {
	upstream_discovery: [{ istio_headers: {} }, { workload_discovery: {} }],
	upstream_propagation: HEADERS,
};
const REVIEWS = workloadOfNode("sidecar~127.1.1.2~reviews-v2-y.default~d", {
	NAMESPACE: "default",
	WORKLOAD_NAME: "reviews-v2",
	LABELS: { app: "reviews", version: "v2" },
});

const clusters = testClusters({
	inside: { metadata: { istio: { services: [] } } },
	outside: { metadata: { istio: { external: true } } },
	PassthroughCluster: {},
});

function setUp(config: JsonObject, node: WorkloadMetadata, route: JsonObject = { cluster: "inside" }) {
	const filter = metadataExchangeFilter(testDeps({ node, clusters }))
		.parse(config, "f", "istio.metadata_exchange")
		.create();
	const match = tableOfRoutes({ match: { prefix: "/" }, route }).match(testRequest("/"), {
		random: seededRandom(1),
		info: testInfo(),
	});
	return {
		filter,
		decode(headers: Record<string, string> = {}) {
			const stream = new TestStream(testRequest("/", headers), match);
			assert.equal(filter.decodeHeaders!(stream, true), "continue");
			return stream;
		},
	};
}

/** Of its labels a workload tells those that metrics are made of, under their canonical names. */
const withoutLabels = (peer: unknown) => ({ ...(peer as object), labels: undefined });

test("client and server learn who the other is, and the application sees nothing of it", () => {
	const client = setUp(OUTBOUND, PRODUCTPAGE);
	const server = setUp(INBOUND, REVIEWS);
	const sent = client.decode({ [PEER_HEADER]: "forged", [PEER_ID_HEADER]: "forged" });
	assert.equal(sent.request.headers.get(PEER_ID_HEADER), PRODUCTPAGE.id);
	assert.equal(sent.request.headers.getAll(PEER_HEADER).length, 1);
	const wire = Object.fromEntries(sent.request.headers.names.map((n, i) => [n, sent.request.headers.values[i]!]));
	const received = server.decode(wire);
	assert.deepEqual(withoutLabels(received.info.filterState.get(DOWNSTREAM_PEER)), withoutLabels(PRODUCTPAGE));
	assert.deepEqual(received.request.headers.names, []);
	const answer = received.encodeWith(server.filter, [[PEER_HEADER, "from the application"]]);
	assert.equal(answer.headers.get(PEER_ID_HEADER), REVIEWS.id);
	const back = { status: 200, headers: answer.headers.clone() };
	client.filter.encodeHeaders!(sent, back, true);
	assert.deepEqual(withoutLabels(sent.info.filterState.get(UPSTREAM_PEER)), withoutLabels(REVIEWS));
	assert.deepEqual(back.headers.names, []);
});

test("a server answers with its own only who sent theirs", () => {
	const server = setUp(INBOUND, REVIEWS);
	const received = server.decode();
	assert.equal(received.info.filterState.has(DOWNSTREAM_PEER), false);
	assert.deepEqual(received.encodeWith(server.filter, []).headers.names, []);
});

describe("nothing leaves the mesh", () => {
	const weighted = (...names: string[]) => ({
		weighted_clusters: { clusters: names.map((name) => ({ name, weight: 1 })) },
	});
	for (const [name, route, sent] of [
		["to an external cluster", { cluster: "outside" }, false],
		["to the passthrough cluster", { cluster: "PassthroughCluster" }, false],
		["to a cluster that is not there", { cluster: "unknown" }, false],
		["when one of the weighted clusters is external", weighted("inside", "outside"), false],
		["inside", { cluster: "inside" }, true],
		["when all weighted clusters are inside", weighted("inside", "inside"), true],
	] as const) {
		test(name, () => {
			const stream = setUp(OUTBOUND, PRODUCTPAGE, route as JsonObject).decode({ [PEER_HEADER]: "application's" });
			assert.equal(stream.request.headers.has(PEER_HEADER), sent);
			assert.equal(stream.request.headers.has(PEER_ID_HEADER), sent);
		});
	}
});

test("metadata survives the wire; what is no metadata is nobody", () => {
	assert.deepEqual(decodePeerMetadata(PRODUCTPAGE.id, encodePeerMetadata(PRODUCTPAGE)), PRODUCTPAGE);
	for (const value of ["", "!!!", "AAAA", "eyJ9", "////"]) assert.doesNotThrow(() => decodePeerMetadata("x", value));
	assert.equal(decodePeerMetadata("x", "////"), undefined);
	const server = setUp(INBOUND, REVIEWS);
	const received = server.decode({ [PEER_HEADER]: "A".repeat(20_000) });
	assert.equal(received.info.filterState.has(DOWNSTREAM_PEER), false);
	assert.deepEqual(received.request.headers.names, []);
});

test("an endpoint's short form", () => {
	const found = workloadOfEndpoint("reviews-v2;default;reviews;v2;Kubernetes");
	assert.deepEqual(
		[found?.workload, found?.namespace, found?.canonicalName, found?.canonicalRevision, found?.cluster],
		["reviews-v2", "default", "reviews", "v2", "Kubernetes"],
	);
	assert.equal(workloadOfEndpoint("reviews-v2;default"), undefined);
	assert.equal(workloadOfEndpoint(undefined), undefined);
});

test("methods and fields that are not there are refused by name", () => {
	const factory = metadataExchangeFilter(testDeps());
	const bad = { upstream_discovery: [{ baggage: {} }], downstream_discovery: "x", additional_labels: ["role"] };
	assert.throws(
		() => factory.parse(bad, "f", "n"),
		(error: unknown) => {
			assert.deepEqual((error as ProblemError).problems.map((p) => p.path).sort(), [
				"f.additional_labels",
				"f.downstream_discovery",
				"f.upstream_discovery[0]",
			]);
			return true;
		},
	);
});
