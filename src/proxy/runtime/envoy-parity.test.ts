import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { findEnvoy, readStats, startEnvoy } from "../../../test/support/envoy.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { unrefClock } from "../../../test/support/unref-clock.ts";
import { seededRandom } from "../../lib/random.ts";
import { createLogging } from "../../telemetry/logger.ts";
import { parseBootstrap } from "./bootstrap/bootstrap-file.ts";
import { startProxy } from "./proxy.ts";
import { makeRequestPath } from "./request-path.ts";

const envoy = await findEnvoy();
const cleanUps: (() => unknown)[] = [];
after(async () => {
	for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function backend(answer: (path: string) => number): Promise<number> {
	const server = createServer((incoming, response) => {
		response.statusCode = answer(incoming.url!);
		response.end("answer");
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	cleanUps.push(() => {
		server.close();
		server.closeAllConnections();
	});
	return (server.address() as AddressInfo).port;
}

const cluster = (name: string, ports: readonly number[], more: JsonObject = {}): JsonObject => ({
	name,
	connect_timeout: "1s",
	...more,
	load_assignment: {
		cluster_name: name,
		endpoints: [
			{
				lb_endpoints: ports.map((port_value) => ({
					endpoint: { address: { socket_address: { address: "127.0.0.1", port_value } } },
				})),
			},
		],
	},
});

/** One file for both: static listener, connection manager, routes, clusters with outlier detection and limits. */
function bootstrap(good: number, bad: number, dead: number): JsonObject {
	const route = (prefix: string, action: JsonObject): JsonObject => ({ match: { prefix }, ...action });
	return {
		admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } },
		static_resources: {
			listeners: [
				{
					name: "in",
					address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
					filter_chains: [
						{
							filters: [
								{
									name: "envoy.filters.network.http_connection_manager",
									typed_config: {
										"@type":
											"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
										stat_prefix: "in",
										route_config: {
											virtual_hosts: [
												{
													name: "all",
													domains: ["*"],
													routes: [
														route("/moved", { redirect: { path_redirect: "/there" } }),
														route("/direct", { direct_response: { status: 418, body: { inline_string: "teapot" } } }),
														route("/dead", { route: { cluster: "dead" } }),
														route("/empty", { route: { cluster: "empty" } }),
														route("/nowhere", { route: { cluster: "nowhere" } }),
														route("/bad", { route: { cluster: "bad" } }),
														route("/retry", {
															route: { cluster: "mixed", retry_policy: { retry_on: "5xx", num_retries: 3 } },
														}),
														route("/good", { route: { cluster: "good" } }),
													],
												},
											],
											validate_clusters: false,
										},
										http_filters: [
											{
												name: "envoy.filters.http.router",
												typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
											},
										],
									},
								},
							],
						},
					],
				},
			],
			clusters: [
				cluster("good", [good], { lb_policy: "LEAST_REQUEST" }),
				cluster("dead", [dead]),
				cluster("empty", []),
				cluster("bad", [bad], {
					outlier_detection: {
						consecutive_5xx: 3,
						max_ejection_percent: 100,
						base_ejection_time: "30s",
						enforcing_success_rate: 0,
					},
					common_lb_config: { healthy_panic_threshold: { value: 0 } },
				}),
				cluster("mixed", [good, bad]),
			],
		},
	};
}

const CALLS = [
	...["/good/a?b=c", "/good/500", "/moved", "/direct", "/dead", "/empty", "/nowhere", "/unrouted", "/retry"],
	...["/bad", "/bad", "/bad"],
];
const AFTER_EJECTION = ["/bad", "/bad"];

/** Counters of answers that came from an endpoint, and everything that the clusters decide. */
const COMPARED =
	/^cluster\.(good\.upstream_rq_(total|completed|\d\d\d|\dxx|pending_total)|(good|bad|dead|empty)\.(upstream_rq_(pending_failure_eject|timeout|retry)|upstream_cx_(connect_fail|total)|membership_(total|healthy)|outlier_detection\.ejections_(active|enforced_total|enforced_consecutive_5xx|overflow)|circuit_breakers\.default\.(rq|cx|rq_retry|rq_pending)_open|lb_healthy_panic))$|^http\.in\.(downstream_rq_[234]xx|no_route|no_cluster)$/;

function get(port: number, path: string): Promise<string> {
	return new Promise((resolve, reject) => {
		const sent = request(
			{ host: "127.0.0.1", port, path, agent: false, headers: { host: "a.test" } },
			async (response) => {
				let body = "";
				for await (const chunk of response) body += chunk;
				const { location } = response.headers;
				resolve(`${path} ${response.statusCode} ${location ?? ""} ${body}`);
			},
		);
		sent.on("error", reject);
		sent.end();
	});
}

async function drive(port: number, adminUrl: string) {
	const answers: string[] = [];
	const counted = (what: string, name: string, value: number) =>
		eventually(what, async () => (await readStats(adminUrl, /ejections_active|rq_completed/))[name] === value);
	for (const path of CALLS) answers.push(await get(port, path));
	// Envoy's workers learn of an ejection a moment later.
	await counted("the ejection", "cluster.bad.outlier_detection.ejections_active", 1);
	await eventually("the workers to know", async () => (await get(port, "/bad")).endsWith("no healthy upstream"));
	for (const path of AFTER_EJECTION) answers.push(await get(port, path));
	return { answers, stats: await readStats(adminUrl, COMPARED) };
}

test("the same bootstrap gives the same answers and counters as Envoy", {
	skip: "skip" in envoy ? envoy.skip : false,
}, async () => {
	if (!("path" in envoy)) return;
	const good = await backend((path) => (path === "/good/500" ? 500 : 200));
	const bad = await backend(() => 503);
	const closed = createServer();
	closed.listen(0, "127.0.0.1");
	await once(closed, "listening");
	const dead = (closed.address() as AddressInfo).port;
	closed.close();
	await once(closed, "close");

	const file = bootstrap(good, bad, dead);
	const proxy = await startProxy(await parseBootstrap(JSON.stringify(file), "b"), {
		clock: unrefClock,
		random: seededRandom(1),
		logging: createLogging({ level: "off", destination: { write() {} } }),
		environment: {},
		makeDataPlane: makeRequestPath,
		drainTimeMs: 1000,
		dnsServer: undefined,
		configPath: "b",
		onQuit() {},
	});
	cleanUps.push(() => proxy.close());
	const other = await startEnvoy({ path: envoy.path, bootstrap: file });
	cleanUps.push(() => other.stop());
	const listening = await eventually("Envoy's listener", async () => {
		const { listener_statuses: all } = (await (await fetch(`${other.adminUrl}/listeners?format=json`)).json()) as {
			listener_statuses?: { local_address: { socket_address: { port_value: number } } }[];
		};
		return all?.[0]?.local_address.socket_address.port_value;
	});
	const ours = await drive(proxy.listeners()[0]!.port, `http://127.0.0.1:${proxy.admin!.port}`);
	const theirs = await drive(listening, other.adminUrl);
	assert.deepEqual(ours.answers, theirs.answers);
	const nonZero = (stats: Readonly<Record<string, number>>) =>
		Object.fromEntries(
			Object.entries(stats)
				.filter(([, value]) => value > 0)
				.sort(),
		);
	assert.deepEqual(nonZero(ours.stats), nonZero(theirs.stats));
});
