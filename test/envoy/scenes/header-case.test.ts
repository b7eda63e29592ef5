import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, listener, says, to } from "../harness/bootstrap-parts.ts";
import { scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const PROPER: JsonObject = { header_key_format: { proper_case_words: {} } };
const PRESERVE: JsonObject = {
	header_key_format: {
		stateful_formatter: {
			name: "preserve_case",
			typed_config: any("envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"),
		},
	},
};

const named = (name: string, more: JsonObject) =>
	listener(name, [
		hcm({
			routes: [
				says({ path: "/says" }, "x"),
				to("plain", "/plain"),
				to("proper", "/proper"),
				to("preserve", "/preserve", {}, { request_headers_to_add: [{ header: { key: "X-Added-Here", value: "1" } }] }),
			],
			more: { http_protocol_options: more },
		}),
	]);

const upstream = (name: string, port: number, options: JsonObject) =>
	cluster(name, [port], {
		typed_extension_protocol_options: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": any(
				"envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
				{
					explicit_http_config: { http_protocol_options: options },
				},
			),
		},
	});

const HEADERS: readonly (readonly [string, string])[] = [
	["X-Own-Name", "1"],
	["x-3D-camera_kind", "2"],
	["X-OWN-name", "3"],
	["ACCEPT", "*/*"],
];
const ANSWER = { raw: "HTTP/1.1 200 OK\r\nX-From-UPSTREAM: 1\r\nServer: theirs\r\nContent-LENGTH: 2\r\n\r\nok" };

scene("case of field names", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [named("lower", {}), named("proper", PROPER), named("preserve", PRESERVE)],
			clusters: [
				cluster("plain", [at.port("echo")]),
				upstream("proper", at.port("echo"), PROPER),
				upstream("preserve", at.port("echo"), PRESERVE),
			],
		},
	}),
	cases: ["lower", "proper", "preserve"].flatMap((to) => [
		...["/plain", "/proper", "/preserve", "/says"].map((path) => ({
			name: `${to} ${path}`,
			to,
			send: { path, headers: HEADERS },
			answers: { echo: [ANSWER] },
		})),
		{
			name: `${to}: a body`,
			to,
			send: { method: "POST", path: "/preserve", body: "abc", chunked: true },
			answers: { echo: [{ body: "x", framing: "chunked" as const }] },
		},
	]),
});
