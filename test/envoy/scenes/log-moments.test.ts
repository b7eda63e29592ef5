import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, hcm, listener, says, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const FORMAT: JsonObject = {
	json_format: {
		type: "%ACCESS_LOG_TYPE%",
		code: "%RESPONSE_CODE%",
		details: "%RESPONSE_CODE_DETAILS%",
		flags: "%RESPONSE_FLAGS%",
		route: "%ROUTE_NAME%",
		host: "%UPSTREAM_HOST%",
		cluster: "%UPSTREAM_CLUSTER%",
		attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
		path: "%REQ(:PATH)%",
		status: "%RESP(:STATUS)%",
		trailer: "%TRAILER(x-end)%",
		received: "%BYTES_RECEIVED%",
		sent: "%BYTES_SENT%",
	},
};
const typed = (name: string, filter: JsonObject): JsonObject =>
	stdoutLog({ text_format_source: { inline_string: `${name} %ACCESS_LOG_TYPE% %REQ(:PATH)%\n` } }, { filter });

const ROUTES: readonly JsonObject[] = [
	says({ prefix: "/direct" }, "direct", { name: "named" }),
	to("dead", "/dead"),
	to("echo", "/upgrade", { upgrade_configs: [{ upgrade_type: "websocket" }] }),
	to("echo"),
];

const CASES: readonly Case[] = [
	get("forwarded", "/a", {}, { answers: { echo: [{ trailers: { "x-end": "1" } }] } }),
	get("slow", "/a", {}, { answers: { echo: [{ delayMs: 130 }] } }),
	get("answered here", "/direct"),
	get("nobody there", "/dead"),
	{ name: "body", send: { method: "POST", path: "/a", body: "hello" }, answers: { echo: [{ bodyDelayMs: 130 }] } },
	{ name: "bad request", send: "GET / HTTP/9.9\r\n\r\n" },
	{
		name: "a tunnel",
		send: { path: "/upgrade", headers: { connection: "upgrade", upgrade: "websocket" } },
		tunnel: "hello",
		answers: {
			echo: [{ status: 101, headers: { connection: "upgrade", upgrade: "websocket" }, tunnel: true }],
		},
	},
	get("asked for by a service", "/a", { "x-envoy-force-trace": "1" }),
	get("asked for by a client", "/a", { "x-client-trace-id": "1" }),
];

const sceneOf = (name: string, more: JsonObject): void =>
	scene(name, {
		upstreams: { echo: http1() },
		bootstrap: (at) => ({
			static_resources: {
				listeners: [
					listener("in", [
						hcm({
							routes: ROUTES,
							more: { upgrade_configs: [{ upgrade_type: "websocket", enabled: false }], ...more },
						}),
					]),
				],
				clusters: [cluster("echo", [at.port("echo")]), cluster("dead", [1])],
			},
		}),
		// Without a provider the trace fields differ (trace-headers-without-provider).
		cases: CASES.map((one) => ({ ...one, compare: ({ log }) => log })),
	});

sceneOf("logs at the start, in between and of tunnels", {
	access_log: [stdoutLog(FORMAT)],
	access_log_options: {
		flush_access_log_on_new_request: true,
		access_log_flush_interval: "0.08s",
		flush_log_on_tunnel_successfully_established: true,
	},
});

sceneOf("logs by the older fields", {
	access_log: [stdoutLog(FORMAT)],
	flush_access_log_on_new_request: true,
	access_log_flush_interval: "0.08s",
});

sceneOf("filters by type and by who asked for a trace", {
	access_log: [
		typed("starts", { log_type_filter: { types: ["DownstreamStart"] } }),
		typed("not ends", { log_type_filter: { types: ["DownstreamEnd"], exclude: true } }),
		typed("all", { log_type_filter: { types: ["DownstreamStart", "DownstreamEnd", "DownstreamPeriodic"] } }),
		typed("none", { log_type_filter: { types: ["UpstreamEnd"] } }),
		typed("traceable", { traceable_filter: {} }),
	],
	access_log_options: { flush_access_log_on_new_request: true, access_log_flush_interval: "0.08s" },
	use_remote_address: true,
	tracing: { random_sampling: { value: 0 } },
});
