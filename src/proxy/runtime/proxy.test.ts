import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { eventually } from "../../../test/support/eventually.ts";
import { type ScriptedAds, startScriptedAds } from "../../../test/support/scripted-ads.ts";
import { systemClock } from "../../lib/clock.ts";
import { ProblemError, problem } from "../../lib/problem.ts";
import { seededRandom } from "../../lib/random.ts";
import { createLogging } from "../../telemetry/logger.ts";
import { unpackAs } from "../../xds/any.ts";
import { HttpConnectionManagerSchema } from "../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { RESOURCE_TYPES } from "../../xds/type-urls.ts";
import { compileCluster } from "../cluster/compile/compile-cluster.ts";
import { SUPPORTED as CLUSTER_SUPPORTED } from "../cluster/compile/supported.ts";
import type { RouteTable } from "../router/route-match.ts";
import { parseBootstrap } from "./bootstrap/bootstrap-file.ts";
import type { RunningProxy } from "./bootstrap/proxy-options.ts";
import type { DataPlaneDeps } from "./data-plane.ts";
import type { StagedListener } from "./listener-stage.ts";
import { startProxy } from "./proxy.ts";
import { makeTlsDeps } from "./services/tls-services.ts";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
	for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Listeners that only remember what they were told; one named `taken` cannot be bound. */
function fakeDataPlane(log: string[]) {
	return (deps: DataPlaneDeps) => {
		const open = new Map<string, StagedListener<unknown>>();
		return {
			compilers: {
				secrets: () => [],
				supported: {
					...CLUSTER_SUPPORTED,
					"envoy.config.listener.v3.Listener": ["name", "filter_chains"],
					"envoy.config.listener.v3.FilterChain": "*" as const,
					"envoy.config.route.v3.RouteConfiguration": ["name"],
				},
				cluster: compileCluster,
				listener(message: { name: string; filterChains: { filters: { configType: { value?: unknown } }[] }[] }) {
					const any = message.filterChains[0]?.filters[0]?.configType.value;
					const hcm = unpackAs(any as never, HttpConnectionManagerSchema);
					const routes = hcm?.routeSpecifier.case === "rds" ? [hcm.routeSpecifier.value.routeConfigName] : [];
					return { name: message.name, config: { name: message.name }, routeNames: routes };
				},
				routes: (message: { name: string }) => ({ name: message.name, match: () => undefined }) as RouteTable,
			},
			listeners: {
				async put(config: { name: string }) {
					if (config.name === "taken") throw new ProblemError([problem("LTN3110", "address", "it is in use")]);
					log.push(`open ${config.name} with ${[...deps.routes.keys()].join(",")}`);
					open.set(config.name, config as never);
				},
				remove(name: string) {
					log.push(`close ${name}`);
					open.delete(name);
				},
				list: () => [...open.keys()].map((name) => ({ name, ip: "127.0.0.1", port: 1 })),
				drain: async () => void open.clear(),
				close: async () => void open.clear(),
			},
			tls: makeTlsDeps(deps),
			extensions: [{ name: "envoy.filters.http.router", category: "envoy.filters.http", typeUrls: ["t"] }],
		};
	};
}

const quiet = () => createLogging({ level: "off", destination: { write() {} } });

async function start(bootstrap: JsonObject, log: string[] = []): Promise<RunningProxy> {
	const proxy = await startProxy(await parseBootstrap(JSON.stringify(bootstrap), "test"), {
		clock: systemClock,
		random: seededRandom(1),
		logging: quiet(),
		environment: {},
		makeDataPlane: fakeDataPlane(log),
		drainTimeMs: 100,
		dnsServer: undefined,
		configPath: "test",
		onQuit() {},
	});
	cleanUps.push(() => proxy.close());
	return proxy;
}

const adsBootstrap = (port: number): JsonObject => ({
	node: { id: "n", cluster: "c" },
	admin: { address: { socketAddress: { address: "127.0.0.1", portValue: 0 } } },
	dynamicResources: {
		adsConfig: {
			apiType: "DELTA_GRPC",
			transportApiVersion: "V3",
			grpcServices: [{ envoyGrpc: { clusterName: "xds" } }],
		},
		cdsConfig: { ads: {}, resourceApiVersion: "V3" },
		ldsConfig: { ads: {}, resourceApiVersion: "V3" },
	},
	staticResources: {
		clusters: [
			{
				name: "xds",
				loadAssignment: {
					clusterName: "xds",
					endpoints: [
						{ lbEndpoints: [{ endpoint: { address: { socketAddress: { address: "127.0.0.1", portValue: port } } } }] },
					],
				},
			},
		],
	},
});
const eds = (name: string): JsonObject => ({
	name,
	type: "EDS",
	edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: "V3" } },
});
const assignment = (clusterName: string, ...ips: string[]): JsonObject => ({
	clusterName,
	endpoints: [
		{ lbEndpoints: ips.map((address) => ({ endpoint: { address: { socketAddress: { address, portValue: 80 } } } })) },
	],
});
const listener = (name: string, routeConfigName: string): JsonObject => ({
	name,
	filterChains: [
		{
			filters: [
				{
					name: "hcm",
					typedConfig: {
						"@type":
							"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
						rds: { routeConfigName },
					},
				},
			],
		},
	],
});

async function askedFor(server: ScriptedAds, type: keyof typeof RESOURCE_TYPES, name?: string) {
	return eventually(`a request for ${type} ${name ?? ""}`, () =>
		server.deltaRequests.find(
			(r) => r.typeUrl === RESOURCE_TYPES[type] && (name === undefined || r.resourceNamesSubscribe.includes(name)),
		),
	);
}
const answerTo = (server: ScriptedAds, nonce: string) =>
	eventually(`the answer to ${nonce}`, () => server.deltaRequests.find((r) => r.responseNonce === nonce));
const page = async (proxy: RunningProxy, path: string, init?: RequestInit) => {
	const response = await fetch(`http://127.0.0.1:${proxy.admin!.port}${path}`, init);
	return { status: response.status, body: await response.text() };
};

test("a bootstrap is refused with every problem of all of it", async () => {
	const bootstrap: JsonObject = {
		staticResources: {
			clusters: [
				{ name: "a", healthChecks: [{}], lrsServer: {} },
				{ name: "b", type: "ORIGINAL_DST" },
			],
			secrets: [{ name: "s" }],
		},
		hdsConfig: {},
		dynamicResources: { cdsConfig: { ads: {} }, ldsConfig: { apiConfigSource: { apiType: "REST" } } },
	};
	await assert.rejects(start(bootstrap), (error) => {
		assert.ok(error instanceof ProblemError);
		assert.deepEqual([...new Set(error.problems.map(({ path }) => path))].sort(), [
			"dynamic_resources.ads_config",
			"dynamic_resources.lds_config.api_config_source.cluster_names",
			"dynamic_resources.lds_config.api_config_source.refresh_delay",
			"hds_config",
			"static_resources.clusters[0].health_checks[0]",
			"static_resources.clusters[0].health_checks[0].healthy_threshold",
			"static_resources.clusters[0].health_checks[0].interval",
			"static_resources.clusters[0].health_checks[0].timeout",
			"static_resources.clusters[0].health_checks[0].unhealthy_threshold",
			"static_resources.clusters[0].lrs_server",
			"static_resources.clusters[1].lb_policy",
			"static_resources.secrets[0].name",
		]);
		return true;
	});
});

test("a static listener that cannot be bound ends the start", async () => {
	await assert.rejects(
		start({ staticResources: { listeners: [{ name: "taken" }] } }),
		/LTN3540 listener taken: LTN3110/,
	);
});

test("without a control plane the proxy is live when its listeners are open", async () => {
	const proxy = await start({ staticResources: { listeners: [{ name: "l" }] } });
	assert.equal(proxy.state(), "LIVE");
	assert.equal(proxy.notReady(), "");
});

test("clusters wait for endpoints, listeners for clusters and routes; then everything is shown and ready", async () => {
	const server = await startScriptedAds();
	cleanUps.push(() => server.close());
	const log: string[] = [];
	const proxy = await start(adsBootstrap(server.port), log);
	const first = await askedFor(server, "cluster");
	assert.equal(first.node?.extensions[0]?.name, "envoy.filters.http.router");
	assert.equal(proxy.notReady(), "no clusters have been accepted yet");
	assert.equal((await page(proxy, "/ready")).body, "PRE_INITIALIZING\n");

	server.sendDelta("cluster", { a: eds("a") });
	await askedFor(server, "endpoint", "a");
	assert.equal(
		server.deltaRequests.some((r) => r.typeUrl === RESOURCE_TYPES.listener),
		false,
		"LDS waits for EDS",
	);
	server.sendDelta("endpoint", { a: assignment("a", "10.0.0.1") });
	await askedFor(server, "listener");
	server.sendDelta("listener", { l: listener("l", "r") });
	await askedFor(server, "route", "r");
	assert.deepEqual(log, []);
	assert.equal((await page(proxy, "/ready")).status, 503);
	server.sendDelta("route", { r: { name: "r" } });
	await eventually("the listener", () => log[0]);
	assert.equal(log[0], "open l with r");
	assert.equal((await page(proxy, "/ready")).body, "LIVE\n");
	assert.equal(proxy.notReady(), "");

	const dump = JSON.parse((await page(proxy, "/config_dump?include_eds")).body) as {
		configs: Record<string, unknown>[];
	};
	const types = dump.configs.map((c) => String(c["@type"]).split(".").at(-1));
	assert.deepEqual(types, [
		"BootstrapConfigDump",
		"ClustersConfigDump",
		"EndpointsConfigDump",
		"ListenersConfigDump",
		"ScopedRoutesConfigDump",
		"RoutesConfigDump",
		"SecretsConfigDump",
	]);
	const clusters = JSON.parse((await page(proxy, "/clusters?format=json")).body) as {
		cluster_statuses: { name: string; host_statuses?: object[] }[];
	};
	assert.deepEqual(
		clusters.cluster_statuses.map(({ name }) => name),
		["a", "xds"],
	);
	assert.match((await page(proxy, "/clusters")).body, /^a::10\.0\.0\.1:80::health_flags::healthy$/m);
	assert.equal((await page(proxy, "/listeners")).body, "l::127.0.0.1:1\n");
	for (const wrong of ["type=x", "hidden=x", "format=html", "histogram_buckets=x", "histogram_buckets=detailed"])
		assert.equal((await page(proxy, `/stats?${wrong}`)).status, 400, wrong);
	assert.equal((await page(proxy, "/stats?hidden=only")).body, "");
	assert.equal((await page(proxy, "/contention")).status, 501);
	assert.match((await page(proxy, "/stats")).body, /^listener_manager\.lds\.update_success: 1$/m);
	assert.match((await page(proxy, "/stats?filter=cds.*success")).body, /^cluster_manager\.cds\.update_success: 1\n$/);
	assert.match(
		(await page(proxy, "/stats/prometheus")).body,
		/^envoy_cluster_membership_healthy\{envoy_cluster_name="a"\} 1$/m,
	);
});

test("a bad resource is refused with its paths, the last good one stays and the good ones beside it are taken", async () => {
	const server = await startScriptedAds();
	cleanUps.push(() => server.close());
	const proxy = await start(adsBootstrap(server.port));
	await askedFor(server, "cluster");
	const fixed = (name: string, more: JsonObject = {}): JsonObject => ({
		name,
		loadAssignment: assignment(name, "10.0.0.1"),
		...more,
	});
	await answerTo(server, server.sendDelta("cluster", { a: fixed("a") }));
	const nonce = server.sendDelta(
		"cluster",
		{ a: fixed("a", { lrsServer: {}, queuingPolicies: {} }), b: fixed("b") },
		{ version: "2" },
	);
	const nack = await answerTo(server, nonce);
	assert.match(nack.errorDetail!.message, /LTN3001 a\.lrs_server: .*\nLTN3001 a\.queuing_policies: /);
	const dumped = JSON.parse((await page(proxy, "/config_dump?resource=dynamic_active_clusters")).body) as {
		configs: {
			version_info: string;
			cluster: { name: string };
			error_state?: { details: string; version_info: string };
		}[];
	};
	assert.deepEqual(
		dumped.configs.map((c) => [c.cluster.name, c.version_info, c.error_state?.version_info]),
		[
			["a", "1", "2"],
			["b", "2", undefined],
		],
	);
});

test("what was accepted stays while the control plane is away, and is resumed when it is back", async () => {
	const server = await startScriptedAds();
	const proxy = await start(adsBootstrap(server.port));
	await askedFor(server, "cluster");
	server.sendDelta("cluster", { a: eds("a") }, { version: "5" });
	await askedFor(server, "endpoint", "a");
	await answerTo(server, server.sendDelta("endpoint", { a: assignment("a", "10.0.0.1") }, { version: "6" }));
	await server.close();
	await eventually("the loss", async () => /connected_state: 0/.test((await page(proxy, "/stats")).body));
	assert.match((await page(proxy, "/clusters")).body, /a::10\.0\.0\.1:80::/);
	const back = await startScriptedAds(server.port);
	cleanUps.push(() => back.close());
	const resumed = await askedFor(back, "endpoint", "a");
	assert.deepEqual(resumed.initialResourceVersions, { a: "6" });
});

test("a cluster that was removed and comes back has its endpoints again, and routes do not wait for it", async () => {
	const server = await startScriptedAds();
	cleanUps.push(() => server.close());
	const proxy = await start(adsBootstrap(server.port));
	const endpoints = async () => /^b::10\.0\.0\.1:80::/m.test((await page(proxy, "/clusters")).body);
	const cameAndWent = async () => {
		const asked = server.deltaRequests.filter((r) => r.resourceNamesSubscribe.includes("b")).length;
		server.sendDelta("cluster", { b: eds("b") });
		await eventually("a request for its endpoints", () =>
			server.deltaRequests.filter((r) => r.resourceNamesSubscribe.includes("b")).length > asked ? true : undefined,
		);
		await answerTo(server, server.sendDelta("endpoint", { b: assignment("b", "10.0.0.1") }));
		assert.ok(await endpoints(), "the endpoints are in force");
	};
	await askedFor(server, "cluster");
	await cameAndWent();
	server.sendDelta("cluster", {}, { removed: ["b"] });
	await eventually("the end of the cluster", () =>
		server.deltaRequests.find((r) => r.resourceNamesUnsubscribe.includes("b")),
	);
	assert.equal(await endpoints(), false);
	await cameAndWent();
});

test("a listener that cannot be bound is told in the dump and does not hold up the others", async () => {
	const server = await startScriptedAds();
	cleanUps.push(() => server.close());
	const log: string[] = [];
	const proxy = await start(adsBootstrap(server.port), log);
	await askedFor(server, "cluster");
	server.sendDelta("cluster", {});
	await askedFor(server, "listener");
	server.sendDelta("listener", { taken: { name: "taken" }, l: { name: "l" } });
	await eventually("the open listener", () => log[0]);
	const dump = JSON.parse((await page(proxy, "/config_dump?resource=dynamic_listeners")).body) as {
		configs: { name: string; error_state?: { details: string } }[];
	};
	assert.match(dump.configs.find(({ name }) => name === "taken")!.error_state!.details, /it is in use/);
	server.sendDelta("listener", {}, { removed: ["l"] });
	await eventually("the end of the listener", () => log[1]);
	assert.equal(log[1], "close l");
});

test("admin: changes need POST, levels change, unknown paths list what there is", async () => {
	const proxy = await start({ admin: { address: { socketAddress: { address: "127.0.0.1", portValue: 0 } } } });
	assert.equal((await page(proxy, "/logging")).status, 405);
	assert.equal((await page(proxy, "/quitquitquit")).status, 405);
	const post = { method: "POST" };
	assert.match((await page(proxy, "/logging?config=debug", post)).body, / {2}config: debug\n/);
	assert.equal((await page(proxy, "/logging?level=loud", post)).status, 400);
	assert.equal((await page(proxy, "/healthcheck/fail", post)).body, "OK\n");
	assert.equal((await page(proxy, "/ready")).body, "DRAINING\n");
	await page(proxy, "/healthcheck/ok", post);
	assert.equal((await page(proxy, "/ready")).body, "LIVE\n");
	const unknown = await page(proxy, "/nope");
	assert.equal(unknown.status, 404);
	assert.match(unknown.body, /\/stats\/prometheus/);
	assert.match((await page(proxy, "/server_info")).body, /"state": "LIVE"/);
	assert.equal((await page(proxy, "/certs")).body, '{\n "certificates": []\n}\n');
	assert.match((await page(proxy, "/")).body, /<form action="quitquitquit" method="post">/);
	assert.equal((await page(proxy, "/stats?filter=(")).status, 400);
});
