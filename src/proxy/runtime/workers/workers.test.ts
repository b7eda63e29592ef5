import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { eventually } from "../../../../test/support/eventually.ts";
import { startLateenProxy } from "../../../../test/support/lateen-proxy.ts";
import { startScriptedAds } from "../../../../test/support/scripted-ads.ts";
import { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import { dumpStats, mergeDumps } from "../../../telemetry/stats-dump.ts";

test("stats of several threads add up; what tells of the configuration or the process does not", () => {
	const make = (requests: number) => {
		const registry = new MetricRegistry();
		const cluster = registry.scope("cluster.reviews.");
		cluster.counter("upstream_rq_total").inc(requests);
		cluster.gauge("upstream_cx_active").add(2);
		cluster.gauge("membership_total").set(3);
		for (let i = 0; i < requests; i++) cluster.histogram("upstream_rq_time").record(100 * i);
		registry.scope("server.").gauge("live").set(1);
		const family = registry.counterFamily({ name: "istio_requests_total", labels: ["code"] });
		family.with("200").inc(requests);
		registry.histogramFamily({ name: "istio_request_bytes", labels: [] }).with().record(7);
		return structuredClone(dumpStats(registry));
	};
	const merged = mergeDumps([make(5), make(7)]);
	const cluster = merged.scope("cluster.reviews.");
	assert.equal(cluster.counter("upstream_rq_total").value, 12);
	assert.equal(cluster.gauge("upstream_cx_active").value, 4);
	assert.equal(cluster.gauge("membership_total").value, 3);
	assert.equal(merged.scope("server.").gauge("live").value, 1);
	const dumped = dumpStats(merged);
	const stats = new Map(dumped.scopes[0]!.stats.map(([name, , value]) => [name, value]));
	assert.equal((stats.get("upstream_rq_time") as { count: number }).count, 12);
	assert.deepEqual(dumped.families.map(({ options, series }) => [options.name, series[0]!.value]).slice(0, 1), [
		["istio_requests_total", 12],
	]);
	assert.equal((dumped.families[1]!.series[0]!.value as { count: number }).count, 2);
});

const ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

function listener(name: string, port: number, body: string) {
	const route_config = {
		name: "r",
		virtual_hosts: [
			{
				name: "all",
				domains: ["*"],
				routes: [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: body } } }],
			},
		],
	};
	const http_filters = [{ name: "envoy.filters.http.router", typed_config: { "@type": ROUTER } }];
	const typed_config = { "@type": HCM, stat_prefix: name, route_config, http_filters };
	return {
		name,
		address: { socket_address: { address: "127.0.0.1", port_value: port } },
		filter_chains: [{ filters: [{ name: "hcm", typed_config }] }],
	};
}

/** Listening sockets of this port on loopback (proc(5): /proc/net/tcp, state 0A). */
function listeningSockets(port: number): number {
	const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
	const lines = readFileSync("/proc/net/tcp", "utf8").split("\n");
	return lines.filter((line) => line.includes(` ${local} `) && / 0A /.test(line)).length;
}

async function boundPort(adminUrl: string, name: string): Promise<number> {
	return eventually(`the listener ${name}`, async () => {
		const text = await (await fetch(`${adminUrl}/listeners`)).text();
		return Number(new RegExp(`^${name}::.*:(\\d+)$`, "m").exec(text)?.[1]) || undefined;
	});
}

async function ask(port: number, times: number): Promise<string[]> {
	const one = async () => (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } })).text();
	return Promise.all(Array.from({ length: times }, one));
}

test("two threads share static listeners, count together and drain together", {
	skip: process.platform === "linux" ? false : "reads /proc",
}, async () => {
	const proxy = await startLateenProxy({ static_resources: { listeners: [listener("in", 0, "hello")] } }, [
		"--concurrency",
		"2",
	]);
	try {
		const port = await boundPort(proxy.adminUrl, "in");
		await eventually("both threads' sockets", () => listeningSockets(port) === 2);
		assert.deepEqual(new Set(await ask(port, 40)), new Set(["hello"]));
		const count = async () => (await proxy.stats(/^http\.in\.downstream_rq_2xx$/))["http.in.downstream_rq_2xx"];
		assert.equal(await count(), 40);
		assert.equal((await proxy.stats(/^server\.concurrency$/))["server.concurrency"], 2);
		await fetch(`${proxy.adminUrl}/reset_counters`, { method: "POST" });
		assert.equal(await count(), 0);
		await fetch(`${proxy.adminUrl}/drain_listeners`, { method: "POST" });
		await eventually("both threads' sockets to close", () => listeningSockets(port) === 0);
	} finally {
		await proxy.stop();
	}
});

test("what the control plane sends reaches every thread", {
	skip: process.platform === "linux" ? false : "reads /proc",
}, async () => {
	const server = await startScriptedAds();
	const xds = {
		name: "xds",
		load_assignment: {
			cluster_name: "xds",
			endpoints: [
				{
					lb_endpoints: [
						{ endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: server.port } } } },
					],
				},
			],
		},
	};
	const proxy = await startLateenProxy(
		{
			node: { id: "n" },
			dynamic_resources: {
				ads_config: {
					api_type: "DELTA_GRPC",
					transport_api_version: "V3",
					grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
				},
				lds_config: { ads: {}, resource_api_version: "V3" },
			},
			static_resources: { clusters: [xds] },
		},
		["--concurrency", "2"],
	);
	try {
		const { port } = await freePort();
		await eventually("a stream", () => server.streams() === 1);
		server.sendDelta("listener", { in: listener("in", port, "one") });
		await eventually("both threads' sockets", () => listeningSockets(port) === 2);
		assert.deepEqual(new Set(await ask(port, 30)), new Set(["one"]));
		server.sendDelta("listener", { in: listener("in", port, "two") }, { version: "2" });
		const changed = async () => (await ask(port, 30)).every((body) => body === "two");
		// A connection that is made in the moment of the change may be closed before its request.
		await eventually("the change in both threads", () => changed().catch(() => false));
		server.sendDelta("listener", {}, { removed: ["in"] });
		await eventually("both threads' sockets to close", () => listeningSockets(port) === 0);
		assert.equal(server.streams(), 1);
	} finally {
		await proxy.stop();
		await server.close();
	}
});

async function freePort(): Promise<{ port: number }> {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	server.close();
	await once(server, "close");
	return { port };
}
