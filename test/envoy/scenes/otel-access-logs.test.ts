import { fromBinary, type JsonObject, toJson } from "@bufbuild/protobuf";
import { ExportLogsServiceRequestSchema } from "../../../src/xds/generated/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { any, cluster, HTTP2_UPSTREAM, hcm, httpFilter, listener, says, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { tcpProxy } from "../harness/tcp-parts.ts";
import { http1, http2, tcp } from "../harness/upstream.ts";

const text = (value: string): JsonObject => ({ string_value: value });
const otelLog = (more: JsonObject): JsonObject => ({
	name: "otel",
	typed_config: any("envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig", {
		attributes: {
			values: [
				{ key: "status", value: text("%RESPONSE_CODE%") },
				{ key: "mixed", value: text("a %REQ(:METHOD)% %REQ(none)% %BYTES_SENT%") },
				{ key: "list", value: { array_value: { values: [text("%PROTOCOL%")] } } },
				{ key: "map", value: { kvlist_value: { values: [{ key: "m", value: text("%DYNAMIC_METADATA(a)%") }] } } },
			],
		},
		...more,
	}),
});
const GRPC: JsonObject = {
	envoy_grpc: { cluster_name: "grpc-collector" },
	timeout: "1s",
	initial_metadata: [{ key: "x-token", value: "t" }],
};
const TAGS: JsonObject[] = [{ tag: "head", request_header: { name: "x-a", default_value: "no" } }];

/** What collectors were told; times say only that they are there. */
function told({ upstreams, counters }: Observation): unknown {
	const exports = Object.entries(upstreams)
		.filter(([name]) => name.startsWith("c"))
		.map(([name, requests]) => [name, requests.map(({ line, headers, body }) => oneExport(line, headers ?? [], body))]);
	return { exports: Object.fromEntries(exports), counters };
}

const CHANCE = new Set(["content-length", "transfer-encoding", "x-forwarded-for", "user-agent", "grpc-timeout"]);

function oneExport(line: string | undefined, headers: readonly (readonly [string, string])[], body: string): unknown {
	const bytes = Buffer.from(body, "latin1");
	const message = fromBinary(ExportLogsServiceRequestSchema, line === undefined ? bytes.subarray(5) : bytes);
	const json = JSON.stringify(toJson(ExportLogsServiceRequestSchema, message)).replace(/"\d{19}"/g, '"nanos"');
	return {
		line,
		headers: headers
			.filter(([name]) => !CHANCE.has(name.toLowerCase()))
			.map(([name, value]) => (name.includes("expected") ? name : [name, value])),
		message: JSON.parse(json) as JsonObject,
	};
}

const COUNTERS = [/open_telemetry_access_log/, /cluster\.(grpc-)?collector\.upstream_rq_total/];
const logCase = (one: Case): Case => ({ compare: told, counters: COUNTERS, ...one });

const sceneOf = (name: string, logs: readonly JsonObject[], settleAfterMs = 250): void =>
	scene(name, {
		upstreams: {
			collector: http1(),
			"collector-grpc": http2({
				answer: { headers: { "content-type": "application/grpc", "grpc-status": "0" }, body: "" },
			}),
			one: http1(),
			bytes: tcp(),
		},
		bootstrap: (at) => ({
			node: { id: "node-1", cluster: "shop", locality: { zone: "z1" } },
			static_resources: {
				listeners: [
					listener("in", [
						hcm({
							routes: [says({ prefix: "/direct" }, "direct"), to("one")],
							filters: [
								httpFilter("set_metadata", "http.set_metadata.v3.Config", {
									metadata: [{ metadata_namespace: "a", value: { k: "v", n: 1 } }],
								}),
							],
							more: { access_log: [...logs] },
						}),
					]),
					listener("tcp", [tcpProxy("bytes", { access_log: [...logs] })]),
				],
				clusters: [
					cluster("one", [at.port("one")]),
					cluster("bytes", [at.port("bytes")]),
					cluster("collector", [at.port("collector")]),
					cluster("grpc-collector", [at.port("collector-grpc")], HTTP2_UPSTREAM),
				],
			},
		}),
		cases: [
			get("forwarded", "/a", { "x-a": "1" }),
			get("answered here", "/direct"),
			{ name: "two in a row", send: [{ path: "/direct" }, { path: "/direct" }] } as Case,
			{
				name: "a connection",
				to: "tcp",
				protocol: "tcp",
				send: ["hello", { awaitBytes: 5 }],
				end: "half-close",
			} as Case,
		].map((one) => ({ ...logCase(one), settleAfterMs })),
	});

sceneOf("OpenTelemetry access log by gRPC", [
	otelLog({
		common_config: {
			log_name: "mine",
			transport_api_version: "V3",
			grpc_service: GRPC,
			buffer_flush_interval: "0.05s",
			custom_tags: TAGS,
		},
		stat_prefix: "p.",
	}),
]);
sceneOf(
	"OpenTelemetry access log by gRPC, newer fields",
	[
		otelLog({
			grpc_service: GRPC,
			log_name: "other",
			body: text("%REQ(:PATH)% %RESPONSE_FLAGS%"),
			custom_tags: TAGS,
			filter_state_objects_to_log: ["none"],
			resource_attributes: {
				values: [
					{ key: "r", value: text("%PROTOCOL%") },
					{ key: "zone_name", value: text("mine") },
				],
			},
			formatters: [
				{ name: "m", typed_config: any("envoy.extensions.formatter.metadata.v3.Metadata") },
				{ name: "q", typed_config: any("envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery") },
			],
		}),
	],
	1300,
);
sceneOf("OpenTelemetry access log by HTTP", [
	otelLog({
		http_service: {
			http_uri: { uri: "http://otel.local/v1/logs", cluster: "collector", timeout: "1s" },
			request_headers_to_add: [{ header: { key: "x-token", value: "t" } }],
		},
		disable_builtin_labels: true,
		buffer_flush_interval: "0.05s",
		body: { kvlist_value: { values: [{ key: "code", value: text("%RESPONSE_CODE%") }] } },
		resource_detectors: [
			{
				name: "static",
				typed_config: any(
					"envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig",
					{ attributes: { a: "b" } },
				),
			},
		],
	}),
]);
