import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { findEnvoy, type RunningEnvoy, startEnvoy } from "../../support/envoy.ts";
import { eventually } from "../../support/eventually.ts";
import { startLateenProxy } from "../../support/lateen-proxy.ts";
import { XdsServer } from "../../support/xds-server.ts";

const envoy = await findEnvoy();

/** One proxy under test with an xDS server of its own. */
export interface DiscoveryRun {
	readonly xds: XdsServer;
	readonly proxy: RunningEnvoy;
	/** Port of an upstream that answers with its name, the path and the header `x-seen`. */
	readonly upstream: number;
	/** Which proxy this is: for what must be said differently. */
	readonly who: "envoy" | "lateen";
	/** Something that both must have seen alike. */
	note(what: string, value: unknown): void;
	/** `200 body` of a request; waits for the listener. */
	ask(path: string, options?: AskOptions): Promise<string>;
	/** Until `ask` gives this. */
	asked(expected: string, path: string, options?: AskOptions): Promise<void>;
	until(what: string, condition: () => unknown): Promise<void>;
	stat(name: string): Promise<number | undefined>;
	dump(query?: string): Promise<JsonObject[]>;
}

export interface AskOptions {
	readonly host?: string;
	readonly method?: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: string;
	/** Port of the listener of this name; "in" by default. */
	readonly listener?: string;
}

export interface Discovery {
	/** The bootstrap without admin; the static cluster of the xDS server is `xdsClusters(xds)`. */
	bootstrap(xds: XdsServer, upstream: number): JsonObject;
	/** What is there before the proxy starts. */
	before?(xds: XdsServer, upstream: number): void;
	script(run: DiscoveryRun): Promise<void>;
}

/** Plays the script on Envoy and on Lateen, and compares what both noted. */
export function discovery(name: string, scene: Discovery): void {
	test(name, { skip: "skip" in envoy ? envoy.skip : false, timeout: 60_000 }, async () => {
		const only = process.env.LATEEN_SCENE_ONLY;
		if (only === "envoy" || only === "lateen") {
			console.log(`${name}\n${(await play(scene, only)).join("\n")}`);
			return;
		}
		const [theirs, ours] = await Promise.all([play(scene, "envoy"), play(scene, "lateen")]);
		if (process.env.LATEEN_SCENE_PRINT) console.log(`${name}\n${theirs.join("\n")}\n-- ours\n${ours.join("\n")}`);
		assert.deepEqual(ours, theirs);
	});
}

async function play(scene: Discovery, who: "envoy" | "lateen"): Promise<string[]> {
	const upstream = createServer((incoming, response) => {
		response.end(`up ${incoming.headers.host} ${incoming.url} ${incoming.headers["x-seen"] ?? "-"}`);
	}).listen(0, "127.0.0.1");
	await once(upstream, "listening");
	const { port } = upstream.address() as AddressInfo;
	const xds = await new XdsServer().start();
	scene.before?.(xds, port);
	const bootstrap = { node: { id: "n", cluster: "c" }, ...scene.bootstrap(xds, port) };
	const notes: string[] = [];
	let proxy: RunningEnvoy | undefined;
	try {
		proxy =
			who === "lateen"
				? await startLateenProxy(bootstrap)
				: await startEnvoy({
						path: (envoy as { path: string }).path,
						bootstrap,
						logLevel: process.env.ENVOY_LOG || "error",
					});
		await scene.script(runOf(who, { xds, proxy, upstream: port }, notes));
	} catch (error) {
		const said = (proxy?.log() ?? "").split("\n").slice(-40).join("\n");
		throw new Error(`${who}: ${(error as Error).message}\n${notes.join("\n")}\n${xds.requests.join("\n")}\n${said}`, {
			cause: error,
		});
	} finally {
		if (process.env.ENVOY_LOG) console.log(who, proxy?.log());
		await proxy?.stop();
		xds.close();
		upstream.closeAllConnections();
		upstream.close();
	}
	return notes;
}

type Parts = Pick<DiscoveryRun, "xds" | "proxy" | "upstream">;

function runOf(who: DiscoveryRun["who"], parts: Parts, notes: string[]): DiscoveryRun {
	const { proxy } = parts;
	const ask = async (path: string, options: AskOptions = {}) => {
		const name = options.listener ?? "in";
		// A listener is listed a moment before it takes connections.
		const port = await eventually(`the listener ${name}`, async () => {
			const bound = await portOf(proxy, name);
			return bound && (await accepts(bound)) ? bound : undefined;
		});
		return get(port, path, options);
	};
	return {
		...parts,
		who,
		note: (what, value) => void notes.push(`${what}: ${typeof value === "string" ? value : JSON.stringify(value)}`),
		ask,
		async asked(expected, path, options) {
			let last = "";
			await eventually(`${path} to be answered with "${expected}"`, async () => {
				last = await ask(path, options).catch(String);
				return last === expected;
			}).catch(() => {
				throw new Error(`${path} is answered with "${last}", not with "${expected}"`);
			});
		},
		until: async (what, condition) => void (await eventually(what, condition)),
		stat: async (name) => (await proxy.stats(/./))[name],
		async dump(query = "") {
			const answer = await fetch(`${proxy.adminUrl}/config_dump${query}`);
			return ((await answer.json()) as { configs: JsonObject[] }).configs ?? [];
		},
	};
}

async function accepts(port: number): Promise<boolean> {
	const socket = connect(port, "127.0.0.1");
	const outcome = await once(socket, "connect").then(
		() => true,
		() => false,
	);
	socket.destroy();
	return outcome;
}

async function portOf(proxy: RunningEnvoy, name: string): Promise<number | undefined> {
	const { listener_statuses: all = [] } = (await (await fetch(`${proxy.adminUrl}/listeners?format=json`)).json()) as {
		listener_statuses?: { name: string; local_address: { socket_address: { port_value: number } } }[];
	};
	return all.find((each) => each.name === name)?.local_address.socket_address.port_value;
}

function get(port: number, path: string, { host = "a.test", method = "GET", headers, body }: AskOptions) {
	return new Promise<string>((resolve, reject) => {
		const sent = request(
			{ host: "127.0.0.1", port, path, method, agent: false, headers: { host, ...headers } },
			async (response) => {
				let text = "";
				for await (const piece of response) text += piece;
				resolve(`${response.statusCode} ${text}`.trim());
			},
		);
		sent.on("error", reject);
		sent.end(body);
	});
}

const TYPES = "type.googleapis.com/envoy";

/** The static clusters "xds" (gRPC), "rest" (the same server's REST) and "up". */
export function xdsClusters(xds: XdsServer, upstream: number): JsonObject[] {
	const http2 = {
		"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
			"@type": `${TYPES}.extensions.upstreams.http.v3.HttpProtocolOptions`,
			explicit_http_config: { http2_protocol_options: {} },
		},
	};
	return [
		{ ...cluster("xds", xds.port), typed_extension_protocol_options: http2 },
		cluster("rest", xds.restPort),
		cluster("up", upstream),
	];
}

/** A STATIC cluster with one endpoint on loopback. */
export function cluster(name: string, port: number): JsonObject {
	return { name, connect_timeout: "1s", load_assignment: assignment(name, port) };
}

/** Endpoints of a cluster. */
export function assignment(name: string, ...ports: number[]): JsonObject {
	const at = (port_value: number) => ({ address: { socket_address: { address: "127.0.0.1", port_value } } });
	return { cluster_name: name, endpoints: [{ lb_endpoints: ports.map((port) => ({ endpoint: at(port) })) }] };
}

/** ads_config. */
export const adsConfig = (api: "GRPC" | "DELTA_GRPC"): JsonObject => ({
	api_type: api,
	transport_api_version: "V3",
	grpc_services: [{ envoy_grpc: { cluster_name: "xds" } }],
});

/** A config source: the ADS stream. */
export const ADS: JsonObject = { ads: {}, resource_api_version: "V3" };

/** A config source: a stream of its own. */
export const ownStream = (api: "GRPC" | "DELTA_GRPC", more: JsonObject = {}): JsonObject => ({
	api_config_source: adsConfig(api),
	resource_api_version: "V3",
	...more,
});

export const ROUTER: JsonObject = {
	name: "envoy.filters.http.router",
	typed_config: { "@type": `${TYPES}.extensions.filters.http.router.v3.Router` },
};

/** A listener with a connection manager; `hcm` says where its routes come from. */
export function listener(hcm: JsonObject, name = "in"): JsonObject {
	const typed_config = {
		"@type": `${TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
		stat_prefix: name,
		http_filters: [ROUTER],
		...hcm,
	};
	return {
		name,
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		filter_chains: [{ filters: [{ name: "hcm", typed_config }] }],
	};
}

/** A virtual host that answers by itself, saying who it is. */
export function says(name: string, domains: readonly string[], text = name): JsonObject {
	const direct_response = { status: 200, body: { inline_string: text } };
	return { name, domains: [...domains], routes: [{ match: { prefix: "/" }, direct_response }] };
}
