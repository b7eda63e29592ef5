import { fromBinary, type JsonObject, toJson } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "../../../src/xds/generated/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts";
import { any, cluster, HTTP2_UPSTREAM, hcm, httpFilter, listener, to } from "../harness/bootstrap-parts.ts";
import type { Http1Conversation } from "../harness/conversation.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, scene } from "../harness/scene.ts";
import type { UpstreamRequest } from "../harness/upstream.ts";
import { http1, http2 } from "../harness/upstream.ts";

const zipkin = (more: JsonObject = {}): JsonObject => ({
	name: "envoy.tracers.zipkin",
	typed_config: any("envoy.config.trace.v3.ZipkinConfig", {
		collector_cluster: "collector",
		collector_endpoint: "/api/v2/spans",
		collector_endpoint_version: "HTTP_JSON",
		collector_hostname: "zipkin.local",
		...more,
	}),
});
const otelHttp = (more: JsonObject = {}): JsonObject => ({
	name: "envoy.tracers.opentelemetry",
	typed_config: any("envoy.config.trace.v3.OpenTelemetryConfig", {
		http_service: {
			http_uri: { uri: "http://otel.local/v1/traces", cluster: "collector", timeout: "1s" },
			request_headers_to_add: [{ header: { key: "x-token", value: "t" } }],
		},
		service_name: "shop",
		set_telemetry_sdk_resource_attributes: false,
		set_instrumentation_scope: false,
		...more,
	}),
});
const otelGrpc = otelHttp({
	http_service: null,
	grpc_service: {
		envoy_grpc: { cluster_name: "grpc-collector" },
		timeout: "1s",
		initial_metadata: [{ key: "x-token", value: "t" }],
	},
});

const routes = [
	to("echo", "/decorated", {}, { decorator: { operation: "shop.buy" } }),
	to("echo", "/kept", {}, { decorator: { operation: "shop.keep", propagate: false } }),
	to("echo", "/never", {}, { tracing: { random_sampling: { numerator: 0 } } }),
	to("echo", "/tagged", {}, { tracing: { custom_tags: [{ tag: "mine", literal: { value: "route" } }] } }),
	to("dead", "/dead"),
	to("echo", "/retried", { retry_policy: { retry_on: "5xx", num_retries: 1 } }),
	{ match: { prefix: "/direct" }, direct_response: { status: 503, body: { inline_string: "no" } } },
	to("echo"),
];
const health = httpFilter("health_check", "http.health_check.v3.HealthCheck", {
	pass_through_mode: true,
	headers: [{ name: ":path", string_match: { exact: "/healthz" } }],
});
const traced = (name: string, tracing: JsonObject, direction = "UNSPECIFIED", more: JsonObject = {}) =>
	listener(name, [hcm({ routes, filters: [health], more: { tracing, ...more } })], { traffic_direction: direction });

/** Ids and times by the order in which they come; attributes by name. */
function stable(seen: Observation): unknown {
	const ids = new Map<string, string>();
	const named = (id: unknown, kind: string): unknown => {
		if (typeof id !== "string" || id === "") return id;
		const key = id.padStart(32, "0").slice(-16);
		if (!ids.has(key)) ids.set(key, `${kind}${ids.size}`);
		return `${ids.get(key)}:${id.length}`;
	};
	const visit = (request: UpstreamRequest): unknown => ({
		line: request.line,
		headers: request.headers
			?.filter(([name]) => !HOP.has(name) && !name.startsWith("x-envoy-expected"))
			.map(([name, value]) => [name, fieldValue(name, value, named)]),
		body: bodyOf(request, named),
	});
	const upstreams = Object.fromEntries(
		Object.entries(seen.upstreams).map(([name, requests]) => [name, requests.map(visit)]),
	);
	return { connections: seen.connections, upstreams, counters: seen.counters };
}

const HOP = new Set([
	"content-length",
	"transfer-encoding",
	"user-agent",
	"x-forwarded-for",
	"x-envoy-internal",
	"grpc-timeout",
	"host",
	":authority",
]);
type Named = (id: unknown, kind: string) => unknown;

function fieldValue(name: string, value: string, named: Named): unknown {
	if (name === "traceparent") {
		const [version, traceId, spanId, flags] = value.split("-");
		return [version, named(traceId, "trace"), named(spanId, "span"), flags];
	}
	if (name === "b3") return value.split("-").map((part) => named(part, "span"));
	if (name === "upstream_address" || (name === "peer.address" && value.includes(":")))
		return value.replace(/\d+$/, "port");
	if (name.startsWith("x-b3-") && name !== "x-b3-sampled") return named(value, "span");
	if (name === "x-request-id") return value.length === 36 ? `id with ${value.charAt(14)}` : value;
	return value;
}

function bodyOf({ line, headers, body }: UpstreamRequest, named: Named): unknown {
	const type = headers?.find(([name]) => name.toLowerCase() === "content-type")?.[1];
	const bytes = Buffer.from(body, "latin1");
	if (line?.includes("/api/v2/spans"))
		return (JSON.parse(bytes.toString()) as JsonObject[]).map((span) => zipkinSpan(span, named));
	if (type === "application/x-protobuf") return otlp(bytes, named);
	if (type === "application/grpc" && bytes.length > 5) return otlp(bytes.subarray(5), named);
	return body;
}

function zipkinSpan(span: JsonObject, named: Named): unknown {
	const { traceId, id, parentId, timestamp, duration, annotations, tags, localEndpoint, ...rest } = span;
	return {
		...rest,
		traceId: named(traceId, "trace"),
		id: named(id, "span"),
		parentId: named(parentId, "span"),
		times: [typeof timestamp, typeof duration],
		annotations: (annotations as JsonObject[]).map(({ value }) => value),
		tags: Object.entries(tags as JsonObject)
			.map(([name, value]) => [
				name,
				fieldValue(name === "guid:x-request-id" ? "x-request-id" : name, String(value), named),
			])
			.sort(),
		localEndpoint: Object.keys(localEndpoint as JsonObject).sort(),
	};
}

function otlp(bytes: Buffer, named: Named): unknown {
	const message = toJson(ExportTraceServiceRequestSchema, fromBinary(ExportTraceServiceRequestSchema, bytes)) as {
		resourceSpans: { resource: JsonObject; scopeSpans: { scope?: JsonObject; spans: JsonObject[] }[] }[];
	};
	return message.resourceSpans.map(({ resource, scopeSpans }) => ({
		resource,
		scopes: scopeSpans.map(({ scope, spans }) => ({ scope, spans: spans.map((span) => otlpSpan(span, named)) })),
	}));
}

function otlpSpan(span: JsonObject, named: Named): unknown {
	const hex = (value: unknown) => (typeof value === "string" ? Buffer.from(value, "base64").toString("hex") : "");
	const { traceId, spanId, parentSpanId, startTimeUnixNano, endTimeUnixNano, attributes, events, ...rest } = span;
	return {
		...rest,
		...(events !== undefined && { events: (events as JsonObject[]).map(({ name }) => name) }),
		traceId: named(hex(traceId), "trace"),
		spanId: named(hex(spanId), "span"),
		parentSpanId: named(hex(parentSpanId), "span"),
		times: [typeof startTimeUnixNano, typeof endTimeUnixNano],
		attributes: (attributes as { key: string; value: { stringValue: string } }[])
			.map(({ key, value }) => [
				key,
				fieldValue(key === "guid:x-request-id" ? "x-request-id" : key, value.stringValue, named),
			])
			.sort(),
	};
}

/** So many requests that the collector gets a batch: Envoy sends five spans at once. */
function five(
	name: string,
	to: string,
	path = "/p?q=1",
	headers: Record<string, string> = {},
	more: Partial<Case> = {},
): Case {
	const send: Http1Conversation["send"] = Array.from({ length: 5 }, () => ({ path, headers }));
	return { name: `${to}: ${name}`, to, send, compare: stable, settleAfterMs: 60, ...more } as Case;
}

const B3 = {
	"x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124",
	"x-b3-spanid": "a2fb4a1d1a96d312",
	"x-b3-parentspanid": "0020000000000001",
	"x-b3-sampled": "1",
};
const W3C = { traceparent: "00-463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-01", tracestate: "a=b" };
const counters = [/http\.in\.tracing\..*/, "tracing.zipkin.spans_sent", "tracing.opentelemetry.spans_sent"];

scene("tracing", {
	upstreams: { echo: http1(), collector: http1({ answer: { status: 202 } }), "grpc-collector": http2() },
	bootstrap: (at) => ({
		node: { id: "node-1", cluster: "cluster-1", locality: { zone: "zone-1" }, metadata: {} },
		static_resources: {
			listeners: [
				traced("zipkin", { provider: zipkin() }, "INBOUND"),
				traced("zipkin-out", { provider: zipkin() }, "OUTBOUND"),
				traced("zipkin-long", { provider: zipkin({ trace_id_128bit: true, shared_span_context: false }) }),
				traced("zipkin-w3c", { provider: zipkin({ trace_context_option: "USE_B3_WITH_W3C_PROPAGATION" }) }),
				traced("zipkin-spawn", { provider: zipkin(), spawn_upstream_span: true }, "OUTBOUND"),
				traced("verbose", { provider: zipkin(), verbose: true }),
				traced("verbose-otel", { provider: otelHttp(), verbose: true }),
				traced("silent", { provider: zipkin(), no_context_propagation: true }),
				traced("never", { provider: zipkin(), random_sampling: { value: 0 } }),
				traced("nobody", { provider: zipkin(), overall_sampling: { value: 0 } }),
				traced("no-client", { provider: zipkin(), random_sampling: { value: 0 }, client_sampling: { value: 0 } }),
				traced("tags", {
					provider: zipkin(),
					max_path_tag_length: 5,
					custom_tags: [
						{ tag: "literal", literal: { value: "l" } },
						{ tag: "header", request_header: { name: "X-A", default_value: "none" } },
						{ tag: "missing", request_header: { name: "x-b" } },
						{ tag: "variable", environment: { name: "NO_SUCH_VARIABLE", default_value: "d" } },
						{
							tag: "route",
							metadata: { kind: { route: {} }, metadata_key: { key: "ns", path: [{ key: "k" }] }, default_value: "m" },
						},
						{
							tag: "cluster",
							metadata: { kind: { cluster: {} }, metadata_key: { key: "ns", path: [{ key: "deep" }, { key: "k" }] } },
						},
						{ tag: "format", value: "%REQ(:METHOD)%-%RESPONSE_CODE%" },
					],
				}),
				traced("otel", { provider: otelHttp() }, "INBOUND"),
				traced("otel-out", { provider: otelHttp() }, "OUTBOUND"),
				traced("otel-spawn", { provider: otelHttp(), spawn_upstream_span: true }, "OUTBOUND"),
				traced("otel-always", {
					provider: otelHttp({
						sampler: {
							name: "envoy.tracers.opentelemetry.samplers.always_on",
							typed_config: any("envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig"),
						},
					}),
					random_sampling: { value: 0 },
				}),
				traced("otel-grpc", { provider: otelGrpc }, "INBOUND"),
				traced("named", { provider: zipkin(), operation: "%REQ(:METHOD)% %REQ(:PATH)%" }),
				traced("unpacked", { provider: zipkin() }, "INBOUND", {
					request_id_extension: {
						typed_config: any("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", { pack_trace_reason: false }),
					},
				}),
				traced("without-id", { provider: zipkin(), random_sampling: { value: 0 } }, "INBOUND", {
					request_id_extension: {
						typed_config: any("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", {
							use_request_id_for_trace_sampling: false,
						}),
					},
				}),
			],
			clusters: [
				cluster("echo", [at.port("echo")], { metadata: { filter_metadata: { ns: { deep: { k: "c" } } } } }),
				cluster("dead", []),
				cluster("collector", [at.port("collector")]),
				cluster("grpc-collector", [at.port("grpc-collector")], HTTP2_UPSTREAM),
			],
		},
	}),
	cases: [
		five("new traces", "zipkin", "/p?q=1", {}, { counters }),
		five("below the caller", "zipkin", "/p", B3),
		five("below the caller, outbound", "zipkin-out", "/p", B3),
		five("not wanted by the caller", "zipkin", "/p", { ...B3, "x-b3-sampled": "0" }, { counters }),
		five("single b3", "zipkin", "/p", { b3: "463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-1-0020000000000001" }),
		five("single b3 that says no", "zipkin", "/p", { b3: "0" }),
		five("broken b3", "zipkin", "/p", { "x-b3-traceid": "xyz", "x-b3-spanid": "1" }),
		five("a decorator", "zipkin", "/decorated"),
		five("a decorator, outbound", "zipkin-out", "/decorated"),
		five("a decorator that is kept", "zipkin", "/kept"),
		five("a decorator that is kept, outbound", "zipkin-out", "/kept"),
		five("the caller's name", "zipkin", "/decorated", { "x-envoy-decorator-operation": "theirs" }),
		five(
			"the server's name",
			"zipkin-out",
			"/p",
			{},
			{
				answers: {
					echo: Array.from({ length: 5 }, () => ({ headers: { "x-envoy-decorator-operation": "answered" } })),
				},
			},
		),
		five("a failure", "zipkin", "/dead"),
		five("a direct response", "zipkin", "/direct"),
		five("a route's own sampling", "zipkin", "/never", {}, { counters }),
		five("a route's own tags", "zipkin", "/tagged"),
		five("health checks", "zipkin", "/healthz", {}, { counters }),
		five("128 bits, no shared spans", "zipkin-long", "/p"),
		five("no shared spans below the caller", "zipkin-long", "/p", B3),
		five("W3C beside B3", "zipkin-w3c", "/p"),
		five("W3C alone", "zipkin-w3c", "/p", W3C),
		five("W3C without asking for it", "zipkin", "/p", W3C),
		{
			...five("spans of attempts", "zipkin-spawn"),
			send: [{ path: "/a" }, { path: "/b" }, { path: "/c" }, { path: "/d" }, { path: "/e" }],
		} as Case,
		five(
			"spans of attempts that are retried",
			"zipkin-spawn",
			"/retried",
			{},
			{
				answers: { echo: Array.from({ length: 10 }, (_, i) => ({ status: i % 2 === 0 ? 503 : 200 })) },
			},
		),
		five("verbose", "verbose", "/p"),
		five("verbose about what was answered here", "verbose", "/direct"),
		five("verbose by OTLP", "verbose-otel", "/p"),
		five("nothing told to upstreams", "silent"),
		five("no sampling", "never", "/p", {}, { counters }),
		five("forced", "never", "/p", { "x-envoy-force-trace": "1" }, { counters }),
		five("asked for by the client", "never", "/p", { "x-client-trace-id": "c1" }, { counters }),
		five("asked for in vain", "no-client", "/p", { "x-client-trace-id": "c1" }, { counters }),
		five("overall nothing", "nobody", "/p", { "x-envoy-force-trace": "1" }, { counters }),
		five("an id that says so", "never", "/p", { "x-request-id": "314fbf1d-2ccb-97d2-a3e9-418c494aa2e1" }, { counters }),
		five("an id of another shape", "zipkin", "/p", { "x-request-id": "mine" }, { counters }),
		five("custom tags", "tags", "/long/path", { "x-a": "1" }),
		five("new traces", "otel", "/p?q=1", {}, { counters }),
		five("outbound", "otel-out", "/decorated"),
		five("below the caller", "otel", "/p", W3C),
		five("not wanted by the caller", "otel", "/p", {
			traceparent: "00-463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-00",
		}),
		five("a broken traceparent", "otel", "/p", { traceparent: "00-463a-a2fb4a1d1a96d312-00" }),
		five("spans of attempts", "otel-spawn", "/p", W3C),
		five("always on", "otel-always", "/p"),
		five("always on, below a caller that says no", "otel-always", "/p", {
			traceparent: "00-463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-00",
		}),
		five("always on, below a caller that says yes", "otel-always", "/p", W3C),
		five("always on, forced", "otel-always", "/p", { "x-envoy-force-trace": "1" }),
		five("by gRPC", "otel-grpc", "/p"),
		...["400", "404", "500"].flatMap((status) =>
			["otel", "otel-out"].map((to) =>
				five(
					`an answer of ${status}`,
					to,
					"/p",
					{},
					{
						answers: { echo: Array.from({ length: 5 }, () => ({ status: Number(status) })) },
					},
				),
			),
		),
		...["1", "5", "14"].map((status) =>
			five(
				`a gRPC answer of ${status}`,
				"otel-out",
				"/a.B/C",
				{ "content-type": "application/grpc" },
				{
					answers: {
						echo: Array.from({ length: 5 }, () => ({
							headers: { "content-type": "application/grpc", "grpc-status": status },
							body: "",
						})),
					},
				},
			),
		),
		five(
			"a gRPC request",
			"otel",
			"/a.B/C",
			{ "content-type": "application/grpc", "grpc-timeout": "1S" },
			{
				answers: {
					echo: Array.from({ length: 5 }, () => ({
						headers: { "content-type": "application/grpc", "grpc-status": "13", "grpc-message": "bad" },
						body: "",
					})),
				},
			},
		),
		five("a name by format", "named", "/p"),
		five("an id that stays", "unpacked", "/p", { "x-request-id": "314fbf1d-2ccb-47d2-a3e9-418c494aa2e1" }),
		five("sampling without the id", "without-id", "/p", {}, { counters }),
	],
});
