import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterEach, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { eventually } from "../../../test/support/eventually.ts";
import { type ScriptedAds, startScriptedAds } from "../../../test/support/scripted-ads.ts";
import { unrefClock } from "../../../test/support/unref-clock.ts";
import { seededRandom } from "../../lib/random.ts";
import { createLogging } from "../../telemetry/logger.ts";
import { RESOURCE_TYPES, type ResourceType } from "../../xds/type-urls.ts";
import { parseBootstrap } from "./bootstrap/bootstrap-file.ts";
import type { RunningProxy } from "./bootstrap/proxy-options.ts";
import { startProxy } from "./proxy.ts";
import { makeRequestPath } from "./request-path.ts";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
	for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Backend {
	readonly port: number;
	requests: number;
	status: number;
	/** Set: answers are held until the returned function is called. */
	hold: Promise<void> | undefined;
}

async function backend(name: string): Promise<Backend> {
	const state: Backend = { port: 0, requests: 0, status: 200, hold: undefined };
	const server = createServer(async (_, response) => {
		state.requests++;
		await state.hold;
		response.statusCode = state.status;
		response.end(name);
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	cleanUps.push(() => {
		server.close();
		server.closeAllConnections();
	});
	return Object.assign(state, { port: (server.address() as AddressInfo).port });
}

async function start(bootstrap: JsonObject): Promise<RunningProxy> {
	const proxy = await startProxy(await parseBootstrap(JSON.stringify(bootstrap), "test"), {
		clock: unrefClock,
		random: seededRandom(1),
		logging: createLogging({ level: "off", destination: { write() {} } }),
		environment: {},
		makeDataPlane: makeRequestPath,
		drainTimeMs: 1000,
		dnsServer: undefined,
		configPath: "test",
		onQuit() {},
	});
	cleanUps.push(() => proxy.close());
	return proxy;
}

/** One request on a connection of its own. */
function get(port: number, path = "/"): Promise<{ status: number; body: string }> {
	return new Promise((resolve, reject) => {
		const sent = request({ host: "127.0.0.1", port, path, agent: false }, async (response) => {
			let body = "";
			for await (const chunk of response) body += chunk;
			resolve({ status: response.statusCode!, body });
		});
		sent.on("error", reject);
		sent.end();
	});
}

const endpoints = (clusterName: string, ...ports: number[]): JsonObject => ({
	clusterName,
	endpoints: [
		{
			lbEndpoints: ports.map((portValue) => ({
				endpoint: { address: { socketAddress: { address: "127.0.0.1", portValue } } },
			})),
		},
	],
});
const hcm = (routes: JsonObject): JsonObject => ({
	"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
	statPrefix: "in",
	...routes,
	httpFilters: [
		{
			name: "envoy.filters.http.router",
			typedConfig: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
		},
	],
});
const listener = (routes: JsonObject): JsonObject => ({
	name: "in",
	address: { socketAddress: { address: "127.0.0.1", portValue: 0 } },
	filterChains: [{ filters: [{ name: "hcm", typedConfig: hcm(routes) }] }],
});
const routeTo = (name: string, route: JsonObject): JsonObject => ({
	name,
	virtualHosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route }] }],
});
const weights = (share: Record<string, number>): JsonObject =>
	routeTo("r", { weightedClusters: { clusters: Object.entries(share).map(([name, weight]) => ({ name, weight })) } });
const eds = (name: string, more: JsonObject = {}): JsonObject => ({
	name,
	type: "EDS",
	edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: "V3" } },
	...more,
});
const adsBootstrap = (port: number): JsonObject => ({
	node: { id: "n" },
	dynamicResources: {
		adsConfig: {
			apiType: "DELTA_GRPC",
			transportApiVersion: "V3",
			grpcServices: [{ envoyGrpc: { clusterName: "xds" } }],
		},
		cdsConfig: { ads: {}, resourceApiVersion: "V3" },
		ldsConfig: { ads: {}, resourceApiVersion: "V3" },
	},
	staticResources: { clusters: [{ name: "xds", loadAssignment: endpoints("xds", port) }] },
});

async function asked(server: ScriptedAds, type: ResourceType, name?: string) {
	await eventually(`a request for ${type}`, () =>
		server.deltaRequests.find(
			(r) => r.typeUrl === RESOURCE_TYPES[type] && (name === undefined || r.resourceNamesSubscribe.includes(name)),
		),
	);
}
async function acked(server: ScriptedAds, nonce: string) {
	const answer = await eventually(`the answer to ${nonce}`, () =>
		server.deltaRequests.find((r) => r.responseNonce === nonce),
	);
	assert.equal(answer.errorDetail?.message, undefined);
}

/** A proxy with clusters v1 and v2 behind weighted routes, as a control plane sets it up. */
async function meshed(v1: number[], v2: number[], clusterMore: JsonObject = {}) {
	const server = await startScriptedAds();
	let closed: Promise<void> | undefined;
	const close = () => {
		closed ??= server.close();
		return closed;
	};
	cleanUps.push(close);
	const proxy = await start(adsBootstrap(server.port));
	await asked(server, "cluster");
	await acked(server, server.sendDelta("cluster", { v1: eds("v1", clusterMore), v2: eds("v2", clusterMore) }));
	await asked(server, "endpoint", "v1");
	await acked(server, server.sendDelta("endpoint", { v1: endpoints("v1", ...v1), v2: endpoints("v2", ...v2) }));
	await asked(server, "listener");
	const rds = { rds: { routeConfigName: "r", configSource: { ads: {}, resourceApiVersion: "V3" } } };
	await acked(server, server.sendDelta("listener", { in: listener(rds) }));
	await asked(server, "route", "r");
	await acked(server, server.sendDelta("route", { r: weights({ v1: 100, v2: 0 }) }));
	await eventually("readiness", () => proxy.notReady() === "");
	return { server, close, proxy, port: proxy.listeners()[0]!.port };
}

async function tally(port: number, requests: number): Promise<Record<string, number>> {
	const seen: Record<string, number> = {};
	for (let i = 0; i < requests; i++) {
		const { status, body } = await get(port);
		const key = status === 200 ? body : String(status);
		seen[key] = (seen[key] ?? 0) + 1;
	}
	return seen;
}

test("a static bootstrap serves requests at once", async () => {
	const { port } = await backend("b");
	const proxy = await start({
		staticResources: {
			listeners: [listener({ routeConfig: routeTo("r", { cluster: "b" }) })],
			clusters: [{ name: "b", loadAssignment: endpoints("b", port) }],
		},
	});
	assert.deepEqual(await get(proxy.listeners()[0]!.port), { status: 200, body: "b" });
	await proxy.drain(1000);
	assert.equal(proxy.state(), "DRAINING");
});

test("weights steer and change without a failed request; a request in flight ends on what it began with", async () => {
	const [a, b] = [await backend("v1"), await backend("v2")];
	const { server, port } = await meshed([a.port], [b.port]);
	assert.deepEqual(await tally(port, 20), { v1: 20 });
	let release = () => {};
	a.hold = new Promise((resolve) => {
		release = resolve;
	});
	const inFlight = get(port);
	await eventually("the request to arrive", () => a.requests === 21);
	await acked(server, server.sendDelta("route", { r: weights({ v1: 20, v2: 80 }) }, { version: "2" }));
	a.hold = undefined;
	const shares = await tally(port, 200);
	assert.equal(shares.v1! + shares.v2!, 200);
	assert.ok(shares.v2! > 130 && shares.v2! < 185, JSON.stringify(shares));
	await acked(server, server.sendDelta("route", { r: weights({ v1: 0, v2: 100 }) }, { version: "3" }));
	await acked(server, server.sendDelta("cluster", {}, { removed: ["v1"] }));
	assert.deepEqual(await tally(port, 20), { v2: 20 });
	release();
	assert.deepEqual(await inFlight, { status: 200, body: "v1" });
});

test("a failing endpoint is ejected and comes back", async () => {
	const [good, bad] = [await backend("good"), await backend("bad")];
	const { port, proxy } = await meshed([good.port, bad.port], [], {
		lbPolicy: "ROUND_ROBIN",
		outlierDetection: { consecutive5xx: 2, interval: "0.1s", baseEjectionTime: "0.5s", maxEjectionPercent: 100 },
		commonLbConfig: { healthyPanicThreshold: {} },
	});
	bad.status = 503;
	const failing = await tally(port, 12);
	assert.deepEqual(failing, { good: 10, "503": 2 });
	const ejected = proxy.registry.scope("cluster.v1.").gauge("outlier_detection.ejections_active");
	assert.equal(ejected.value, 1);
	bad.status = 200;
	await eventually("the return", () => ejected.value === 0);
	assert.deepEqual(await tally(port, 10), { good: 5, bad: 5 });
});

test("endpoints move without a failed request", async () => {
	const [a, b] = [await backend("a"), await backend("b")];
	const { server, port } = await meshed([a.port], []);
	assert.deepEqual(await tally(port, 5), { a: 5 });
	await acked(server, server.sendDelta("endpoint", { v1: endpoints("v1", b.port) }, { version: "2" }));
	assert.deepEqual(await tally(port, 5), { b: 5 });
});

test("routing goes on while the control plane is away, and what changed meanwhile comes when it is back", async () => {
	const [a, b] = [await backend("v1"), await backend("v2")];
	const { server, close, proxy, port } = await meshed([a.port], [b.port]);
	await close();
	assert.deepEqual(await tally(port, 20), { v1: 20 });
	assert.equal(proxy.notReady(), "");
	const back = await startScriptedAds(server.port);
	cleanUps.unshift(() => back.close());
	await asked(back, "route", "r");
	await acked(back, back.sendDelta("route", { r: weights({ v1: 0, v2: 100 }) }, { version: "2" }));
	assert.deepEqual(await tally(port, 5), { v2: 5 });
});

test("a refused route leaves the last good one", async () => {
	const [a, b] = [await backend("v1"), await backend("v2")];
	const { server, port } = await meshed([a.port], [b.port]);
	const nonce = server.sendDelta(
		"route",
		{ r: routeTo("r", { cluster: "v2", internalRedirectAction: "HANDLE_INTERNAL_REDIRECT" }) },
		{ version: "2" },
	);
	const nack = await eventually("the NACK", () => server.deltaRequests.find((r) => r.responseNonce === nonce));
	assert.match(nack.errorDetail!.message, /r\.virtual_hosts\[0\]\.routes\[0\]\.route\.internal_redirect_action/);
	assert.deepEqual(await tally(port, 3), { v1: 3 });
});

test("connections beyond the overload manager's limit are closed at once and counted", async () => {
	const proxy = await start({
		overloadManager: {
			resourceMonitors: [
				{
					name: "connections",
					typedConfig: {
						"@type":
							"type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
						maxActiveDownstreamConnections: "1",
					},
				},
			],
		},
		staticResources: {
			listeners: [listener({ routeConfig: { ...routeTo("r", { cluster: "none" }), validateClusters: false } })],
		},
	});
	const { port } = proxy.listeners()[0]!;
	const first = connect(port, "127.0.0.1");
	cleanUps.push(() => first.destroy());
	first.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
	await once(first, "data");
	const second = connect(port, "127.0.0.1");
	await once(second, "close");
	first.destroy();
	await eventually("a free place", () =>
		get(port)
			.then(({ status }) => status === 503)
			.catch(() => false),
	);
	const stats = [...proxy.registry.stats()].filter(({ name }) => name.endsWith("downstream_global_cx_overflow"));
	assert.ok(Number((stats[0]!.cell as { value: number }).value) >= 1);
});
