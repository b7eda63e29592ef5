import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, hcm, listener, says, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { dead, http1 } from "../harness/upstream.ts";

const status = (op: string, value: number): JsonObject => ({
	status_code_filter: { comparison: { op, value: { default_value: value, runtime_key: "none" } } },
});

const named = (name: string, local_reply_config: JsonObject, extra: readonly JsonObject[] = []) =>
	listener(name, [
		hcm({
			routes: [
				...extra,
				says({ path: "/says" }, "from the route"),
				{ match: { path: "/moved" }, redirect: { path_redirect: "/new" } },
				to(
					"dead",
					"/dead",
					{},
					{ response_headers_to_add: [{ header: { key: "x-route", value: "%RESPONSE_CODE%" } }] },
				),
				to("echo", "/up"),
			],
			more: { local_reply_config, access_log: [stdoutLog()] },
		}),
	]);

scene("local replies", {
	upstreams: { echo: http1(), dead: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				named("text", {
					body_format: {
						text_format_source: {
							inline_string: "<%LOCAL_REPLY_BODY%> %RESPONSE_CODE% %REQ(:path)% %RESPONSE_FLAGS%\n",
						},
					},
				}),
				named("json", {
					body_format: { json_format: { text: "%LOCAL_REPLY_BODY%", code: "%RESPONSE_CODE%", path: "%REQ(:PATH)%" } },
				}),
				named("html", {
					body_format: {
						text_format_source: { inline_string: "<b>%LOCAL_REPLY_BODY%</b>" },
						content_type: "text/html; charset=UTF-8",
					},
				}),
				named("mapped", {
					mappers: [
						{
							filter: status("EQ", 404),
							status_code: 410,
							body: { inline_string: "gone" },
							headers_to_add: [
								{ header: { key: "x-mapped", value: "%RESPONSE_CODE%" }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
							],
						},
						{
							filter: { header_filter: { header: { name: "x-json", present_match: true } } },
							body_format_override: { json_format: { body: "%LOCAL_REPLY_BODY%" } },
						},
						{
							filter: { response_flag_filter: { flags: ["UF"] } },
							status_code: 502,
							body: { inline_string: "no connection" },
						},
						{ filter: status("GE", 500), status_code: 599 },
					],
				}),
				named("both", {
					mappers: [
						{ filter: status("EQ", 503), body: { inline_string: "mapped" } },
						{
							filter: status("EQ", 404),
							headers_to_add: [
								{ header: { key: "content-type", value: "text/special" }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" },
							],
						},
					],
					body_format: { text_format_source: { inline_string: "[%LOCAL_REPLY_BODY%]" } },
				}),
				named("empty", {}),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("dead", [at.port("dead")])],
		},
	}),
	cases: [
		...["text", "json", "html", "mapped", "both", "empty"].flatMap((to) => [
			get(`${to}: no route`, "/nowhere", {}, { to }),
			get(`${to}: nobody listens`, "/dead", {}, { to }),
			get(`${to}: a direct response`, "/says", {}, { to }),
			get(`${to}: a redirect`, "/moved", {}, { to }),
			get(`${to}: gRPC`, "/dead", { "content-type": "application/grpc" }, { to }),
			get(`${to}: an answer of the upstream`, "/up", {}, { to, answers: { echo: [{ status: 404, body: "theirs" }] } }),
		]),
		get("mapped: by a request header", "/says", { "x-json": "1" }, { to: "mapped" }),
		{ name: "text: HEAD", to: "text", send: { method: "HEAD", path: "/says" } },
	],
});
