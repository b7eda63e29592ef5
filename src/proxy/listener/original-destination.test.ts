import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { systemClock } from "../../lib/clock.ts";
import { systemRandom } from "../../lib/random.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { ListenerSchema } from "../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { eventually, fakeCluster, listen, RawClient } from "../hcm/proxy-fixture.ts";
import { Deadlines } from "../http/deadlines.ts";
import { destinationReader } from "./inspect/socket-destination.ts";
import { ListenerSet } from "./listener-set.ts";
import { parseListener } from "./parse/parse-listener.ts";

/** Set in the child that runs in a network of its own, where packets may be redirected without anybody noticing. */
const INSIDE = "LATEEN_TEST_NETWORK";

/** Why redirection cannot be tried here; undefined: it can. */
function obstacle(): string | undefined {
	if (process.platform !== "linux") return `network namespaces are Linux's, this is ${process.platform}`;
	if (process.getuid?.() !== 0) return "making a network namespace needs root";
	const probe = spawnSync("unshare", ["-n", "sh", "-c", "ip link set lo up && iptables -t nat -L -n"], {
		stdio: "pipe",
	});
	return probe.status === 0 ? undefined : "unshare, ip and iptables are not all there, or not allowed";
}

if (process.env[INSIDE]) testsInside();
else
	test("redirected connections reach the listener of the address that they meant", (t) => {
		const why = obstacle();
		if (why !== undefined) return t.skip(why);
		const env = { ...process.env, [INSIDE]: "1", NODE_TEST_CONTEXT: undefined };
		const args = ["-n", process.execPath, "--test", "--test-force-exit", "--test-reporter=tap", import.meta.filename];
		const child = spawnSync("unshare", args, { env, encoding: "utf8", timeout: 60_000 });
		assert.equal(child.status, 0, child.stdout + child.stderr);
		assert.match(child.stdout, /# pass [1-9]/);
	});

const CATCH_ALL = 15_001;

function listener(change: JsonObject, cluster: string): JsonObject {
	const tcp = {
		"@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
		stat_prefix: cluster,
		cluster,
	};
	return { filter_chains: [{ filters: [{ name: "tcp", typed_config: tcp }] }], ...change };
}

const at = (address: string, port_value: number): JsonObject => ({ socket_address: { address, port_value } });

function testsInside(): void {
	test("IPv4 and IPv6, exact addresses, wildcards, and nobody's", async () => {
		execFileSync("sh", ["-c", "ip link set lo up"]);
		for (const [tables, place] of [
			["iptables", "127.0.0.9"],
			["iptables", "127.0.0.8"],
			["ip6tables", "::1"],
		] as const) {
			const rule = `-t nat -A OUTPUT -p tcp -d ${place} --dport 80:99 -j REDIRECT --to-ports ${CATCH_ALL}`;
			execFileSync(tables, rule.split(" "));
		}
		const servers = ["exact", "wildcard", "caught"].map((name) => ({
			name,
			server: createServer((socket) => socket.on("error", () => {}).end(name)),
		}));
		const clusters = await Promise.all(
			servers.map(async ({ name, server }) => [name, fakeCluster(name, [await listen(server)])] as const),
		);
		const deadlines = new Deadlines(systemClock);
		const metrics = new MetricRegistry();
		const clock = systemClock;
		const connections: string[] = [];
		const set = new ListenerSet({
			clock,
			random: systemRandom,
			deadlines,
			metrics,
			clusters: new Map(clusters),
			drainTimeMs: 1000,
			httpServices: () => assert.fail("there is no HTTP here"),
			tcpServices: () => ({ accessLog: (info) => void connections.push(info.downstreamLocalAddress ?? "") }),
		});
		const parsing = {
			clock,
			metrics,
			env: { hostname: "h", nowMs: () => 0, environment: () => undefined },
			direction: "outbound" as const,
			httpFilters: () => [],
			networkFilters: [],
			transport: () => assert.fail("no TLS"),
		};
		for (const message of [
			listener({ name: "out", address: at("127.0.0.1", CATCH_ALL), use_original_dst: true }, "caught"),
			listener({ name: "out6", address: at("::1", CATCH_ALL), use_original_dst: true }, "caught"),
			listener({ name: "exact", address: at("127.0.0.9", 80), bind_to_port: false }, "exact"),
			listener({ name: "every", address: at("0.0.0.0", 81), bind_to_port: false }, "wildcard"),
			listener({ name: "exact6", address: at("::1", 82), bind_to_port: false }, "exact"),
		])
			await set.put(parseListener(fromJson(ListenerSchema, message, { registry: xdsRegistry() }), "l", parsing));
		const ask = (port: number, host: string) => {
			const client = new RawClient(port, host);
			return client.untilClosed();
		};
		assert.deepEqual(
			await Promise.all([
				ask(80, "127.0.0.9"),
				ask(81, "127.0.0.9"),
				ask(81, "127.0.0.8"),
				ask(90, "127.0.0.8"),
				ask(82, "::1"),
				ask(83, "::1"),
			]),
			["exact", "wildcard", "wildcard", "caught", "exact", "caught"],
		);
		// One that came without redirection stays where it came.
		assert.equal(await ask(CATCH_ALL, "127.0.0.1"), "caught");
		await eventually(() => connections.length === 7);
		assert.deepEqual(connections.sort(), [
			"127.0.0.1:15001",
			"127.0.0.8:81",
			"127.0.0.8:90",
			"127.0.0.9:80",
			"127.0.0.9:81",
			"[::1]:82",
			"[::1]:83",
		]);
		await set.close();
		deadlines.close();
		for (const { server } of servers) server.close();
	});
}

test("a system without such a thing says why", () => {
	const reader = destinationReader();
	assert.equal(typeof reader, process.platform === "linux" ? "function" : "string");
});
