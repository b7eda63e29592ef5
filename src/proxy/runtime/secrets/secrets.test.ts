import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer as createHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, before, test } from "node:test";
import { connect } from "node:tls";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { createTestAuthority, type TestCertificate } from "../../../../test/support/certificates.ts";
import { eventually } from "../../../../test/support/eventually.ts";
import { anyOf, startScriptedAds } from "../../../../test/support/scripted-ads.ts";
import { unrefClock } from "../../../../test/support/unref-clock.ts";
import { seededRandom } from "../../../lib/random.ts";
import { createLogging } from "../../../telemetry/logger.ts";
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
let first: TestCertificate;
let second: TestCertificate;
before(async () => {
	ca = await createTestAuthority();
	first = await ca.issue({ sans: ["first.test"] });
	second = await ca.issue({ sans: ["second.test"] });
});

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
	for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function folder(): Promise<string> {
	const path = await mkdtemp(join(tmpdir(), "lateen-secrets-"));
	cleanUps.push(() => rm(path, { recursive: true, force: true }));
	return path;
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

const HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
const TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";

/** A listener that answers by itself, with a certificate from `sds_config`. */
function listener(sdsConfig: JsonObject): JsonObject {
	const route = { match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: "hello" } } };
	return {
		name: "in",
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		filter_chains: [
			{
				transport_socket: {
					name: "tls",
					typed_config: {
						"@type": TLS,
						common_tls_context: {
							tls_certificate_sds_secret_configs: [{ name: "server", sds_config: sdsConfig }],
						},
					},
				},
				filters: [
					{
						name: "hcm",
						typed_config: {
							"@type": HCM,
							stat_prefix: "in",
							route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [route] }] },
							http_filters: [{ name: "envoy.filters.http.router", typed_config: { "@type": ROUTER } }],
						},
					},
				],
			},
		],
	};
}

const inlineSecret = (from: TestCertificate): JsonObject => ({
	name: "server",
	tlsCertificate: {
		certificateChain: { inlineString: from.chainPem },
		privateKey: { inlineString: from.keyPem },
	},
});

/** Which certificate the listener shows; "refused" when the handshake fails. */
function shown(proxy: RunningProxy): Promise<string> {
	const port = proxy.listeners().find(({ name }) => name === "in")?.port;
	if (port === undefined) return Promise.resolve("closed");
	return new Promise((resolve) => {
		const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
			resolve(socket.getPeerX509Certificate()?.subject ?? "none");
			socket.destroy();
		});
		socket.on("error", () => resolve("refused"));
	});
}

const shows = (proxy: RunningProxy, wanted: string) =>
	eventually(wanted, async () => ((await shown(proxy)) === wanted ? true : undefined), 5000);

/** Puts a file in its place in one step. */
async function put(path: string, text: string): Promise<void> {
	await writeFile(`${path}.new`, text);
	await rename(`${path}.new`, path);
}

test("a secret from a file: the listener waits for it, takes what replaces it, and keeps it when the next one is broken", async () => {
	const path = join(await folder(), "sds.json");
	const response = (from: TestCertificate) =>
		JSON.stringify({ resources: [{ "@type": SECRET, ...inlineSecret(from) }] });
	await put(path, response(first));
	const proxy = await start({ static_resources: { listeners: [listener({ path_config_source: { path } })] } });
	await shows(proxy, "CN=first.test");
	await put(path, response(second));
	await shows(proxy, "CN=second.test");
	await put(path, response({ ...second, keyPem: first.keyPem }));
	const rejected = proxy.registry.scope("sds.server.").counter("update_rejected");
	await eventually("the refusal", () => (rejected.value > 0 ? true : undefined), 5000);
	assert.equal(await shown(proxy), "CN=second.test");
});

test("files that a secret names are followed through a link that is turned, as in Kubernetes", async () => {
	const root = await folder();
	const write = async (name: string, from: TestCertificate) => {
		await mkdir(join(root, name));
		await writeFile(join(root, name, "tls.crt"), from.chainPem);
		await writeFile(join(root, name, "tls.key"), from.keyPem);
	};
	await write("..1", first);
	await symlink("..1", join(root, "..data"));
	await symlink("..data/tls.crt", join(root, "tls.crt"));
	await symlink("..data/tls.key", join(root, "tls.key"));
	const secret = {
		name: "server",
		tls_certificate: {
			certificate_chain: { filename: join(root, "tls.crt") },
			private_key: { filename: join(root, "tls.key") },
		},
	};
	const path = join(await folder(), "sds.json");
	await put(path, JSON.stringify({ resources: [{ "@type": SECRET, ...secret }] }));
	const proxy = await start({ static_resources: { listeners: [listener({ path_config_source: { path } })] } });
	await shows(proxy, "CN=first.test");
	await write("..2", second);
	await symlink("..2", join(root, "..data_tmp"));
	await rename(join(root, "..data_tmp"), join(root, "..data"));
	await shows(proxy, "CN=second.test");
});

test("a secret that does not come leaves the listener open and refuses its handshakes", async () => {
	const path = join(await folder(), "sds.json");
	const source = { path_config_source: { path }, initial_fetch_timeout: "0.1s" };
	const proxy = await start({ static_resources: { listeners: [listener(source)] } });
	assert.equal(await shown(proxy), "refused");
	const notReady = [...proxy.registry.stats()].find(({ name }) =>
		name.endsWith("server_ssl_socket_factory.downstream_context_secrets_not_ready"),
	);
	assert.equal((notReady?.cell as { value: number } | undefined)?.value, 1);
	await put(path, JSON.stringify({ resources: [{ "@type": SECRET, ...inlineSecret(first) }] }));
	await shows(proxy, "CN=first.test");
});

test("a secret by ADS is asked for by name, used, exchanged, and refused with its reason", async () => {
	const ads = await startScriptedAds();
	cleanUps.push(() => ads.close());
	const proxy = await start({
		node: { id: "n", cluster: "c" },
		dynamic_resources: {
			ads_config: {
				api_type: "DELTA_GRPC",
				transport_api_version: "V3",
				grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
			},
		},
		static_resources: {
			clusters: [xdsCluster("xds", { socket_address: { address: "127.0.0.1", port_value: ads.port } })],
			listeners: [listener({ ads: {} })],
		},
	});
	const asked = await eventually("the question", () =>
		ads.deltaRequests.find(({ typeUrl }) => typeUrl === RESOURCE_TYPES.secret),
	);
	assert.deepEqual(asked.resourceNamesSubscribe, ["server"]);
	ads.sendDelta("secret", { server: inlineSecret(first) });
	await shows(proxy, "CN=first.test");
	ads.sendDelta("secret", { server: inlineSecret(second) });
	await shows(proxy, "CN=second.test");
	ads.sendDelta("secret", { server: { name: "server", tlsCertificate: {} } });
	const nack = await eventually("the refusal", () => ads.deltaRequests.find(({ errorDetail }) => errorDetail));
	assert.match(nack.errorDetail!.message, /LTN3801 server\.tls_certificate\.certificate_chain/);
	assert.equal(await shown(proxy), "CN=second.test");
});

for (const kind of ["google_grpc", "envoy_grpc"] as const)
	test(`a secret from a server on a Unix socket, as Istio's agent is one (${kind})`, async () => {
		const path = join(await folder(), "socket");
		const names: string[][] = [];
		let say: (response: DiscoveryResponse) => void = () => {};
		const adapter = connectNodeAdapter({
			routes: (router) => {
				router.service(SecretDiscoveryService, {
					async *streamSecrets(requests: AsyncIterable<DiscoveryRequest>) {
						for await (const request of requests) {
							names.push([...request.resourceNames]);
							if (request.responseNonce !== "") continue;
							yield response(first);
							yield await new Promise<DiscoveryResponse>((resolve) => {
								say = resolve;
							});
						}
					},
				});
			},
		});
		const server = createHttp2(adapter).listen(path);
		await once(server, "listening");
		cleanUps.push(() => server.close());
		const service: JsonObject =
			kind === "google_grpc"
				? { google_grpc: { target_uri: `unix:${path}`, stat_prefix: "sds" } }
				: { envoy_grpc: { cluster_name: "sds-grpc" } };
		const source = { api_config_source: { api_type: "GRPC", transport_api_version: "V3", grpc_services: [service] } };
		const proxy = await start({
			node: { id: "n", cluster: "c" },
			static_resources: { listeners: [listener(source)], clusters: [xdsCluster("sds-grpc", { pipe: { path } })] },
		});
		await shows(proxy, "CN=first.test");
		assert.deepEqual(names[0], ["server"]);
		say(response(second));
		await shows(proxy, "CN=second.test");
	});

function response(from: TestCertificate): DiscoveryResponse {
	return create(DiscoveryResponseSchema, {
		typeUrl: RESOURCE_TYPES.secret,
		versionInfo: "1",
		nonce: "1",
		resources: [anyOf("secret", inlineSecret(from))],
	});
}

function xdsCluster(name: string, address: JsonObject): JsonObject {
	const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
	return {
		name,
		type: "STATIC",
		load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
		typed_extension_protocol_options: {
			[options]: {
				"@type": `type.googleapis.com/${options}`,
				explicit_http_config: { http2_protocol_options: {} },
			},
		},
	};
}

test("a secret that is said to be in the bootstrap and is not is told with its path", async () => {
	const broken = listener({ ads: {} });
	const text = JSON.stringify(broken).replace(',"sds_config":{"ads":{}}', "");
	await assert.rejects(start({ static_resources: { listeners: [JSON.parse(text) as JsonObject] } }), (error: Error) => {
		assert.match(error.message, /LTN3805 .*tls_certificate_sds_secret_configs\[0\]: there is no secret "server"/);
		return true;
	});
});
