import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const regex = (pattern: string, substitution: string): JsonObject => ({
	pattern: { google_re2: {}, regex: pattern },
	substitution,
});

const REDIRECTS: readonly (readonly [name: string, redirect: JsonObject, match?: JsonObject])[] = [
	["https", { https_redirect: true }],
	["scheme", { scheme_redirect: "ftp" }],
	["host", { host_redirect: "new.test" }],
	["host-port", { host_redirect: "new.test:99" }],
	["port", { port_redirect: 8443 }],
	["port-https", { port_redirect: 443, https_redirect: true }],
	["all", { scheme_redirect: "https", host_redirect: "n.test", port_redirect: 1, path_redirect: "/p" }],
	["path", { path_redirect: "/new" }],
	["path-query", { path_redirect: "/new?own=1" }],
	["path-strip", { path_redirect: "/new", strip_query: true }],
	["path-query-strip", { path_redirect: "/new?own=1", strip_query: true }],
	["path-relative", { path_redirect: "new" }],
	["prefix", { prefix_rewrite: "/np" }],
	["prefix-empty", { prefix_rewrite: "/" }],
	["prefix-strip", { prefix_rewrite: "/np", strip_query: true }],
	["regex", { regex_rewrite: regex("/(\\w)\\w+", "/\\1") }],
	["regex-strip", { regex_rewrite: regex("/regex-strip", "/rs"), strip_query: true }],
	["format", { path_rewrite: "/f/%REQ(x-user)%" }],
	["strip", { strip_query: true }],
	["nothing", {}],
	...["MOVED_PERMANENTLY", "FOUND", "SEE_OTHER", "TEMPORARY_REDIRECT", "PERMANENT_REDIRECT"].map(
		(code) => [code.toLowerCase(), { host_redirect: "n.test", response_code: code }] as const,
	),
];

scene("redirects", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [
						...REDIRECTS.map(([name, redirect]) => ({ match: { path_separated_prefix: `/${name}` }, redirect })),
						{
							match: { prefix: "/headers" },
							redirect: { path_redirect: "/x" },
							response_headers_to_add: [{ header: { key: "x-added", value: "%RESPONSE_CODE%" } }],
							response_headers_to_remove: ["location"],
						},
						to("echo"),
					],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		...REDIRECTS.map(([name]): Case => get(name, `/${name}/sub?q=1&r=/`, { "x-user": "jason" })),
		get("host with its default port, to https", "/https", { host: "test.local:80" }),
		get("host with another port, to https", "/https", { host: "test.local:8080" }),
		get("host with the port of https, to https", "/https", { host: "test.local:443" }),
		get("IPv6 host, another port", "/port", { host: "[::1]:80" }),
		get("IPv6 host without port", "/https", { host: "[::1]" }),
		get("came by https", "/path", { "x-forwarded-proto": "https" }),
		get("came by https already", "/https", { "x-forwarded-proto": "https" }),
		get("a header is added", "/headers"),
		{ name: "a POST with a body", send: [{ method: "POST", path: "/path", body: "x" }, { path: "/path" }] },
		{ name: "HEAD", send: { method: "HEAD", path: "/path" } },
		{ name: "absolute form", send: "GET http://abs.test/path HTTP/1.1\r\nhost: other.test\r\n\r\n" },
		{ name: "absolute form with https", send: "GET https://abs.test/path HTTP/1.1\r\nhost: other.test\r\n\r\n" },
	],
});

const STATUSES = [
	...[200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 299, 300, 301, 302, 303, 304, 305, 306, 307, 308, 399],
	...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423],
	...[424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 599],
];
/** Envoy writes a body with 204 and 304, which no client can read; 400 ends the connection. */
const APART = [204, 304, 400];
const statusGroups = [2, 3, 4, 5].map((hundred) =>
	STATUSES.filter((status) => Math.floor(status / 100) === hundred && !APART.includes(status)),
);

scene("direct responses", {
	files: { "body.txt": "from a file", "bytes.bin": "\u00ff\u0000 bytes" },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [
						...STATUSES.map((status) => ({
							match: { path: `/${status}` },
							direct_response: { status, body: { inline_string: `says ${status}` } },
						})),
						...STATUSES.map((status) => ({ match: { path: `/empty/${status}` }, direct_response: { status } })),
						{
							match: { prefix: "/file" },
							direct_response: { status: 200, body: { filename: at.file("body.txt") } },
						},
						{
							match: { prefix: "/env" },
							direct_response: { status: 200, body: { environment_variable: "HOME" } },
						},
						{
							match: { prefix: "/bytes" },
							direct_response: { status: 200, body: { inline_bytes: Buffer.from("a\0é").toString("base64") } },
						},
						{
							match: { path: "/json" },
							direct_response: { status: 200, body: { inline_string: "{}" } },
							response_headers_to_add: [
								{
									header: { key: "content-type", value: "application/json" },
									append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
								},
							],
						},
						{
							match: { prefix: "/long" },
							direct_response: { status: 200, body: { inline_string: "x".repeat(5000) } },
						},
						{
							match: { path_separated_prefix: "/format" },
							direct_response: {
								status: 200,
								body_format: { text_format: "you are %REQ(x-user)% at %REQ(:path)%" },
							},
						},
						{
							match: { prefix: "/jsonformat" },
							direct_response: {
								status: 403,
								body_format: { json_format: { user: "%REQ(x-user)%", code: "%RESPONSE_CODE%" } },
							},
						},
					],
					routeConfig: { max_direct_response_body_size_bytes: 6000 },
				}),
			],
		},
	}),
	cases: [
		...statusGroups.map(
			(group): Case => ({
				name: `statuses with a body ${group[0]}...`,
				send: group.map((status) => ({ path: `/${status}` })),
			}),
		),
		...statusGroups.map(
			(group): Case => ({
				name: `statuses without a body ${group[0]}...`,
				send: group.map((status) => ({ path: `/empty/${status}` })),
			}),
		),
		...APART.map((status): Case => get(`status ${status} without a body`, `/empty/${status}`)),
		get("status 400 with a body", "/400"),
		{ ...get("status 204 with a body", "/204"), differs: "body-with-204" },
		{ ...get("status 304 with a body", "/304"), differs: "body-with-204" },
		get("a body from a file", "/file"),
		get("a body from the environment", "/env"),
		get("bytes", "/bytes"),
		get("another content type", "/json"),
		get("a long body", "/long"),
		get("a text format", "/format/a", { "x-user": "jason" }),
		get("a JSON format", "/jsonformat", { "x-user": "jason" }),
		{ name: "HEAD", send: { method: "HEAD", path: "/200" } },
		{ name: "a request with a body", send: [{ method: "POST", path: "/200", body: "abc" }, { path: "/200" }] },
		{ name: "HTTP/1.0", send: "GET /200 HTTP/1.0\r\nhost: a\r\n\r\n" },
		{ name: "nothing matches", send: { path: "/nope" } },
	],
});
