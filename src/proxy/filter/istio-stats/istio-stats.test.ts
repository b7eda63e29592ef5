import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { ProblemError } from "../../../lib/problem.ts";
import { formatPrometheus } from "../../../telemetry/prometheus-text.ts";
import { PluginConfigSchema } from "../../../xds/generated/envoy/extensions/stats/config_pb.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { ResponseFlag } from "../../http/message.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { PRODUCTPAGE, TestStream, testClusters, testDeps } from "../filter-fixture.ts";
import { DOWNSTREAM_PEER, GRPC_MESSAGES, UPSTREAM_PEER } from "../filter-state-keys.ts";
import { workloadOfNode } from "../workload-metadata.ts";
import { ISTIO_LABELS, type IstioFamilies } from "./istio-families.ts";
import { istioStatsFilter } from "./istio-stats.ts";

const OUTBOUND_REVIEWS = "outbound|9080||reviews.default.svc.cluster.local";
const SERVICE = {
	istio: { services: [{ host: "reviews.default.svc.cluster.local", name: "reviews", namespace: "default" }] },
};

/** A family that keeps what was recorded per label values. */
function recordingFamilies() {
	const counts = new Map<string, number>();
	let lookUps = 0;
	const histograms: number[][] = [[], [], []];
	const histogram = (into: number[]) => ({ with: () => ({ record: (value: number) => void into.push(value) }) });
	const messages = { request: 0, response: 0 };
	const messageCounter = (which: "request" | "response") => ({
		with: () => ({
			inc(by = 1) {
				messages[which] += by;
			},
			get value() {
				return messages[which];
			},
		}),
	});
	let labels: readonly string[] = ISTIO_LABELS;
	const istio: IstioFamilies = {
		withLabels(more) {
			labels = [...ISTIO_LABELS, ...more];
			const { withLabels: _, ...metrics } = istio;
			return metrics;
		},
		requestsTotal: {
			with(...values) {
				lookUps++;
				const key = values.map((value, i) => `${labels[i]}=${value}`).join("\n");
				return {
					inc(by = 1) {
						counts.set(key, (counts.get(key) ?? 0) + by);
					},
					get value() {
						return counts.get(key) ?? 0;
					},
				};
			},
		},
		requestDurationMs: histogram(histograms[0]!),
		requestBytes: histogram(histograms[1]!),
		responseBytes: histogram(histograms[2]!),
		requestMessages: messageCounter("request"),
		responseMessages: messageCounter("response"),
	};
	const series = () =>
		[...counts].map(([key, count]) => ({
			count,
			labels: Object.fromEntries(key.split("\n").map((line) => line.split(/=(.*)/s, 2))) as Record<string, string>,
		}));
	return { istio, series, histograms, messages, lookUps: () => lookUps };
}

const ended: Partial<StreamInfo> = { durationMs: 12, responseCode: 200, bytesReceived: 3, bytesSent: 40 };

describe("the client's report", () => {
	const host = {
		address: "127.1.1.2:9080",
		removed: false,
		metadata: { istio: { workload: "reviews-v2;default;reviews;v2;Kubernetes" } },
	};
	const clusters = testClusters({ [OUTBOUND_REVIEWS]: { metadata: SERVICE, hosts: [host] }, PassthroughCluster: {} });
	const setUp = (config = {}) => {
		const families = recordingFamilies();
		const filter = istioStatsFilter(testDeps({ direction: "outbound", clusters, istio: families.istio })).parse(
			config,
			"f",
			"istio.stats",
		);
		const record = (known: Partial<StreamInfo>, headers: Record<string, string> = {}) => {
			const stream = new TestStream(testRequest("/", headers, { authority: "reviews:9080" }), undefined, {
				...ended,
				...known,
			});
			filter.create().onStreamEnd!(stream);
		};
		return { ...families, record };
	};
	const toReviews = { upstreamCluster: OUTBOUND_REVIEWS, upstreamHost: "127.1.1.2:9080", routeName: "default" };

	test("has every label that Istio's has", () => {
		const { record, series, histograms } = setUp();
		record(toReviews);
		assert.deepEqual(series(), [
			{
				count: 1,
				labels: {
					reporter: "source",
					source_workload: "productpage-v1",
					source_canonical_service: "productpage",
					source_canonical_revision: "v1",
					source_workload_namespace: "default",
					source_principal: "unknown",
					source_app: "productpage",
					source_version: "v1",
					source_cluster: "Kubernetes",
					destination_workload: "reviews-v2",
					destination_workload_namespace: "default",
					destination_principal: "unknown",
					destination_app: "unknown",
					destination_version: "unknown",
					destination_service: "reviews.default.svc.cluster.local",
					destination_canonical_service: "reviews",
					destination_canonical_revision: "v2",
					destination_service_name: "reviews",
					destination_service_namespace: "default",
					destination_cluster: "Kubernetes",
					request_protocol: "http",
					response_code: "200",
					grpc_response_status: "",
					response_flags: "-",
					connection_security_policy: "unknown",
				},
			},
		]);
		assert.deepEqual(histograms, [[12], [3], [40]]);
	});

	test("takes the peer's own word over the endpoint's", () => {
		const { record, series } = setUp();
		const peer = workloadOfNode("id", {
			WORKLOAD_NAME: "reviews-v3",
			NAMESPACE: "other",
			LABELS: { app: "reviews", version: "v3" },
		});
		record({ ...toReviews, filterState: new Map([[UPSTREAM_PEER, peer]]) });
		const { labels } = series()[0]!;
		assert.deepEqual(
			[
				labels.destination_workload,
				labels.destination_app,
				labels.destination_version,
				labels.destination_service_namespace,
			],
			["reviews-v3", "reviews", "v3", "other"],
		);
	});

	test("without an upstream the rest is unknown", () => {
		const { record, series } = setUp();
		record({
			responseCode: 503,
			upstreamCluster: OUTBOUND_REVIEWS,
			responseFlags: new Set<ResponseFlag>(["UF", "URX"]),
		});
		const { labels } = series()[0]!;
		assert.deepEqual(
			[labels.response_code, labels.response_flags, labels.destination_workload, labels.destination_canonical_revision],
			["503", "UF,URX", "unknown", "latest"],
		);
		assert.equal(labels.destination_service, "reviews.default.svc.cluster.local");
	});

	test("destinations without a service go by their cluster or the Host header", () => {
		for (const [known, name] of [
			[{ upstreamCluster: "PassthroughCluster", routeName: "allow_any" }, "PassthroughCluster"],
			[{ routeName: "block_all" }, "BlackHoleCluster"],
			[{ upstreamCluster: "unknown" }, "reviews:9080"],
		] as const) {
			const { record, series } = setUp();
			record(known);
			const { labels } = series()[0]!;
			assert.deepEqual([labels.destination_service, labels.destination_service_name], ["reviews:9080", name]);
		}
		const { record, series } = setUp({ disable_host_header_fallback: true });
		record({ upstreamCluster: "unknown" });
		assert.equal(series()[0]!.labels.destination_service, "unknown");
	});

	test("looks its series up once, and anew when the endpoint is replaced", () => {
		const { record, series, lookUps } = setUp();
		for (let i = 0; i < 100; i++) record(toReviews);
		assert.equal(lookUps(), 1);
		assert.equal(series()[0]!.count, 100);
		host.metadata = { istio: { workload: "reviews-v9;default;reviews;v9;Kubernetes" } };
		record(toReviews);
		assert.equal(lookUps(), 2);
		assert.equal(series()[1]!.labels.destination_workload, "reviews-v9");
	});

	test("gRPC requests carry their status", () => {
		const families = recordingFamilies();
		const filter = istioStatsFilter(testDeps({ clusters, istio: families.istio }))
			.parse({}, "f", "istio.stats")
			.create();
		const stream = new TestStream(testRequest("/", { "content-type": "application/grpc" }), undefined, ended);
		stream.encodeWith(filter, [["grpc-status", "14"]]);
		filter.onStreamEnd!(stream);
		const { labels } = families.series()[0]!;
		assert.deepEqual([labels.request_protocol, labels.grpc_response_status], ["grpc", "14"]);
	});
});

describe("the server's report", () => {
	const reviews = workloadOfNode("id", {
		WORKLOAD_NAME: "reviews-v1",
		NAMESPACE: "default",
		CLUSTER_ID: "Kubernetes",
		LABELS: { app: "reviews", version: "v1" },
	});
	const clusters = testClusters({ "inbound|9080||": { metadata: SERVICE } });
	const report = (known: Partial<StreamInfo>) => {
		const families = recordingFamilies();
		const filter = istioStatsFilter(
			testDeps({ direction: "inbound", node: reviews, clusters, istio: families.istio }),
		).parse({}, "f", "istio.stats");
		filter.create().onStreamEnd!(
			new TestStream(testRequest("/", {}, { authority: "evil" }), undefined, { ...ended, ...known }),
		);
		return families.series()[0]!.labels;
	};

	test("names both ends", () => {
		const labels = report({
			upstreamCluster: "inbound|9080||",
			filterState: new Map([[DOWNSTREAM_PEER, PRODUCTPAGE]]),
		});
		assert.deepEqual(
			[
				labels.reporter,
				labels.source_workload,
				labels.source_app,
				labels.destination_workload,
				labels.destination_service,
				labels.connection_security_policy,
			],
			["destination", "productpage-v1", "productpage", "reviews-v1", "reviews.default.svc.cluster.local", "none"],
		);
	});

	test("a caller without a sidecar is unknown, and the Host header is not believed", () => {
		const labels = report({ upstreamCluster: "InboundPassthroughCluster" });
		assert.deepEqual(
			[
				labels.source_workload,
				labels.source_canonical_revision,
				labels.destination_service,
				labels.destination_service_name,
			],
			["unknown", "latest", "reviews", "InboundPassthroughCluster"],
		);
	});
});

test("the families are Istio's, and settings that are not there are refused by name", () => {
	const deps = testDeps();
	const factory = istioStatsFilter(deps);
	factory.parse({ disable_host_header_fallback: false }, "f", "n").create().onStreamEnd!(
		new TestStream(testRequest("/"), undefined, ended),
	);
	assert.match(
		formatPrometheus(deps.registry),
		/^istio_requests_total\{reporter="source",source_workload="productpage-v1",.*\} 1$/m,
	);
	assert.throws(
		() => factory.parse({ nope: 1, disable_host_header_fallback: true }, "f", "n"),
		(error: unknown) => {
			assert.deepEqual(
				(error as ProblemError).problems.map((p) => p.path),
				["f.nope"],
			);
			return true;
		},
	);
	assert.throws(() => factory.parse({ disable_host_header_fallback: "yes" }, "f", "n"), /disable_host_header_fallback/);
});

describe("what the configuration changes", () => {
	const recorded = (config: JsonObject, headers: Record<string, string> = {}) => {
		const families = recordingFamilies();
		const message = fromJson(PluginConfigSchema, config);
		const filter = istioStatsFilter(testDeps({ istio: families.istio }))
			.parse(message, "f", "istio.stats")
			.create();
		const stream = new TestStream(testRequest("/p?q", headers), undefined, {
			...ended,
			filterState: new Map([[GRPC_MESSAGES, { requestMessageCount: 2, responseMessageCount: 3 }]]),
		});
		filter.encodeHeaders!(stream, { status: 200, headers: HeaderMap.of() }, false);
		filter.encodeEnd!(stream, HeaderMap.of(["grpc-status", "5"]));
		filter.onStreamEnd!(stream);
		return families;
	};

	test("metrics are dropped, labels removed and computed", () => {
		const { series, histograms } = recorded(
			{
				metrics: [
					{ name: "request_bytes", drop: true },
					{ tags_to_remove: ["source_app"] },
					{
						name: "requests_total",
						dimensions: {
							destination_version: "request.url_path",
							source_version: "'fixed'",
							source_app: "request.headers['x-a']",
						},
					},
				],
			},
			{ "x-a": "1" },
		);
		assert.deepEqual(histograms, [[12], [], [40]]);
		const { labels } = series()[0]!;
		assert.deepEqual([labels.destination_version, labels.source_version, labels.source_app], ["/p", "fixed", ""]);
	});

	test("gRPC calls count their messages and the status of their trailers", () => {
		const { series, messages } = recorded({}, { "content-type": "application/grpc" });
		const { labels } = series()[0]!;
		assert.deepEqual([labels.request_protocol, labels.grpc_response_status], ["grpc", "5"]);
		assert.deepEqual(messages, { request: 2, response: 3 });
	});

	test("labels of one's own come behind Istio's; metrics that are not there are passed over", () => {
		const dimensions = {
			path: "request.path",
			team: "filter_state.upstream_peer.labels['team']",
			peer: "filter_state.upstream_peer.workload",
		};
		const { series } = recorded({ metrics: [{ dimensions }, { name: "nope", dimensions: { x: "'x'" } }] });
		const { path, team, peer, x } = series()[0]!.labels;
		assert.deepEqual([path, team, peer, x], ["/p?q", "unknown", "unknown", undefined]);
	});

	test("what cannot be computed is a problem", () => {
		assert.throws(
			() => recorded({ metrics: [{ dimensions: { source_app: "a + b", mine: "filter_state.other.name" } }] }),
			(error: unknown) => {
				assert.deepEqual(
					(error as ProblemError).problems.map(({ path }) => path),
					["f.metrics[0].dimensions[source_app]", "f.metrics[0].dimensions[mine]"],
				);
				return true;
			},
		);
	});
});
