import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toJson } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { bookinfo, rule } from "../testing/bookinfo.ts";
import { LATEEN_EXTENSIONS, testProxy } from "../testing/test-proxy.ts";

const NAME = "outbound|9080||reviews.default.svc.cluster.local";
const V1 = "outbound|9080|v1|reviews.default.svc.cluster.local";
const EVERYTHING = [...LATEEN_EXTENSIONS, "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];

function clusterOf(spec: string, name = NAME, extensions: readonly string[] = EVERYTHING) {
	const fixture = bookinfo().apply(rule("DestinationRule", "reviews", `{ host: reviews, ${spec} }`));
	const proxy = testProxy(fixture, { deployment: "productpage-v1", extensions });
	const cluster = proxy.cluster(name);
	return cluster && (toJson(ClusterSchema, cluster, { registry: xdsRegistry() }) as Record<string, never>);
}

const policy = (text: string) => clusterOf(`trafficPolicy: { ${text} }`)!;

test("without rules: least request, Istio's limits, endpoints by EDS", () => {
	const cluster = testProxy(bookinfo(), { deployment: "productpage-v1" }).cluster(NAME)!;
	assert.deepEqual(toJson(ClusterSchema, cluster, { registry: xdsRegistry() }), {
		name: NAME,
		altStatName: `${NAME};`,
		type: "EDS",
		edsClusterConfig: {
			edsConfig: { ads: {}, initialFetchTimeout: "0s", resourceApiVersion: "V3" },
			serviceName: NAME,
		},
		connectTimeout: "10s",
		lbPolicy: "LEAST_REQUEST",
		circuitBreakers: {
			thresholds: [
				{ maxConnections: 4294967295, maxPendingRequests: 4294967295, maxRequests: 4294967295, maxRetries: 4294967295 },
			],
		},
		metadata: {
			filterMetadata: {
				istio: { services: [{ host: "reviews.default.svc.cluster.local", name: "reviews", namespace: "default" }] },
			},
		},
	});
});

describe("load balancing", () => {
	const cases: [string, string][] = [
		["ROUND_ROBIN", "ROUND_ROBIN"],
		["RANDOM", "RANDOM"],
		["LEAST_REQUEST", "LEAST_REQUEST"],
		["LEAST_CONN", "LEAST_REQUEST"],
		["UNSPECIFIED", "LEAST_REQUEST"],
	];
	for (const [simple, expected] of cases)
		test(simple, () => {
			// ROUND_ROBIN is the zero value, which proto3 JSON leaves out.
			assert.equal(policy(`loadBalancer: { simple: ${simple} }`).lbPolicy ?? "ROUND_ROBIN", expected);
		});

	test("consistent hash makes a ring, or a table", () => {
		const ring = policy("loadBalancer: { consistentHash: { httpHeaderName: x } }");
		assert.deepEqual([ring.lbPolicy, ring.ringHashLbConfig], ["RING_HASH", { minimumRingSize: "1024" }]);
		const maglev = policy("loadBalancer: { consistentHash: { useSourceIp: true, maglev: { tableSize: 101 } } }");
		assert.deepEqual([maglev.lbPolicy, maglev.maglevLbConfig], ["MAGLEV", { tableSize: "101" }]);
	});
});

test("a subset is a cluster of its own, named after it", () => {
	const cluster = clusterOf("subsets: [{ name: v1, labels: { version: v1 } }]", V1)!;
	assert.deepEqual(cluster.metadata, {
		filterMetadata: {
			istio: {
				services: [{ host: "reviews.default.svc.cluster.local", name: "reviews", namespace: "default" }],
				config: "/apis/networking.istio.io/v1/namespaces/default/destination-rule/reviews",
				subset: "v1",
			},
		},
	});
});

test("outlier detection turns panic off; unset counters keep Envoy's defaults, 0 turns one off", () => {
	const cluster = policy(
		"outlierDetection: { consecutive5xxErrors: 2, interval: 5s, baseEjectionTime: 30s, maxEjectionPercent: 100 }",
	);
	assert.deepEqual(cluster.outlierDetection, {
		consecutive5xx: 2,
		interval: "5s",
		baseEjectionTime: "30s",
		maxEjectionPercent: 100,
		alwaysEjectOneHost: true,
		enforcingSuccessRate: 0,
	});
	assert.deepEqual(cluster.commonLbConfig, { healthyPanicThreshold: {} });
	assert.deepEqual(policy("outlierDetection: { minHealthPercent: 40 }").commonLbConfig, {
		healthyPanicThreshold: { value: 40 },
	});
	const off = policy("outlierDetection: { consecutive5xxErrors: 0, consecutiveGatewayErrors: 3 }");
	assert.deepEqual(off.outlierDetection, {
		enforcingConsecutive5xx: 0,
		consecutiveGatewayFailure: 3,
		enforcingConsecutiveGatewayFailure: 100,
		enforcingSuccessRate: 0,
		alwaysEjectOneHost: true,
	});
});

test("connection pool limits become circuit breakers, its timeouts protocol options", () => {
	const cluster = policy(
		"connectionPool: { tcp: { maxConnections: 1, connectTimeout: 30ms }, http: { http1MaxPendingRequests: 2, http2MaxRequests: 3, maxRetries: 4, maxRequestsPerConnection: 5, idleTimeout: 7s } }",
	);
	assert.deepEqual(cluster.circuitBreakers, {
		thresholds: [{ maxConnections: 1, maxPendingRequests: 2, maxRequests: 3, maxRetries: 4 }],
	});
	assert.equal(cluster.connectTimeout, "0.030s");
	assert.deepEqual(cluster.typedExtensionProtocolOptions!["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"], {
		"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
		commonHttpProtocolOptions: { idleTimeout: "7s", maxRequestsPerConnection: 5 },
		explicitHttpConfig: { httpProtocolOptions: {} },
	});
});

describe("override rules inside one DestinationRule", () => {
	const pool = (n: number) => `connectionPool: { http: { maxRetries: ${n} } }`;
	const retries = (spec: string, name = V1) =>
		clusterOf(spec, name)?.circuitBreakers as unknown as { thresholds: [{ maxRetries: number }] };
	const maxRetries = (spec: string, name?: string) => retries(spec, name).thresholds[0].maxRetries;

	test("a port's entry replaces the whole policy", () => {
		const spec = `trafficPolicy: { ${pool(1)}, loadBalancer: { simple: RANDOM }, portLevelSettings: [{ port: { number: 9080 }, ${pool(2)} }] }`;
		assert.equal(maxRetries(spec, NAME), 2);
		assert.equal(clusterOf(spec)?.lbPolicy, "LEAST_REQUEST");
		assert.equal(clusterOf(spec.replace("9080", "1"))?.lbPolicy, "RANDOM");
	});

	test("a subset's block replaces the base's block, the other blocks stay", () => {
		const spec = `trafficPolicy: { ${pool(1)}, loadBalancer: { simple: RANDOM } }, subsets: [{ name: v1, trafficPolicy: { ${pool(3)} } }]`;
		assert.equal(maxRetries(spec), 3);
		assert.equal(clusterOf(spec, V1)?.lbPolicy, "RANDOM");
		assert.equal(maxRetries(spec, NAME), 1);
	});

	test("a subset's own entry for the port is all that counts", () => {
		const spec = `trafficPolicy: { ${pool(1)}, loadBalancer: { simple: RANDOM } }, subsets: [{ name: v1, trafficPolicy: { portLevelSettings: [{ port: { number: 9080 }, ${pool(4)} }] } }]`;
		assert.equal(maxRetries(spec), 4);
		assert.equal(clusterOf(spec, V1)?.lbPolicy, "LEAST_REQUEST");
	});
});

test("a host that asks for TLS gets no cluster rather than a plain one, and its rule says so", () => {
	assert.equal(clusterOf("trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }"), undefined);
	assert.ok(clusterOf("trafficPolicy: { tls: { mode: DISABLE } }"));
	const fixture = bookinfo().apply(
		rule("DestinationRule", "r", "{ host: reviews, trafficPolicy: { tls: { mode: SIMPLE } } }"),
	);
	assert.deepEqual(
		fixture.snapshot().problems.flatMap((p) => p.problems.map((q) => q.path)),
		["spec.trafficPolicy.tls.mode"],
	);
});

test("HTTP/2 ports: HTTP/2 where the proxy can, HTTP/1.1 and a report where not, no gRPC without", () => {
	const fixture = bookinfo().apply(
		"apiVersion: v1\nkind: Service\nmetadata: { name: two }\nspec: { ports: [{ port: 1, name: http2 }, { port: 2, name: grpc }] }",
	);
	const options = (extensions: readonly string[], port: number) => {
		const proxy = testProxy(fixture, { deployment: "productpage-v1", extensions });
		const cluster = proxy.cluster(`outbound|${port}||two.default.svc.cluster.local`);
		return cluster && Object.keys(cluster.typedExtensionProtocolOptions).length;
	};
	assert.deepEqual([options(EVERYTHING, 1), options(EVERYTHING, 2)], [1, 1]);
	assert.deepEqual([options(LATEEN_EXTENSIONS, 1), options(LATEEN_EXTENSIONS, 2)], [0, undefined]);
	const proxy = testProxy(fixture, { deployment: "productpage-v1" });
	proxy.clusters();
	assert.ok(proxy.translator.problems().some((p) => p.code === "LTN3724" && p.message.includes("GRPC")));
});

for (const resolution of ["resolution: DNS", "resolution: NONE", ""])
	test(`a ServiceEntry with "${resolution}" carries its name in the cluster and is called by it`, () => {
		const fixture = bookinfo().apply(
			rule(
				"ServiceEntry",
				"ext",
				`{ hosts: [api.example.com], ports: [{ number: 80, name: http, protocol: HTTP, targetPort: 8080 }], ${resolution} }`,
			),
		);
		const cluster = testProxy(fixture, { deployment: "productpage-v1" }).cluster("outbound|80||api.example.com")!;
		const json = toJson(ClusterSchema, cluster, { registry: xdsRegistry() }) as Record<string, never>;
		assert.equal(json.type, "STRICT_DNS");
		assert.deepEqual(
			(json.loadAssignment as never as { endpoints: { lbEndpoints: { endpoint: unknown }[] }[] }).endpoints[0]
				?.lbEndpoints[0]?.endpoint,
			{ address: { socketAddress: { address: "api.example.com", portValue: 8080 } } },
		);
		assert.deepEqual((json.metadata as never as { filterMetadata: unknown }).filterMetadata, {
			istio: { services: [{ host: "api.example.com", name: "api.example.com", namespace: "default" }], external: true },
		});
	});

test("consecutiveErrors is read where the field that replaced it is absent", () => {
	const errors = (text: string) =>
		(policy(`outlierDetection: { ${text} }`).outlierDetection as never as { consecutive5xx: number }).consecutive5xx;
	assert.equal(errors("consecutiveErrors: 3"), 3);
	assert.equal(errors("consecutiveErrors: 3, consecutive5xxErrors: 7"), 7);
});
