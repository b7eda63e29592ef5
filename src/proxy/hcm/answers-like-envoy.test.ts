import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { after, before, describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { findEnvoy, type RunningEnvoy, startEnvoy } from "../../../test/support/envoy.ts";
import { FakeCluster } from "../forward/fake-cluster.ts";
import type { HcmConfig } from "./hcm-config.ts";
import { HCM_DEFAULTS } from "./hcm-defaults.ts";
import { listen, type ProxyFixture, RawClient, startProxy } from "./proxy-fixture.ts";

const ROUTES: readonly JsonObject[] = [
	{ match: { path: "/direct" }, direct_response: { status: 200, body: { inline_string: "hi" } } },
	{ match: { path: "/away" }, redirect: { host_redirect: "other", https_redirect: true } },
	{ match: { prefix: "/nocluster" }, route: { cluster: "nope" } },
	{ match: { prefix: "/refused" }, route: { cluster: "refused" } },
	{
		match: { prefix: "/retried" },
		route: { cluster: "refused", retry_policy: { retry_on: "connect-failure", num_retries: 1 } },
	},
	{ match: { prefix: "/garbage" }, route: { cluster: "garbage" } },
	{ match: { prefix: "/late" }, route: { cluster: "up", timeout: "0.1s" } },
	{
		match: { prefix: "/ops" },
		route: { cluster: "up", prefix_rewrite: "/new" },
		request_headers_to_add: [{ header: { key: "x-req", value: "1" } }],
		response_headers_to_add: [{ header: { key: "x-res", value: "1" } }],
		response_headers_to_remove: ["x-up"],
	},
	{ match: { prefix: "/up" }, route: { cluster: "up" } },
];

const get = (path: string, fields = "", method = "GET") => `${method} ${path} HTTP/1.1\r\nHost: a:80\r\n${fields}\r\n`;
const SAID =
	"X-Forwarded-For: 1.2.3.4\r\nX-Envoy-Retry-On: 5xx\r\nX-Request-Id: mine\r\nX-Envoy-Internal: true\r\n" +
	"x-envoy-upstream-rq-timeout-ms: 100\r\nTE: trailers\r\nConnection: foo\r\nfoo: bar\r\n";

/** Requests whose answers must be the same, field by field. (Folded lines, bare LF and two Hosts are refused here and taken by Envoy.) */
const REQUESTS: Readonly<Record<string, string>> = {
	"a plain request": get("/up?a=b"),
	"a request with a body": get("/up", "Content-Length: 3\r\n", "POST").concat("abc"),
	"a chunked request": get("/up", "Transfer-Encoding: chunked\r\n", "POST").concat("3\r\nabc\r\n0\r\n\r\n"),
	"a POST without body": get("/up", "", "POST"),
	"a PUT without body": get("/up", "", "PUT"),
	"a PATCH without body": get("/up", "", "PATCH"),
	"a DELETE without body": get("/up", "", "DELETE"),
	"OPTIONS without body": get("/up", "", "OPTIONS"),
	"OPTIONS of all": get("*", "", "OPTIONS"),
	"a path to clean": get("/up/./a//b/../%7ec?x=/../"),
	"a path beyond its root": get("/../up"),
	"an empty length": get("/up", "Content-Length:\r\n"),
	"a NUL in a value": get("/up", "X: a\0b\r\n"),
	"a chunk without end": get("/up", "Transfer-Encoding: chunked\r\n", "POST").concat("zz\r\n"),
	"a method of its own": get("/up", "", "BREW"),
	HEAD: get("/up", "", "HEAD"),
	"HEAD of a direct response": get("/direct", "", "HEAD"),
	"no content": get("/up?status=204"),
	"what a client says of itself": get("/up", SAID),
	"an absolute target": "GET http://reviews:9080/up HTTP/1.1\r\nHost: b\r\n\r\n",
	"Connection: close": get("/direct", "Connection: close\r\n"),
	"a direct response": get("/direct"),
	"a redirect": get("/away?x=1"),
	"no route": get("/nope"),
	"no cluster": get("/nocluster"),
	"a refused connection": get("/refused"),
	"a refused connection, retried": get("/retried"),
	"an upstream that speaks no HTTP": get("/garbage"),
	"an upstream that closes": get("/up?cut"),
	"an upstream that is late": get("/late?wait"),
	"header operations and a rewrite": get("/ops/x"),
	"an answer in chunks": get("/up?chunks"),
	"100-continue": get("/up", "Expect: 100-continue\r\nContent-Length: 2\r\n", "POST").concat("hi"),
	"no HTTP": "GARBAGE\r\n\r\n",
	"length and encoding": get("/up", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
	"two lengths": get("/up", "Content-Length: 1\r\nContent-Length: 2\r\n"),
	"an unknown encoding": get("/up", "Transfer-Encoding: gzip\r\n"),
	"a blank before the colon": get("/up", "X : 1\r\n"),
	"no host": "GET /up HTTP/1.1\r\n\r\n",
	"a fragment": get("/up#x"),
	"an upgrade that is off": get("/up", "Connection: Upgrade\r\nUpgrade: foo\r\n"),
	"too many fields": get("/up", "X: 1\r\n".repeat(101)),
	"a head that is too long": get("/up", `X: ${"a".repeat(62_000)}\r\n`),
	"HTTP/1.0": "GET /up HTTP/1.0\r\nHost: a\r\n\r\n",
};

/** What differs from run to run. */
function settled(answer: string): string[] {
	const [head = "", ...rest] = answer
		.replace(/^date: .*\r/im, "date: *\r")
		.replace(/^x-envoy-upstream-service-time: .*\r/im, "x-envoy-upstream-service-time: *\r")
		.split("\r\n\r\n");
	const lines = head.split("\r\n");
	// The order of fields with different names means nothing (RFC 9110 5.3).
	const body = rest.join("\r\n\r\n").replace(/"x-request-id":"[0-9a-f-]{36}"/, '"x-request-id":"*"');
	return [lines[0]!, ...lines.slice(1).sort(), body];
}

/** Shows the fields that it got; `?status=`, `?cut`, `?wait`, `?chunks` do as they say. */
function upstreamServer(): Server {
	return createServer((req, res) => {
		let body = "";
		req.on("data", (chunk) => {
			body += chunk;
		});
		req.on("end", () => {
			const { method, url } = req;
			if (url!.includes("wait")) return;
			if (url!.includes("cut")) {
				req.socket.destroy();
				return;
			}
			const fields: Record<string, string> = {};
			for (let i = 0; i < req.rawHeaders.length; i += 2) fields[req.rawHeaders[i]!] = req.rawHeaders[i + 1]!;
			const names = Object.keys(fields).sort();
			const text = JSON.stringify({
				method,
				url,
				body,
				...Object.fromEntries(names.map((name) => [name, fields[name]])),
			});
			res.statusCode = Number(/status=(\d+)/.exec(url!)?.[1] ?? 200);
			res.setHeader("x-up", "1");
			if (!url!.includes("chunks") && res.statusCode !== 204) res.setHeader("content-length", text.length);
			res.end(res.statusCode === 204 ? undefined : text);
		});
	});
}

const cluster = (name: string, port: number): JsonObject => ({
	name,
	type: "STATIC",
	load_assignment: {
		cluster_name: name,
		endpoints: [
			{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: port } } } }] },
		],
	},
});

/** The same connection manager for Envoy. */
function envoyListener(name: string, change: JsonObject): JsonObject {
	const hcm = {
		"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
		stat_prefix: name,
		route_config: { validate_clusters: false, virtual_hosts: [{ name: "all", domains: ["*"], routes: [...ROUTES] }] },
		http_filters: [
			{
				name: "router",
				typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
			},
		],
		...change,
	};
	return {
		name,
		address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
		filter_chains: [{ filters: [{ name: "hcm", typed_config: hcm }] }],
	};
}

/** Settings under which both are asked the same. */
const SETTINGS: readonly { name: string; envoy: JsonObject; lateen: Partial<HcmConfig> }[] = [
	{ name: "defaults", envoy: {}, lateen: {} },
	{
		name: "edge",
		envoy: {
			use_remote_address: true,
			skip_xff_append: true,
			server_name: "edge",
			normalize_path: true,
			merge_slashes: true,
			http_protocol_options: { accept_http_10: true },
			via: "v",
			strip_any_host_port: true,
		},
		lateen: {
			serverName: "edge",
			via: "v",
			http1: { ...HCM_DEFAULTS.http1, acceptHttp10: true },
			identity: { ...HCM_DEFAULTS.identity, useRemoteAddress: true, skipXffAppend: true },
			path: { ...HCM_DEFAULTS.path, normalizePath: true, mergeSlashes: true, stripPort: "any" },
		},
	},
];

describe("answers as Envoy does", () => {
	const upstream = upstreamServer();
	const garbage = createTcpServer((socket) => {
		socket.on("data", () => socket.write("HTTP/1.1 garbage\r\n\r\n")).on("error", () => {});
	});
	const proxies = new Map<string, { envoyPort: number; lateen: ProxyFixture }>();
	let envoy: RunningEnvoy | undefined;
	let skip: string | undefined;

	before(async () => {
		const binary = await findEnvoy();
		if ("skip" in binary) {
			skip = binary.skip;
			return;
		}
		const closed = createTcpServer();
		const refused = await listen(closed);
		await new Promise((resolve) => closed.close(resolve));
		const ports = { up: await listen(upstream), garbage: await listen(garbage), refused };
		const pairs = Object.entries(ports);
		const bootstrap = {
			static_resources: {
				listeners: SETTINGS.map(({ name, envoy: change }) => envoyListener(name, change)),
				clusters: pairs.map(([name, port]) => cluster(name, port)),
			},
		};
		envoy = await startEnvoy({ path: binary.path, bootstrap });
		const listed = await fetch(`${envoy.adminUrl}/listeners?format=json`);
		const { listener_statuses: statuses } = (await listed.json()) as {
			listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[];
		};
		for (const { name, lateen: config } of SETTINGS) {
			const envoyPort = statuses.find((status) => status.name === name)!.local_address.socket_address.port_value;
			const clusters = pairs.map(([cluster, port]) => new FakeCluster(cluster, [port]));
			proxies.set(name, { envoyPort, lateen: await startProxy({ routes: ROUTES, clusters, config }) });
		}
	});

	after(async () => {
		for (const { lateen } of proxies.values()) await lateen.close();
		await envoy?.stop();
		upstream.closeAllConnections();
		upstream.close();
		garbage.close();
	});

	for (const { name } of SETTINGS)
		for (const [what, request] of Object.entries(REQUESTS))
			test(`${name}: ${what}`, async (t) => {
				if (skip) return t.skip(skip);
				const { envoyPort, lateen } = proxies.get(name)!;
				const [theirs, ours] = await Promise.all([exchange(envoyPort, request), exchange(lateen.port, request)]);
				assert.deepEqual(settled(ours), settled(theirs));
			});
});

/** Sends one request and returns its whole answer, interim answers included. */
async function exchange(port: number, request: string): Promise<string> {
	const client = new RawClient(port).send(request);
	try {
		return await client.until((text) => client.closed || isWhole(text, request.startsWith("HEAD")));
	} finally {
		client.destroy();
	}
}

function isWhole(text: string, head: boolean): boolean {
	const final = text.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, "");
	const end = final.indexOf("\r\n\r\n");
	if (end < 0) return false;
	if (head || final.startsWith("HTTP/1.1 204")) return true;
	if (/\r\ntransfer-encoding: chunked\r\n/i.test(final)) return final.endsWith("0\r\n\r\n");
	const length = /\r\ncontent-length: (\d+)\r\n/i.exec(final)?.[1];
	return length !== undefined && final.length - end - 4 >= Number(length);
}
