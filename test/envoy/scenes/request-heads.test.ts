import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

/** Listener → settings of its connection manager. */
const PATH_SETTINGS: Readonly<Record<string, JsonObject>> = {
	plain: {},
	normal: { normalize_path: true },
	merging: { merge_slashes: true },
	both: { normalize_path: true, merge_slashes: true },
	rejecting: { path_with_escaped_slashes_action: "REJECT_REQUEST" },
	forwarding: { path_with_escaped_slashes_action: "UNESCAPE_AND_FORWARD", normalize_path: true },
	redirecting: { path_with_escaped_slashes_action: "UNESCAPE_AND_REDIRECT" },
	keeping: { path_with_escaped_slashes_action: "KEEP_UNCHANGED", normalize_path: true, merge_slashes: true },
};

const PATHS = [
	...["/a/../b", "/a/./b/", "/..", "/../a", "/a//b///c", "//a", "/a/b/..", "/a%2Fb", "/a%5Cb", "/a\\b", "/%61%2E%2e/b"],
	...[
		"/a?x=/../%2F//",
		"/a%00b",
		"/a%zzb",
		"/a/%2e%2E/b",
		"/a/;p/../b",
		"/%7Euser",
		"/caf%C3%A9",
		"/a b".replace(" ", "%20"),
	],
	...["/a%2f..%2fb", "/%2f%2fa", "/.", "/...", "/a/.../b", "/a/..;/b", "/%", "/%2"],
];

scene("paths of requests", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: Object.entries(PATH_SETTINGS).map(([name, more]) =>
				httpListener({ routes: [to("echo")], more }, name),
			),
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: Object.keys(PATH_SETTINGS).flatMap((listener) =>
		PATHS.map((path): Case => get(`${listener} ${path}`, path, {}, { to: listener })),
	),
});

const HOST_SETTINGS: Readonly<Record<string, JsonObject>> = {
	plain: {},
	matching: { strip_matching_host_port: true },
	any: { strip_any_host_port: true },
	dot: { strip_trailing_host_dot: true },
	dotted: { strip_trailing_host_dot: true, strip_any_host_port: true },
};
const HOSTS = [
	"a.test",
	"a.test:80",
	"a.test:8080",
	"a.test.",
	"a.test.:80",
	"[::1]",
	"[::1]:80",
	"a.test:x",
	"a:b:80",
	"A.TEST:0",
];

scene("hosts of requests", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: Object.entries(HOST_SETTINGS).map(([name, more]) =>
				httpListener({ routes: [to("echo")], more }, name),
			),
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: Object.keys(HOST_SETTINGS).flatMap((listener) =>
		HOSTS.map((host): Case => get(`${listener} ${host}`, "/", { host }, { to: listener })),
	),
});

const INTERNAL = {
	cidr_ranges: [
		{ address_prefix: "10.0.0.0", prefix_len: 8 },
		{ address_prefix: "127.0.0.0", prefix_len: 8 },
	],
};
const IDENTITY_SETTINGS: Readonly<Record<string, JsonObject>> = {
	behind: {},
	"behind, one hop": { xff_num_trusted_hops: 1 },
	"behind, with ports": { append_x_forwarded_port: true },
	"behind, internal": { internal_address_config: INTERNAL },
	edge: { use_remote_address: true },
	"edge, one hop": { use_remote_address: true, xff_num_trusted_hops: 1 },
	"edge, two hops": { use_remote_address: true, xff_num_trusted_hops: 2 },
	"edge, nothing appended": { use_remote_address: true, skip_xff_append: true },
	"edge, internal": { use_remote_address: true, internal_address_config: INTERNAL },
	"edge, with ports": { use_remote_address: true, append_x_forwarded_port: true },
	"edge, keeps ids": { use_remote_address: true, preserve_external_request_id: true },
	"ids in answers": { always_set_request_id_in_response: true },
	"no ids": { generate_request_id: false },
	via: { via: "lateen-test", server_name: "named" },
	"server if absent": { server_header_transformation: "APPEND_IF_ABSENT" },
	"server passed": { server_header_transformation: "PASS_THROUGH" },
	"https by header": { scheme_header_transformation: { scheme_to_overwrite: "https" } },
};

const CLIENT_HEADERS: Readonly<Record<string, Record<string, string>>> = {
	nothing: {},
	"one address": { "x-forwarded-for": "1.2.3.4" },
	"two addresses": { "x-forwarded-for": "1.2.3.4, 10.0.0.2" },
	"three addresses": { "x-forwarded-for": "9.9.9.9,1.2.3.4,10.0.0.2" },
	"an inner address": { "x-forwarded-for": "10.0.0.7" },
	"no address": { "x-forwarded-for": "nonsense" },
	"an IPv6 address": { "x-forwarded-for": "2001:db8::1" },
	https: { "x-forwarded-proto": "https", "x-forwarded-port": "443", "x-forwarded-host": "h" },
	"a strange protocol": { "x-forwarded-proto": "gopher" },
	"a request id": { "x-request-id": "my-own-id" },
	"steering headers": {
		"x-envoy-upstream-rq-timeout-ms": "5000",
		"x-envoy-internal": "true",
		"x-envoy-external-address": "8.8.8.8",
		"x-envoy-decorator-operation": "op",
		"x-envoy-downstream-service-cluster": "c",
		"x-envoy-expected-rq-timeout-ms": "7",
		"x-envoy-original-path": "/p",
		"x-envoy-ip-tags": "t",
		"x-envoy-force-trace": "1",
		"x-envoy-attempt-count": "9",
		"x-forwarded-client-cert": "By=spiffe://a",
	},
	hops: {
		"keep-alive": "timeout=5",
		"proxy-connection": "keep-alive",
		te: "trailers, deflate",
		trailer: "x-end",
		upgrade: "h2c",
		connection: "keep-alive, x-hop",
		"x-hop": "1",
		via: "1.1 other",
		"user-agent": "test/1",
		"proxy-authorization": "Basic x",
	},
};

scene("who the client is", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: Object.entries(IDENTITY_SETTINGS).map(([name, more]) =>
				httpListener({ routes: [to("echo")], more }, name),
			),
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: Object.keys(IDENTITY_SETTINGS).flatMap((listener) =>
		Object.entries(CLIENT_HEADERS).map(
			([what, headers]): Case =>
				get(`${listener}: ${what}`, "/a?b", headers, {
					to: listener,
					answers: { echo: [{ headers: { server: "upstream", via: "1.1 up", "x-request-id": "theirs" } }] },
				}),
		),
	),
});

const LIMIT_SETTINGS: Readonly<Record<string, JsonObject>> = {
	plain: {},
	small: { max_request_headers_kb: 1 },
	few: { common_http_protocol_options: { max_headers_count: 5 } },
	"underscores refused": { common_http_protocol_options: { headers_with_underscores_action: "REJECT_REQUEST" } },
	"underscores dropped": { common_http_protocol_options: { headers_with_underscores_action: "DROP_HEADER" } },
	"two requests": { common_http_protocol_options: { max_requests_per_connection: 2 } },
	old: { http_protocol_options: { accept_http_10: true, default_host_for_http_10: "old.test" } },
	"any method": { http_protocol_options: { allow_custom_methods: true } },
	trailers: { http_protocol_options: { enable_trailers: true } },
};

const many = (count: number) => Array.from({ length: count }, (_, i) => [`x-${i}`, "v"] as const);

scene("fields that come twice", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [httpListener({ routes: [to("echo")] })],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		get("any field", "/", [
			["x-a", "1"],
			["x-b", "2"],
			["x-a", "3"],
		]),
		get("cookies", "/", [
			["cookie", "a=1"],
			["cookie", "b=2"],
		]),
		{
			...get("fields that Envoy keeps once", "/", [
				["user-agent", "one"],
				["user-agent", "two"],
			]),
			differs: "inline-fields",
		},
	],
});

scene("limits of heads", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: Object.entries(LIMIT_SETTINGS).map(([name, more]) =>
				httpListener({ routes: [to("echo")], more }, name),
			),
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: Object.keys(LIMIT_SETTINGS).flatMap((listener): Case[] => [
		get(`${listener}: one kilobyte and more`, "/", { "x-long": "l".repeat(1100) }, { to: listener }),
		get(`${listener}: just below a kilobyte`, "/", { "x-long": "l".repeat(900) }, { to: listener }),
		get(`${listener}: six fields`, "/", many(5), { to: listener }),
		get(`${listener}: underscores`, "/", { x_under: "1", "x-dash": "2" }, { to: listener }),
		{ name: `${listener}: three requests`, to: listener, send: [{ path: "/1" }, { path: "/2" }, { path: "/3" }] },
		{ name: `${listener}: HTTP/1.0`, to: listener, send: "GET / HTTP/1.0\r\nhost: a\r\n\r\n" },
		{ name: `${listener}: HTTP/1.0 without host`, to: listener, send: "GET / HTTP/1.0\r\n\r\n" },
		{
			name: `${listener}: HTTP/1.0 that stays`,
			to: listener,
			send: "GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n",
		},
		{ name: `${listener}: a strange method`, to: listener, send: "BREW / HTTP/1.1\r\nhost: a\r\n\r\n" },
		{
			name: `${listener}: trailers`,
			to: listener,
			send: { method: "POST", path: "/", body: "b", trailers: { "x-end": "1" }, headers: { te: "trailers" } },
			answers: { echo: [{ trailers: { "x-up-end": "2" } }] },
		},
		{ name: `${listener}: HEAD`, to: listener, send: { method: "HEAD" } },
	]),
});
