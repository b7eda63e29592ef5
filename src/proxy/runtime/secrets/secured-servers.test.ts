import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, before, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createTestAuthority, type TestCertificate } from "../../../../test/support/certificates.ts";
import { eventually } from "../../../../test/support/eventually.ts";
import { anyOf } from "../../../../test/support/scripted-ads.ts";
import { unrefClock } from "../../../../test/support/unref-clock.ts";
import { seededRandom } from "../../../lib/random.ts";
import { createLogging } from "../../../telemetry/logger.ts";
import { AggregatedDiscoveryService } from "../../../xds/generated/envoy/service/discovery/v3/ads_pb.ts";
import {
	type DiscoveryRequest,
	type DiscoveryResponse,
	DiscoveryResponseSchema,
} from "../../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { SecretDiscoveryService } from "../../../xds/generated/envoy/service/secret/v3/sds_pb.ts";
import { RESOURCE_TYPES } from "../../../xds/type-urls.ts";
import { parseBootstrap } from "../bootstrap/bootstrap-file.ts";
import type { RunningProxy } from "../bootstrap/proxy-options.ts";
import { startProxy } from "../proxy.ts";
import { makeRequestPath } from "../request-path.ts";

let ca: TestCertificate;
let sdsCert: TestCertificate;
let agent: TestCertificate;
let server: TestCertificate;
let first: TestCertificate;
let second: TestCertificate;
before(async () => {
	ca = await createTestAuthority();
	sdsCert = await ca.issue({ sans: ["sds.test", "127.0.0.1", "localhost"] });
	agent = await ca.issue({ sans: ["agent.test"] });
	server = await ca.issue({ sans: ["server.test"] });
	first = await ca.issue({ sans: ["first.test"] });
	second = await ca.issue({ sans: ["second.test"] });
});

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
	for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Says to whoever asks for secrets what it was last told, and tells it again when it changes. */
class SecretTeller {
	readonly askers: string[] = [];
	#current: TestCertificate | undefined;
	#version = 0;
	#wake: (() => void)[] = [];

	say(certificate: TestCertificate): void {
		this.#current = certificate;
		this.#version++;
		for (const wake of this.#wake.splice(0)) wake();
	}

	async *stream(requests: AsyncIterable<DiscoveryRequest>, wanted: string): AsyncGenerator<DiscoveryResponse> {
		for await (const { typeUrl, resourceNames } of requests) {
			this.askers.push(`${typeUrl.split(".").at(-1)}:${resourceNames.join()}`);
			if (typeUrl === RESOURCE_TYPES.secret) break;
			if (typeUrl !== RESOURCE_TYPES.secret)
				yield create(DiscoveryResponseSchema, { typeUrl, versionInfo: "1", nonce: "1" });
		}
		for (let told = 0; ; ) {
			if (told === this.#version) await new Promise<void>((resolve) => this.#wake.push(resolve));
			told = this.#version;
			yield create(DiscoveryResponseSchema, {
				typeUrl: RESOURCE_TYPES.secret,
				versionInfo: String(told),
				nonce: String(told),
				resources: [anyOf("secret", secretOf(wanted, this.#current!))],
			});
		}
	}
}

const secretOf = (name: string, from: TestCertificate): JsonObject => ({
	name,
	tlsCertificate: { certificateChain: { inlineString: from.chainPem }, privateKey: { inlineString: from.keyPem } },
});
const inline = (text: string): JsonObject => ({ inline_string: text });

/** A gRPC server over TLS that demands `agent`'s certificate. */
async function secretServer(teller: SecretTeller): Promise<number> {
	const stream = (requests: AsyncIterable<DiscoveryRequest>) => teller.stream(requests, "client");
	const adapter = connectNodeAdapter({
		routes: (router) => {
			router.service(SecretDiscoveryService, { streamSecrets: stream });
			router.service(AggregatedDiscoveryService, { streamAggregatedResources: stream });
		},
	});
	const sessions = new Set<{ destroy(): void }>();
	const http2 = createSecureServer(
		{ cert: sdsCert.chainPem, key: sdsCert.keyPem, ca: ca.certPem, requestCert: true, rejectUnauthorized: true },
		adapter,
	);
	http2.on("session", (session) => sessions.add(session));
	http2.listen(0, "127.0.0.1");
	await once(http2, "listening");
	cleanUps.push(() => {
		for (const session of sessions) session.destroy();
		http2.close();
	});
	return (http2.address() as AddressInfo).port;
}

/** An endpoint that demands a client certificate and answers with its subject and the number of the connection. */
async function endpoint(): Promise<number> {
	const numbers = new Map<unknown, number>();
	const https = createHttps(
		{ cert: server.chainPem, key: server.keyPem, ca: ca.certPem, requestCert: true, rejectUnauthorized: true },
		(req, res) => {
			const socket = req.socket as TLSSocket;
			if (!numbers.has(socket)) numbers.set(socket, numbers.size + 1);
			const close = req.url === "/close";
			if (close) res.setHeader("connection", "close");
			res.end(`${socket.getPeerX509Certificate()?.subject} ${numbers.get(socket)}`);
		},
	);
	https.listen(0, "127.0.0.1");
	await once(https, "listening");
	cleanUps.push(() => {
		https.closeAllConnections();
		https.close();
	});
	return (https.address() as AddressInfo).port;
}

async function start(bootstrap: JsonObject): Promise<RunningProxy> {
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

const TYPE = "type.googleapis.com/envoy.extensions";

function listener(): JsonObject {
	return {
		name: "in",
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		filter_chains: [
			{
				filters: [
					{
						name: "hcm",
						typed_config: {
							"@type": `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
							stat_prefix: "in",
							route_config: {
								virtual_hosts: [
									{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "endpoint" } }] },
								],
							},
							http_filters: [{ name: "router", typed_config: { "@type": `${TYPE}.filters.http.router.v3.Router` } }],
						},
					},
				],
			},
		],
	};
}

function cluster(name: string, port: number, tls: JsonObject, more: JsonObject = {}): JsonObject {
	const address = { socket_address: { address: "127.0.0.1", port_value: port } };
	return {
		name,
		type: "STATIC",
		load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
		transport_socket: {
			name: "tls",
			typed_config: { "@type": `${TYPE}.transport_sockets.tls.v3.UpstreamTlsContext`, ...tls },
		},
		...more,
	};
}

const HTTP2: JsonObject = {
	typed_extension_protocol_options: {
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
			"@type": `${TYPE}.upstreams.http.v3.HttpProtocolOptions`,
			explicit_http_config: { http2_protocol_options: {} },
		},
	},
};
const trust = (): JsonObject => ({ validation_context: { trusted_ca: inline(ca.certPem) } });
const asAgent = (): JsonObject => ({
	tls_certificates: [{ certificate_chain: inline(agent.chainPem), private_key: inline(agent.keyPem) }],
});

/** The cluster of the secured server, and the one of the endpoint, whose certificate comes from there. */
function clusters(endpointPort: number, serverPort: number, sdsConfig: JsonObject): JsonObject[] {
	const source = { tls_certificate_sds_secret_configs: [{ name: "client", sds_config: sdsConfig }] };
	return [
		cluster("server", serverPort, { sni: "sds.test", common_tls_context: { ...asAgent(), ...trust() } }, HTTP2),
		cluster("endpoint", endpointPort, { common_tls_context: { ...source, ...trust() } }),
	];
}

const byCluster = (): JsonObject => ({ envoy_grpc: { cluster_name: "server" } });
const byUri = (port: number): JsonObject => ({
	google_grpc: {
		target_uri: `127.0.0.1:${port}`,
		stat_prefix: "sds",
		channel_credentials: {
			ssl_credentials: {
				root_certs: inline(ca.certPem),
				cert_chain: inline(agent.chainPem),
				private_key: inline(agent.keyPem),
			},
		},
	},
});
const apiSource = (service: JsonObject): JsonObject => ({
	api_config_source: { api_type: "GRPC", transport_api_version: "V3", grpc_services: [service] },
});

function ask(proxy: RunningProxy, path = "/"): Promise<string> {
	const port = proxy.listeners().find(({ name }) => name === "in")!.port;
	return new Promise((resolve, reject) => {
		const req = request({ port, host: "127.0.0.1", path, agent: false }, (res) => {
			let body = "";
			res.setEncoding("utf8").on("data", (chunk: string) => {
				body += chunk;
			});
			res.on("end", () => resolve(res.statusCode === 200 ? body : `${res.statusCode} ${body}`));
		});
		req.on("error", reject).end();
	});
}

for (const kind of ["envoy_grpc", "google_grpc"] as const)
	test(`a server of secrets over mutual TLS (${kind}): endpoints see the new certificate on new connections, and no connection ends`, async () => {
		const teller = new SecretTeller();
		const [sds, backend] = [await secretServer(teller), await endpoint()];
		const service = kind === "envoy_grpc" ? byCluster() : byUri(sds);
		teller.say(first);
		const proxy = await start({
			admin: { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } },
			node: { id: "n", cluster: "c" },
			static_resources: { listeners: [listener()], clusters: clusters(backend, sds, apiSource(service)) },
		});
		assert.deepEqual(teller.askers.slice(0, 1), ["Secret:client"]);
		assert.equal(await ask(proxy), "CN=first.test 1");
		teller.say(second);
		await eventually("the second secret", async () => (await fetchCerts(proxy)).includes("second.test") || undefined);
		// The connection with the old certificate still serves.
		assert.equal(await ask(proxy), "CN=first.test 1");
		assert.equal(await ask(proxy, "/close"), "CN=first.test 1");
		assert.equal(await ask(proxy), "CN=second.test 2");
	});

async function fetchCerts(proxy: RunningProxy): Promise<string> {
	return (await fetch(`http://127.0.0.1:${proxy.admin!.port}/certs`)).text();
}

test("a cluster waits for its secret, and the listener for the cluster; without it requests fail by name until it comes", async () => {
	const teller = new SecretTeller();
	const [sds, backend] = [await secretServer(teller), await endpoint()];
	const source = { ...apiSource(byCluster()), initial_fetch_timeout: "0.2s" };
	const startMs = performance.now();
	const proxy = await start({
		static_resources: { listeners: [listener()], clusters: clusters(backend, sds, source) },
		node: { id: "n", cluster: "c" },
	});
	assert.ok(performance.now() - startMs >= 190, "it opened before it had waited");
	assert.match(await ask(proxy), /^503 upstream connect error.*TLS_error: Secret is not supplied by SDS$/);
	teller.say(first);
	await eventually("the secret", async () => (await ask(proxy)) === "CN=first.test 1" || undefined);
});

test("ADS over mutual TLS by google_grpc and by a cluster", async () => {
	for (const kind of ["envoy_grpc", "google_grpc"]) {
		const teller = new SecretTeller();
		const [ads, backend] = [await secretServer(teller), await endpoint()];
		const service = kind === "envoy_grpc" ? byCluster() : byUri(ads);
		teller.say(first);
		const proxy = await start({
			node: { id: "n", cluster: "c" },
			dynamic_resources: {
				ads_config: { api_type: "GRPC", transport_api_version: "V3", grpc_services: [service] },
			},
			static_resources: { listeners: [listener()], clusters: clusters(backend, ads, { ads: {} }) },
		});
		await eventually("the listener", () => proxy.listeners().some(({ name }) => name === "in") || undefined);
		assert.equal(await ask(proxy), "CN=first.test 1", kind);
	}
});
