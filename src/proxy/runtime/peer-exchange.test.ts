import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { JsonObject } from "@bufbuild/protobuf";
import { createTestAuthority, type TestCertificate } from "../../../test/support/certificates.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { unrefClock } from "../../../test/support/unref-clock.ts";
import { seededRandom } from "../../lib/random.ts";
import { createLogging } from "../../telemetry/logger.ts";
import { parseBootstrap } from "./bootstrap/bootstrap-file.ts";
import type { RunningProxy } from "./bootstrap/proxy-options.ts";
import { startProxy } from "./proxy.ts";
import { makeRequestPath } from "./request-path.ts";

const TYPE = "type.googleapis.com/envoy.extensions";
let ca: TestCertificate;
let own: TestCertificate;
before(async () => {
	ca = await createTestAuthority();
	own = await ca.issue({ sans: ["spiffe://cluster.local/ns/ns/sa/a"] });
});

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
	for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const inline = (text: string): JsonObject => ({ inline_string: text });
const common = (): JsonObject => ({
	tls_certificates: [{ certificate_chain: inline(own.chainPem), private_key: inline(own.keyPem) }],
	validation_context: { trusted_ca: inline(ca.certPem) },
	alpn_protocols: ["istio-peer-exchange"],
});
/** As istiod sends it. */
const EXCHANGE: JsonObject = {
	name: "istio.metadata_exchange",
	typed_config: {
		"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
		type_url: "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange",
		value: { protocol: "istio-peer-exchange" },
	},
};
const STATS: JsonObject = {
	name: "istio.stats",
	typed_config: {
		"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
		type_url: "type.googleapis.com/stats.PluginConfig",
		value: {},
	},
};

/** A proxy of workload `name` with one listener that sends to a port. */
async function start(
	name: string,
	direction: "INBOUND" | "OUTBOUND",
	port: number,
	{ chain, cluster }: { chain: JsonObject; cluster: JsonObject },
) {
	const tcp = { "@type": `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`, stat_prefix: "t", cluster: "c" };
	const filters = [...(direction === "INBOUND" ? [EXCHANGE] : []), STATS, { name: "tcp", typed_config: tcp }];
	const address = (number: number) => ({ socket_address: { address: "127.0.0.1", port_value: number } });
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }];
	const bootstrap = {
		node: { id: `sidecar~127.0.0.1~${name}.ns~x`, cluster: name, metadata: { WORKLOAD_NAME: name, NAMESPACE: "ns" } },
		admin: { address: address(0) },
		static_resources: {
			listeners: [
				{ name: "in", address: address(0), traffic_direction: direction, filter_chains: [{ filters, ...chain }] },
			],
			clusters: [{ name: "c", type: "STATIC", load_assignment: { cluster_name: "c", endpoints }, ...cluster }],
		},
	};
	const proxy = await startProxy(await parseBootstrap(JSON.stringify(bootstrap), "test"), {
		clock: unrefClock,
		random: seededRandom(1),
		logging: createLogging({ level: "off", destination: { write() {} } }),
		environment: {},
		makeDataPlane: makeRequestPath,
		drainTimeMs: 100,
		dnsServer: undefined,
		configPath: "test",
		onQuit() {},
	});
	cleanUps.push(() => proxy.close());
	return proxy;
}

const portOf = (proxy: RunningProxy) => proxy.listeners().find(({ name }) => name === "in")!.port;
const metrics = async (proxy: RunningProxy) =>
	(await fetch(`http://127.0.0.1:${proxy.admin!.port}/stats/prometheus`)).text();

async function application(serve: (socket: Socket) => void): Promise<number> {
	const sockets = new Set<Socket>();
	const server = createServer((socket) => {
		sockets.add(socket.on("error", () => {}));
		serve(socket);
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	cleanUps.push(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	return (server.address() as AddressInfo).port;
}

const serverTls = (): JsonObject => ({
	transport_socket: {
		name: "tls",
		typed_config: {
			"@type": `${TYPE}.transport_sockets.tls.v3.DownstreamTlsContext`,
			require_client_certificate: true,
			common_tls_context: common(),
		},
	},
});
const clientTls = (): JsonObject => ({
	transport_socket: {
		name: "tls",
		typed_config: {
			"@type": `${TYPE}.transport_sockets.tls.v3.UpstreamTlsContext`,
			common_tls_context: common(),
		},
	},
});

/** What a client hears after it has said something. */
async function talk(socket: Socket, says: string, until: string): Promise<string> {
	let heard = "";
	cleanUps.push(() => socket.destroy());
	socket.setEncoding("latin1").on("data", (chunk: string) => {
		heard += chunk;
	});
	if (says !== "") socket.write(says);
	await eventually(until, () => heard.includes(until) || undefined);
	return heard;
}

test("two proxies tell each other who they are; the application hears nothing of it, whoever speaks first", async () => {
	for (const first of ["client", "application"] as const) {
		const heard: string[] = [];
		const port = await application((socket) => {
			if (first === "application") socket.write("welcome");
			socket.on("data", (chunk) => {
				heard.push(String(chunk));
				socket.write(`got ${chunk}`);
			});
		});
		const inbound = await start("server-v1", "INBOUND", port, { chain: serverTls(), cluster: {} });
		const cluster = { ...clientTls(), filters: [EXCHANGE] };
		const outbound = await start("client-v1", "OUTBOUND", portOf(inbound), { chain: {}, cluster });
		const socket = connect(portOf(outbound), "127.0.0.1");
		if (first === "client") {
			assert.equal(await talk(socket, "hello", "got hello"), "got hello");
			assert.deepEqual(heard, ["hello"]);
		} else assert.equal(await talk(socket, "", "welcome"), "welcome");
		socket.destroy();
		await eventually(
			"the inbound metric",
			async () =>
				/istio_tcp_connections_closed_total\{[^}]*reporter="destination"[^}]*source_workload="client-v1"/.test(
					await metrics(inbound),
				) || undefined,
		);
		await eventually(
			"the outbound metric",
			async () =>
				/istio_tcp_connections_closed_total\{[^}]*destination_workload="server-v1"/.test(await metrics(outbound)) ||
				undefined,
		);
	}
});

test("a cluster without the filter changes nothing, and a peer that only agrees is served all the same", async () => {
	const port = await application((socket) => socket.on("data", (chunk) => socket.write(`got ${chunk}`)));
	const inbound = await start("server-v1", "INBOUND", port, { chain: serverTls(), cluster: {} });
	const client = connectTls({
		port: portOf(inbound),
		host: "127.0.0.1",
		cert: own.chainPem,
		key: own.keyPem,
		ca: ca.certPem,
		checkServerIdentity: () => undefined,
		ALPNProtocols: ["istio-peer-exchange"],
	});
	const heard = await talk(client, "plain", "got plain");
	// It gets our preamble, which it has agreed to, and then its answer.
	assert.ok(heard.startsWith("\x3d\x23\x04\x67") && heard.endsWith("got plain"));
	const other = connectTls({
		port: portOf(inbound),
		host: "127.0.0.1",
		cert: own.chainPem,
		key: own.keyPem,
		ca: ca.certPem,
		checkServerIdentity: () => undefined,
	});
	assert.equal(await talk(other, "plain", "got plain"), "got plain");
});
