import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { ManualClock } from "../../lib/clock.ts";
import { ProblemError } from "../../lib/problem.ts";
import { seededRandom } from "../../lib/random.ts";
import { silentLogger } from "../../telemetry/logger.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { ClusterSchema } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { findUnsupported } from "../../xds/supported.ts";
import { ClusterSet } from "./cluster-set.ts";
import { compileCluster } from "./compile/compile-cluster.ts";
import { parseLoadAssignment } from "./compile/endpoint-config.ts";
import { SUPPORTED } from "./compile/supported.ts";
import type { DnsAnswer } from "./discovery/dns-discovery.ts";

const NO_RETRY = { hash: undefined, avoid: undefined, hostSelectionAttempts: 0 };

const cluster = (json: JsonValue) => compileCluster(fromJson(ClusterSchema, json, { registry: xdsRegistry() }));
const endpoint = (address: string, port: number, more: JsonObject = {}) => ({
	endpoint: { address: { socketAddress: { address, portValue: port } } },
	...more,
});
const assignment = (...lbEndpoints: JsonObject[]) => ({ clusterName: "c", endpoints: [{ lbEndpoints }] });

function endpointsOf(json: JsonValue) {
	const problems: never[] = [];
	return parseLoadAssignment(fromJson(ClusterLoadAssignmentSchema, json), "", { problems, names: false });
}

function setUp(answers: Record<string, DnsAnswer> = {}) {
	const clock = new ManualClock();
	const metrics = new MetricRegistry();
	let warm = 0;
	const asked: string[] = [];
	const set = new ClusterSet({
		clock,
		random: seededRandom(1),
		metrics,
		logger: silentLogger,
		resolver: {
			resolve: async (name) => {
				asked.push(name);
				const answer = answers[name];
				if (!answer) throw new Error(`ENOTFOUND ${name}`);
				return answer;
			},
		},
		source: () => ({ ip: "127.0.0.9", otherIp: undefined, port: 0 }),
		onWarm: () => void warm++,
	});
	return { clock, metrics, set, answers, asked, warm: () => warm };
}

function problemsOf(json: JsonValue): string[] {
	try {
		cluster(json);
		return [];
	} catch (error) {
		assert.ok(error instanceof ProblemError);
		return error.problems.map(({ path }) => path);
	}
}

const edsCluster = { name: "c", type: "EDS", edsClusterConfig: { edsConfig: { ads: {} } } };

test("a static cluster is in service at once with Envoy's defaults", () => {
	const { set } = setUp();
	set.put(cluster({ name: "c", loadAssignment: assignment(endpoint("127.0.0.1", 1), endpoint("::1", 2)) }));
	const live = set.get("c")!;
	assert.deepEqual(
		live.hosts().map(({ address }) => address),
		["127.0.0.1:1", "[::1]:2"],
	);
	assert.equal(live.info.connectTimeoutMs, 5000);
	assert.equal(live.info.httpProtocol, "http1");
	assert.notEqual(live.pick(NO_RETRY), live.pick(NO_RETRY));
	assert.equal(live.stats.membershipHealthy.value, 2);
});

test("every problem is told with its path", () => {
	assert.deepEqual(
		problemsOf({
			lbPolicy: "CLUSTER_PROVIDED",
			connectTimeout: "0s",
			loadAssignment: assignment(
				endpoint("not-an-ip", 1),
				endpoint("10.0.0.1", 70000),
				{},
				endpoint("10.0.0.1", 1, { loadBalancingWeight: 0 }),
			),
		}).sort(),
		[
			"connect_timeout",
			"lb_policy",
			"load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address",
			"load_assignment.endpoints[0].lb_endpoints[1].endpoint.address.socket_address.port_value",
			"load_assignment.endpoints[0].lb_endpoints[2]",
			"load_assignment.endpoints[0].lb_endpoints[3].load_balancing_weight",
			"name",
		],
	);
	assert.deepEqual(problemsOf({ name: "c", type: "ORIGINAL_DST" }), ["lb_policy"]);
	assert.deepEqual(problemsOf({ name: "c", type: "EDS" }), ["eds_cluster_config.eds_config"]);
	assert.deepEqual(problemsOf({ name: "c", type: "LOGICAL_DNS" }), ["load_assignment"]);
});

test("fields that nobody obeys are found, those that are obeyed are not", () => {
	const json = {
		...edsCluster,
		connectTimeout: "1s",
		outlierDetection: { consecutive5xx: 1, interval: "1s", baseEjectionTime: "180s", maxEjectionPercent: 100 },
		commonLbConfig: { healthyPanicThreshold: {}, localityWeightedLbConfig: {} },
		circuitBreakers: { thresholds: [{ maxConnections: 1, maxRetries: 4294967295, trackRemaining: true }] },
		metadata: { filterMetadata: { istio: { services: [{ host: "a" }] } } },
		typedExtensionProtocolOptions: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
				"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
				useDownstreamProtocolConfig: { httpProtocolOptions: {}, http2ProtocolOptions: {} },
			},
		},
	};
	const message = fromJson(ClusterSchema, json, { registry: xdsRegistry() });
	assert.deepEqual(findUnsupported(ClusterSchema, message, SUPPORTED), []);
	assert.equal(compileCluster(message).info.httpProtocol, "downstream");
	const odd = fromJson(ClusterSchema, { ...edsCluster, lrsServer: {}, queuingPolicies: {} });
	assert.deepEqual(
		findUnsupported(ClusterSchema, odd, SUPPORTED).map(({ path }) => path),
		["lrs_server", "queuing_policies"],
	);
});

test("an EDS cluster is not found until its endpoints came, nor for ever", () => {
	const { set, clock, warm } = setUp();
	set.put(cluster(edsCluster));
	set.put(cluster({ ...edsCluster, name: "late" }));
	assert.equal(set.get("c"), undefined);
	assert.deepEqual([...set.edsNames()], ["c", "late"]);
	set.setEndpoints("c", endpointsOf(assignment(endpoint("10.0.0.1", 80))));
	assert.equal(set.get("c")!.hosts().length, 1);
	assert.equal(warm(), 0);
	clock.advance(15_000);
	assert.equal(set.get("late")!.pick(NO_RETRY), undefined);
	assert.equal(warm(), 1);
});

test("hosts of the same address survive updates with requests, ejection and pool; others are marked removed", () => {
	const { set } = setUp();
	const outlierDetection = { consecutive5xx: 1, maxEjectionPercent: 50 };
	set.put(cluster({ ...edsCluster, outlierDetection }));
	set.setEndpoints("c", endpointsOf(assignment(endpoint("10.0.0.1", 80), endpoint("10.0.0.2", 80))));
	const before = set.live("c")!;
	const [first, second] = before.hosts();
	first!.activeRequests = 3;
	before.reportStatus(first!, 503);
	set.setEndpoints(
		"c",
		endpointsOf(assignment(endpoint("10.0.0.1", 80, { loadBalancingWeight: 5 }), endpoint("10.0.0.3", 80))),
	);
	assert.equal(before.hosts()[0], first);
	assert.equal(first!.ejected, true);
	assert.equal(first!.weight, 5);
	assert.equal(second!.removed, true);

	set.put(cluster({ ...edsCluster, lbPolicy: "RANDOM", outlierDetection }));
	const after = set.get("c")!;
	assert.notEqual(after, before);
	assert.equal(after.hosts()[0], first, "same connection settings: the very host");
	assert.equal(first!.removed, false);
	assert.equal(after.pick(NO_RETRY)!.address, "10.0.0.3:80");

	set.put(cluster({ ...edsCluster, maxRequestsPerConnection: 1, outlierDetection }));
	const [replaced] = set.get("c")!.hosts();
	assert.notEqual(replaced, first);
	assert.equal(first!.removed, true);
	assert.equal(replaced!.ejected, true);
});

test("EDS health keeps hosts out, and all ejected is told apart from empty", () => {
	const { set } = setUp();
	set.put(
		cluster({
			...edsCluster,
			commonLbConfig: { healthyPanicThreshold: {} },
			outlierDetection: { consecutive5xx: 1, maxEjectionPercent: 100 },
		}),
	);
	set.setEndpoints(
		"c",
		endpointsOf(
			assignment(
				endpoint("10.0.0.1", 80, { healthStatus: "DRAINING" }),
				endpoint("10.0.0.2", 80, { healthStatus: "TIMEOUT" }),
				endpoint("10.0.0.3", 80),
			),
		),
	);
	const live = set.get("c")!;
	assert.equal(live.pick(NO_RETRY)!.address, "10.0.0.3:80");
	assert.equal(live.allEjected(), false);
	live.reportStatus(live.hosts()[2]!, 500);
	assert.equal(live.allEjected(), true);
	assert.equal(live.pick(NO_RETRY), undefined);
	set.setEndpoints("c", undefined);
	assert.equal(live.allEjected(), false);
});

test("a retry avoids the hosts already tried while attempts last", () => {
	const { set } = setUp();
	set.put(cluster({ name: "c", loadAssignment: assignment(endpoint("10.0.0.1", 80), endpoint("10.0.0.2", 80)) }));
	const live = set.get("c")!;
	const [first, second] = live.hosts();
	for (let i = 0; i < 10; i++)
		assert.equal(live.pick({ hash: undefined, avoid: new Set([first!]), hostSelectionAttempts: 3 }), second);
});

test("removing a cluster marks its hosts and drops its stats", () => {
	const { set, metrics } = setUp();
	set.put(cluster({ name: "c", loadAssignment: assignment(endpoint("10.0.0.1", 80)) }));
	const [host] = set.get("c")!.hosts();
	set.remove("c");
	assert.equal(set.get("c"), undefined);
	assert.equal(host!.removed, true);
	assert.deepEqual([...metrics.stats()], []);
});

test("circuit breakers count up to their limits and show when they are open", () => {
	const { set, metrics } = setUp();
	set.put(cluster({ name: "c", circuitBreakers: { thresholds: [{ maxRequests: 1, maxRetries: 0 }] } }));
	const { breakers } = set.get("c")!;
	const open = () => metrics.scope("cluster.c.").gauge("circuit_breakers.default.rq_open").value;
	assert.equal(breakers.tryRequest(), true);
	assert.equal(breakers.tryRequest(), false);
	assert.equal(open(), 1);
	breakers.releaseRequest();
	assert.equal(open(), 0);
	assert.equal(breakers.tryRetry(), false);
	assert.throws(() => breakers.releaseRequest(), /released more often than taken/);
});

test("a retry budget grows with the active requests", () => {
	const { set } = setUp();
	set.put(
		cluster({
			name: "c",
			circuitBreakers: { thresholds: [{ retryBudget: { budgetPercent: { value: 50 }, minRetryConcurrency: 1 } }] },
		}),
	);
	const { breakers } = set.get("c")!;
	assert.deepEqual([breakers.tryRetry(), breakers.tryRetry()], [true, false]);
	for (let i = 0; i < 4; i++) breakers.tryRequest();
	assert.equal(breakers.tryRetry(), true);
});

test("STRICT_DNS uses every address, refreshes, and keeps what it knows when a look-up fails", async () => {
	const { set, clock, answers, asked } = setUp({ "a.test": { addresses: ["10.0.0.1", "10.0.0.2"], ttlMs: undefined } });
	const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
	set.put(cluster({ name: "c", type: "STRICT_DNS", loadAssignment: assignment(endpoint("a.test", 80)) }));
	assert.equal(set.get("c"), undefined);
	await settled();
	assert.deepEqual(
		set
			.get("c")!
			.hosts()
			.map(({ address }) => address),
		["10.0.0.1:80", "10.0.0.2:80"],
	);
	answers["a.test"] = { addresses: ["10.0.0.2", "10.0.0.3"], ttlMs: undefined };
	clock.advance(5000);
	await settled();
	assert.deepEqual(
		set
			.get("c")!
			.hosts()
			.map(({ address }) => address),
		["10.0.0.2:80", "10.0.0.3:80"],
	);
	delete answers["a.test"];
	clock.advance(5000);
	await settled();
	assert.equal(set.get("c")!.hosts().length, 2);
	set.remove("c");
	clock.advance(100_000);
	await settled();
	assert.equal(asked.length, 3, "a removed cluster asks no more");
});

test("LOGICAL_DNS uses the first address, and an unknown name starts empty", async () => {
	const { set } = setUp({ "a.test": { addresses: ["10.0.0.1", "10.0.0.2"], ttlMs: undefined } });
	set.put(cluster({ name: "c", type: "LOGICAL_DNS", loadAssignment: assignment(endpoint("a.test", 80)) }));
	set.put(cluster({ name: "d", type: "STRICT_DNS", loadAssignment: assignment(endpoint("nowhere.test", 80)) }));
	await new Promise<void>((resolve) => setImmediate(resolve));
	assert.deepEqual(
		set
			.get("c")!
			.hosts()
			.map(({ address }) => address),
		["10.0.0.1:80"],
	);
	assert.deepEqual(set.get("d")!.hosts(), []);
	set.close();
});

test("slow start: a new endpoint begins with a small share that grows to its whole one", () => {
	const { set, clock } = setUp();
	const slowStartConfig = { slowStartWindow: "10s", minWeightPercent: { value: 10 } };
	set.put(
		cluster({
			name: "c",
			type: "EDS",
			edsClusterConfig: { edsConfig: { ads: {} } },
			roundRobinLbConfig: { slowStartConfig },
		}),
	);
	const shareOf = (address: string) => {
		const live = set.get("c")!;
		const picks = Array.from({ length: 300 }, () => live.pick(NO_RETRY)?.address);
		return picks.filter((picked) => picked === address).length / 300;
	};
	const [old, fresh] = [endpoint("10.0.0.1", 80), endpoint("10.0.0.2", 80)];
	set.setEndpoints("c", endpointsOf(assignment(old)));
	clock.advance(60_000);
	set.setEndpoints("c", endpointsOf(assignment(old, fresh)));
	const near = (share: number, wanted: number) => assert.ok(Math.abs(share - wanted) < 0.02, `${share}, not ${wanted}`);
	near(shareOf("10.0.0.2:80"), 0.1 / 1.1);
	clock.advance(5_000);
	near(shareOf("10.0.0.2:80"), 0.5 / 1.5);
	clock.advance(5_000);
	near(shareOf("10.0.0.2:80"), 0.5);
});

test("ORIGINAL_DST by header: requests name their endpoint, which is forgotten when nobody asks for it", () => {
	const { set, clock } = setUp();
	const originalDstLbConfig = { useHttpHeader: true, httpHeaderName: ":authority" };
	const config = cluster({
		name: "c",
		type: "ORIGINAL_DST",
		lbPolicy: "CLUSTER_PROVIDED",
		originalDstLbConfig,
		cleanupInterval: "5s",
	});
	assert.equal(config.info.destinationHeader, ":authority");
	set.put(config);
	const live = set.get("c")!;
	const pick = (destination: string) => live.pick({ ...NO_RETRY, destination });
	const first = pick("127.1.0.1:8080");
	assert.equal(first?.address, "127.1.0.1:8080");
	assert.equal(pick("127.1.0.1:8080"), first, "its connections are kept");
	assert.equal(pick("127.1.0.2")?.address, "127.1.0.2:80");
	assert.equal(pick("[::1]:81")?.address, "[::1]:81");
	for (const bad of [
		"",
		"name",
		"name:80",
		"127.1.0.1:",
		"127.1.0.1:0",
		"127.1.0.1:99999",
		"127.1.0.256:1",
		"::1",
		"[::1",
		"1.2.3.4:5:6",
	])
		assert.equal(pick(bad), undefined, bad);
	assert.equal(live.hosts().length, 3);
	clock.advance(4000);
	pick("127.1.0.1:8080");
	clock.advance(2000);
	assert.deepEqual(
		live.hosts().map(({ address }) => address),
		["127.1.0.1:8080"],
	);
	clock.advance(10_000);
	assert.deepEqual(live.hosts(), []);
	assert.equal(first?.removed, true);
	for (let i = 0; i < 1100; i++) pick(`127.2.${Math.floor(i / 250)}.${1 + (i % 250)}`);
	assert.equal(live.hosts().length, 1024);
	set.close();
});

test("connections come from the cluster's own address, else from the proxy's", () => {
	const { set } = setUp();
	set.put(cluster({ name: "a" }));
	set.put(cluster({ name: "b", upstreamBindConfig: { sourceAddress: { address: "127.0.0.3", portValue: 0 } } }));
	assert.deepEqual([set.get("a")?.info.source?.ip, set.get("b")?.info.source?.ip], ["127.0.0.9", "127.0.0.3"]);
	set.close();
});

test("a change that brings or changes outlier detection watches every kept host by the new rule, from the start", () => {
	const { set, metrics } = setUp();
	const count = (name: string) => metrics.scope("cluster.c.").counter(`outlier_detection.${name}`).value;
	const endpoints = endpointsOf(assignment(endpoint("10.0.0.1", 80), endpoint("10.0.0.2", 80)));
	const withOutlier = (outlierDetection: JsonObject) => ({
		...edsCluster,
		outlierDetection: { maxEjectionPercent: 100, ...outlierDetection },
	});
	set.put(cluster(edsCluster));
	set.setEndpoints("c", endpoints);
	const old = set.live("c")!;
	const [first, second] = old.hosts();
	for (let i = 0; i < 50; i++) old.reportStatus(first!, 503);
	assert.equal(first!.ejected, false, "nobody watches yet");

	set.put(cluster(withOutlier({ consecutive5xx: 1 })));
	const watched = set.live("c")!;
	assert.deepEqual([...watched.hosts()], [first, second], "the very hosts");
	old.reportStatus(first!, 503);
	assert.equal(first!.ejected, false, "what still runs through the old cluster counts for nobody");
	watched.reportStatus(first!, 503);
	assert.equal(first!.ejected, true);
	assert.equal(count("ejections_enforced_consecutive_5xx"), 1);
	assert.equal(metrics.scope("cluster.c.").gauge("outlier_detection.ejections_active").value, 1);

	for (let i = 0; i < 4; i++) watched.reportStatus(second!, 200);
	set.put(cluster(withOutlier({ consecutive5xx: 3 })));
	const stricter = set.live("c")!;
	assert.equal(first!.ejected, true, "who is out stays out");
	for (let i = 0; i < 2; i++) stricter.reportStatus(second!, 500);
	assert.equal(second!.ejected, false);
	stricter.reportStatus(second!, 500);
	assert.equal(second!.ejected, true);
	set.put(cluster({ ...withOutlier({ consecutive5xx: 1 }), connectTimeout: "2s", maxRequestsPerConnection: 1 }));
	const remade = set.live("c")!;
	const [third] = remade.hosts();
	assert.notEqual(third, first, "other connections, another host of the same record");
	assert.equal(third!.ejected, true);
	set.put(cluster(edsCluster));
	assert.deepEqual(
		set
			.live("c")!
			.hosts()
			.map(({ ejected }) => ejected),
		[false, false],
		"without a rule nobody is out",
	);
});

test("a host's idle connections are told to close when it leaves, all of them when it goes out of service if so configured", () => {
	const { set } = setUp();
	const told: string[] = [];
	set.put(
		cluster({
			...edsCluster,
			closeConnectionsOnHostHealthFailure: true,
			outlierDetection: { consecutive5xx: 1, maxEjectionPercent: 100 },
		}),
	);
	set.setEndpoints("c", endpointsOf(assignment(endpoint("10.0.0.1", 80), endpoint("10.0.0.2", 80))));
	const live = set.live("c")!;
	for (const host of live.hosts()) host.onRetired = (how) => void told.push(`${host.address} ${how}`);
	live.reportStatus(live.hosts()[0]!, 500);
	assert.deepEqual(told, ["10.0.0.1:80 cut"]);
	set.setEndpoints("c", endpointsOf(assignment(endpoint("10.0.0.1", 80))));
	assert.deepEqual(told, ["10.0.0.1:80 cut", "10.0.0.2:80 left"]);
});

test("endpoints go when nothing more is heard of them in time", () => {
	const { set, clock } = setUp();
	const policy = { policy: { endpointStaleAfter: "10s" } };
	set.put(cluster(edsCluster));
	set.setEndpoints("c", endpointsOf({ ...assignment(endpoint("10.0.0.1", 80)), ...policy }));
	clock.advance(9000);
	set.setEndpoints("c", endpointsOf({ ...assignment(endpoint("10.0.0.1", 80)), ...policy }));
	clock.advance(9000);
	assert.equal(set.live("c")!.hosts().length, 1);
	clock.advance(1000);
	assert.equal(set.live("c")!.hosts().length, 0);
});

test("an aggregate cluster is the first of its clusters that can serve", () => {
	const { set } = setUp();
	const typedConfig = {
		"@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
		clusters: ["a", "b"],
	};
	set.put(
		cluster({
			name: "all",
			lbPolicy: "CLUSTER_PROVIDED",
			clusterType: { name: "envoy.clusters.aggregate", typedConfig },
		}),
	);
	const all = set.get("all")!;
	assert.equal(all.pick(NO_RETRY), undefined, "none of them is there yet");
	const make = (name: string, ip: string) =>
		cluster({
			name,
			loadAssignment: assignment(endpoint(ip, 80)),
			outlierDetection: { consecutive5xx: 1, maxEjectionPercent: 100 },
		});
	set.put(make("b", "10.0.0.2"));
	assert.equal(all.pick(NO_RETRY)?.address, "10.0.0.2:80");
	set.put(make("a", "10.0.0.1"));
	const host = all.pick(NO_RETRY)!;
	assert.equal(host.address, "10.0.0.1:80");
	assert.equal(all.memberOf(host).name, "a");
	all.reportStatus(host, 500);
	assert.equal(all.pick(NO_RETRY)?.address, "10.0.0.2:80", "the next one takes over");
	assert.equal(all.allEjected(), false);
	all.reportStatus(set.live("b")!.hosts()[0]!, 500);
	assert.equal(all.allEjected(), true);
});
