import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { stringify } from "yaml";
import { eventually } from "../../../../test/support/eventually.ts";
import { unrefClock } from "../../../../test/support/unref-clock.ts";
import { seededRandom } from "../../../lib/random.ts";
import { createLogging } from "../../../telemetry/logger.ts";
import { parseBootstrap } from "../bootstrap/bootstrap-file.ts";
import type { RunningProxy } from "../bootstrap/proxy-options.ts";
import { startProxy } from "../proxy.ts";
import { makeRequestPath } from "../request-path.ts";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
	for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const TYPES = "type.googleapis.com/envoy";
const log: string[] = [];

async function folder(): Promise<string> {
	const path = await mkdtemp(join(tmpdir(), "lateen-config-files-"));
	cleanUps.push(() => rm(path, { recursive: true, force: true }));
	return path;
}

/** Puts a file in its place in one step, as Envoy wants it. */
async function put(path: string, version: string, resources: readonly object[]): Promise<void> {
	await writeFile(`${path}.new`, stringify({ version_info: version, resources }));
	await rename(`${path}.new`, path);
}

async function upstream(name: string): Promise<number> {
	const server = createServer((_, response) => response.end(name)).listen(0, "127.0.0.1");
	await once(server, "listening");
	cleanUps.push(() => {
		server.closeAllConnections();
		server.close();
	});
	return (server.address() as AddressInfo).port;
}

const socket = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });
const cluster = (name: string, path: string) => ({
	"@type": `${TYPES}.config.cluster.v3.Cluster`,
	name,
	type: "EDS",
	eds_cluster_config: { eds_config: { path_config_source: { path } } },
});
const endpoints = (name: string, port: number) => ({
	"@type": `${TYPES}.config.endpoint.v3.ClusterLoadAssignment`,
	cluster_name: name,
	endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(port) } }] }],
});
const listener = (path: string) => ({
	"@type": `${TYPES}.config.listener.v3.Listener`,
	name: "in",
	address: socket(0),
	filter_chains: [
		{
			filters: [
				{
					name: "hcm",
					typed_config: {
						"@type": `${TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
						stat_prefix: "in",
						rds: { route_config_name: "r", config_source: { path_config_source: { path } } },
						http_filters: [
							{ name: "router", typed_config: { "@type": `${TYPES}.extensions.filters.http.router.v3.Router` } },
						],
					},
				},
			],
		},
	],
});
const routes = (to: string) => ({
	"@type": `${TYPES}.config.route.v3.RouteConfiguration`,
	name: "r",
	virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: to } }] }],
});

async function start(text: string): Promise<RunningProxy> {
	const proxy = await startProxy(await parseBootstrap(text, "test"), {
		clock: unrefClock,
		random: seededRandom(1),
		logging: createLogging({ level: "warning", destination: { write: (line) => void log.push(line) } }),
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

test("clusters, endpoints, listeners and routes from files; a change is taken, a broken one is not", async () => {
	const at = await folder();
	const file = (name: string) => join(at, `${name}.yaml`);
	await put(file("eds"), "1", [endpoints("a", await upstream("a")), endpoints("b", await upstream("b"))]);
	await put(file("cds"), "1", [cluster("a", file("eds")), cluster("b", file("eds"))]);
	await put(file("rds"), "1", [routes("a")]);
	await put(file("lds"), "1", [listener(file("rds"))]);
	const source = (name: string) => ({ path_config_source: { path: file(name) } });
	const dynamic_resources = { cds_config: source("cds"), lds_config: source("lds") };
	const proxy = await start(stringify({ node: { id: "n", cluster: "c" }, dynamic_resources }));
	const { port } = await eventually("a listener", () => proxy.listeners()[0]);
	const ask = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
	assert.equal(await ask(), "a");
	await put(file("rds"), "2", [routes("b")]);
	await eventually("the new route", async () => (await ask()) === "b");
	await put(file("eds"), "2", [endpoints("a", 1), endpoints("b", await upstream("b2"))]);
	await eventually("the new endpoint", async () => (await ask()) === "b2");
	log.length = 0;
	await put(file("rds"), "3", [{ ...routes("a"), nonsense: 1 }]);
	await eventually("a word about the broken file", () => log.some((line) => line.includes("nonsense")));
	assert.equal(await ask(), "b2");
	await put(file("lds"), "2", []);
	await eventually("the listener to go", () => proxy.listeners().length === 0);
});
