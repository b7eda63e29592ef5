import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { after, suite, test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { eventually } from "../../../test/support/eventually.ts";
import { unrefClock } from "../../../test/support/unref-clock.ts";
import { seededRandom } from "../../lib/random.ts";
import { silentLogger } from "../../telemetry/logger.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { ClusterSchema } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { xdsRegistry } from "../../xds/registry.ts";
import { ClusterSet } from "../cluster/cluster-set.ts";
import { compileCluster } from "../cluster/compile/compile-cluster.ts";
import { Deadlines } from "../http/deadlines.ts";
import { healthChecks } from "./health-checker.ts";

const cleanUps: (() => unknown)[] = [];
after(async () => {
	for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

const PICK = { hash: undefined, avoid: undefined, hostSelectionAttempts: 0 };
const TIMES = {
	interval: "0.02s",
	noTrafficInterval: "0.02s",
	timeout: "0.2s",
	healthyThreshold: 2,
	unhealthyThreshold: 2,
};

async function listen(server: Server): Promise<number> {
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const sockets = new Set<Socket>();
	server.on("connection", (socket: Socket) => sockets.add(socket.once("close", () => sockets.delete(socket))));
	cleanUps.push(() => {
		server.close();
		for (const socket of sockets) socket.destroy();
	});
	return (server.address() as AddressInfo).port;
}

const httpServer = (answer: (request: IncomingMessage, response: ServerResponse) => void) =>
	listen(createHttpServer(answer));

function start(check: JsonObject, ports: readonly number[], more: JsonObject = {}, endpoint: JsonObject = {}) {
	const metrics = new MetricRegistry();
	const log: string[] = [];
	const deps = { clock: unrefClock, random: seededRandom(1), metrics };
	let warm = false;
	const set = new ClusterSet({
		...deps,
		logger: silentLogger,
		resolver: { resolve: async () => ({ addresses: [], ttlMs: undefined }) },
		source: () => undefined,
		onWarm: () => {
			warm = true;
		},
		startChecks: healthChecks({
			...deps,
			upstream: { clock: unrefClock, deadlines: new Deadlines(unrefClock) },
			openLog: () => (line) => void log.push(line),
		}),
	});
	cleanUps.push(() => set.close());
	const lbEndpoints = ports.map((portValue) => ({
		endpoint: { address: { socketAddress: { address: "127.0.0.1", portValue } }, ...endpoint },
	}));
	const json: JsonObject = {
		name: "c",
		healthChecks: [{ ...TIMES, ...check }],
		loadAssignment: { clusterName: "c", endpoints: [{ lbEndpoints }] },
		commonLbConfig: { healthyPanicThreshold: {} },
		...more,
	};
	set.put(compileCluster(fromJson(ClusterSchema, json, { registry: xdsRegistry() })));
	const stat = (name: string) => metrics.scope("cluster.c.").counter(`health_check.${name}`).value;
	const gauge = (name: string) => metrics.scope("cluster.c.").gauge(name).value;
	const host = (i: number) => set.live("c")!.hosts()[i]!;
	const until = (what: string, is: () => boolean) => eventually(what, async () => is() || undefined);
	return { set, stat, gauge, log, host, until, isWarm: () => warm };
}

suite("HTTP checks", () => {
	test("the cluster waits for the first round; hosts come and go with their answers", async () => {
		let status = 200;
		const seen: string[] = [];
		const port = await httpServer((request, response) => {
			seen.push(
				`${request.method} ${request.url} ${request.headers.host} ${request.headers["user-agent"]} ${request.headers["x-a"]}`,
			);
			response.writeHead(status).end();
		});
		const check = {
			httpHealthCheck: { path: "/ok?x=1", requestHeadersToAdd: [{ header: { key: "X-A", value: "b" } }] },
		};
		const { set, stat, gauge, host, until, isWarm } = start(check, [port]);
		assert.equal(set.get("c"), undefined, "not in service before it was checked");
		await until("the first round", isWarm);
		assert.equal(set.get("c")!.pick(PICK)?.port, port);
		assert.equal(seen[0], "GET /ok?x=1 c Envoy/HC b");
		assert.equal(gauge("health_check.healthy"), 1);
		status = 500;
		await until("the host to be out", () => host(0).check!.failed);
		assert.equal(set.get("c")!.pick(PICK), undefined);
		assert.equal(gauge("membership_healthy"), 0);
		status = 200;
		await until("the host to be back", () => !host(0).check!.failed);
		assert.ok(stat("attempt") >= 4 && stat("success") >= 2 && stat("failure") >= 1, "all is counted");
		assert.equal(stat("network_failure"), 0);
	});

	test("refused connections and silence are failures of the network; silence is remembered", async () => {
		const dead = await listen(createServer());
		const silent = await listen(createServer(() => {}));
		await cleanUps.splice(-2, 1)[0]!();
		const { host, until, stat, isWarm } = start({ httpHealthCheck: { path: "/" }, timeout: "0.03s" }, [dead, silent]);
		await until("the first round", isWarm);
		await until("both to be told apart", () => host(1).check!.timedOut);
		assert.equal(host(0).check!.timedOut, false);
		assert.ok(stat("network_failure") >= 2);
	});

	test("statuses, bodies, degraded answers and answers that take a host out at once", async () => {
		const answers = [
			[204, {}, "well"],
			[200, {}, "well"],
			[204, { "x-envoy-degraded": "1" }, "well"],
			[204, {}, "sick"],
			[503, { "x-envoy-immediate-health-check-fail": "1" }, "well"],
		] as const;
		let at = 0;
		const port = await httpServer((_, response) => {
			const [status, headers, body] = answers[at]!;
			response.writeHead(status === 204 ? 201 : status, headers).end(body);
		});
		const check = {
			healthyThreshold: 1,
			httpHealthCheck: { path: "/", expectedStatuses: [{ start: 201, end: 202 }], receive: [{ text: "77656c6c" }] },
		};
		const { host, until, isWarm } = start(check, [port]);
		await until("the first round", isWarm);
		assert.equal(host(0).health, "healthy");
		at = 1;
		await until("an unexpected status", () => host(0).health === "unhealthy");
		at = 2;
		await until("degraded", () => host(0).health === "degraded");
		at = 3;
		await until("another body", () => host(0).health === "unhealthy");
		assert.equal(host(0).excluded, false);
		at = 4;
		await until("to be excluded", () => host(0).excluded);
		at = 0;
		await until("to be back", () => host(0).health === "healthy" && !host(0).excluded);
	});

	test("an endpoint's own address, port and name for checks; one that is not checked is in service at once", async () => {
		const seen: string[] = [];
		const port = await httpServer((request, response) => {
			seen.push(request.headers.host ?? "");
			response.end();
		});
		const own = start(
			{ httpHealthCheck: { path: "/", host: "other" } },
			[1],
			{},
			{ healthCheckConfig: { portValue: port, hostname: "mine" } },
		);
		await own.until("the first round", own.isWarm);
		assert.equal(own.host(0).health, "healthy");
		assert.equal(seen[0], "mine");
		const unchecked = start(
			{ httpHealthCheck: { path: "/" } },
			[1],
			{},
			{ healthCheckConfig: { disableActiveHealthCheck: true } },
		);
		assert.equal(unchecked.host(0).health, "healthy");
	});

	test("connections are kept between checks, or not", async () => {
		let connections = 0;
		const server = createHttpServer((_, response) => response.end());
		server.on("connection", () => void connections++);
		const port = await listen(server);
		const kept = start({ httpHealthCheck: { path: "/" } }, [port]);
		await kept.until("some checks", () => kept.stat("success") >= 4);
		assert.equal(connections, 1);
		kept.set.close();
		connections = 0;
		const fresh = start({ httpHealthCheck: { path: "/" }, reuseConnection: false }, [port]);
		await fresh.until("some checks", () => fresh.stat("success") >= 4);
		assert.ok(connections >= 4);
	});

	test("a host that leaves stays while its checks pass, unless it is not to", async () => {
		const port = await httpServer((_, response) => response.end());
		for (const ignoreHealthOnHostRemoval of [false, true]) {
			const { set, host, until, isWarm } = start({ httpHealthCheck: { path: "/" } }, [port, port + 1], {
				ignoreHealthOnHostRemoval,
			});
			await until("the first round", isWarm);
			const live = set.live("c")!;
			const [first] = live.endpoints.endpoints;
			live.update({ ...live.endpoints, endpoints: [] });
			if (ignoreHealthOnHostRemoval) assert.deepEqual(live.hosts(), []);
			else {
				assert.equal(host(0).leaving, true);
				assert.equal(live.hosts().length, 1, "the one that fails is gone");
				live.update({ ...live.endpoints, endpoints: [first!] });
				assert.equal(host(0).leaving, false);
			}
		}
	});

	test("events are logged as Envoy does", async () => {
		let status = 200;
		const port = await httpServer((_, response) => response.writeHead(status).end());
		const { log, until, host } = start({ httpHealthCheck: { path: "/" }, eventLogPath: "/dev/null" }, [port]);
		await until("an event", () => log.length > 0);
		const event = JSON.parse(log[0]!) as Record<string, unknown>;
		assert.deepEqual(Object.keys(event), [
			"health_checker_type",
			"host",
			"cluster_name",
			"add_healthy_event",
			"timestamp",
			"locality",
		]);
		assert.deepEqual(event.add_healthy_event, { first_check: true });
		status = 404;
		await until("the ejection", () => host(0).check!.failed);
		const ejected = JSON.parse(log[1]!) as Record<string, unknown>;
		assert.deepEqual(ejected.eject_unhealthy_event, { failure_type: "ACTIVE", http_status_code: 404 });
	});
});

suite("TCP checks", () => {
	test("connecting is enough when nothing is expected", async () => {
		const port = await listen(createServer((socket) => socket.resume()));
		const { until, isWarm, host } = start({ tcpHealthCheck: {} }, [port]);
		await until("the first round", isWarm);
		assert.equal(host(0).health, "healthy");
	});

	test("bytes are sent, and what is expected must come in order; the PROXY protocol comes first", async () => {
		const seen: string[] = [];
		let answer = "xxPO..NGxx";
		const port = await listen(
			createServer((socket) => {
				socket.on("error", () => {});
				socket.on("data", (bytes) => {
					seen.push(bytes.toString());
					socket.write(answer);
				});
			}),
		);
		const check = {
			unhealthyThreshold: 1,
			timeout: "0.05s",
			tcpHealthCheck: {
				send: { text: "50494e47" },
				receive: [{ text: "504f" }, { text: "4e47" }],
				proxyProtocolConfig: { version: "V1" },
			},
		};
		const { until, isWarm, host } = start(check, [port]);
		await until("the first round", isWarm);
		assert.equal(host(0).health, "healthy");
		assert.match(seen.join(""), /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\nPING/);
		answer = "NGPO";
		await until("to be out", () => host(0).check!.timedOut);
	});
});

suite("gRPC checks", () => {
	test("SERVING is well, everything else is not", async () => {
		let serving = true;
		const asked: string[] = [];
		const server = createHttp2Server();
		server.on("stream", (stream, headers) => {
			const pieces: Buffer[] = [];
			stream.on("data", (piece: Buffer) => void pieces.push(piece));
			stream.on("end", () => {
				asked.push(`${headers[":path"]} ${headers[":authority"]} ${Buffer.concat(pieces).toString("hex")}`);
				stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
				stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
				stream.end(Buffer.from([0, 0, 0, 0, 2, 8, serving ? 1 : 2]));
			});
		});
		const port = await listen(server as unknown as Server);
		const check = { healthyThreshold: 1, grpcHealthCheck: { serviceName: "s", authority: "a.test" } };
		const { until, isWarm, host } = start(check, [port]);
		await until("the first round", isWarm);
		assert.equal(host(0).health, "healthy");
		assert.equal(asked[0], "/grpc.health.v1.Health/Check a.test 00000000030a0173");
		serving = false;
		await until("to be out", () => host(0).health === "unhealthy");
		serving = true;
		await until("to be back", () => host(0).health === "healthy");
	});
});
