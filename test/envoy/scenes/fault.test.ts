import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, httpFilter, httpListener, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const ALL = { numerator: 100 };
const FAULT = "envoy.filters.http.fault";
const fault = (config: JsonObject) => any("http.fault.v3.HTTPFault", config);
const on = (prefix: string, config: JsonObject) =>
	to("echo", prefix, {}, { typed_per_filter_config: { [FAULT]: fault(config) } });
const abort = (more: JsonObject = { http_status: 418 }) => ({ abort: { percentage: ALL, ...more } });
const COUNTERS = [
	"http.in.fault.aborts_injected",
	"http.in.fault.delays_injected",
	"http.in.fault.faults_overflow",
	"http.in.fault.active_faults",
];
const counted = { counters: COUNTERS };

scene("fault", {
	upstreams: { echo: http1(), other: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					filters: [
						httpFilter("fault", "http.fault.v3.HTTPFault", {
							delay: { header_delay: {}, percentage: ALL },
							abort: { header_abort: {}, percentage: ALL },
						}),
					],
					routes: [
						on("/none", {}),
						on("/abort", abort()),
						on("/never", { abort: { http_status: 418, percentage: { numerator: 0 } } }),
						on("/no-percentage", { abort: { http_status: 418 } }),
						on("/body", abort({ http_status: 503, response_body: "made up" })),
						on("/grpc", abort({ grpc_status: 5 })),
						on("/delay", { delay: { fixed_delay: "0.03s", percentage: ALL } }),
						on("/both", { delay: { fixed_delay: "0.01s", percentage: ALL }, ...abort() }),
						on("/rate", { response_rate_limit: { fixed_limit: { limit_kbps: 100 }, percentage: ALL } }),
						on("/rate-by-header", { response_rate_limit: { header_limit: {}, percentage: ALL } }),
						on("/rate-never", { response_rate_limit: { fixed_limit: { limit_kbps: 1 } } }),
						on("/rate-and-abort", {
							...abort(),
							response_rate_limit: { fixed_limit: { limit_kbps: 1 }, percentage: ALL },
						}),
						on("/overflow", { ...abort(), max_active_faults: 0 }),
						on("/headers", { ...abort(), headers: [{ name: "x-hit", string_match: { exact: "yes" } }] }),
						on("/nodes", { ...abort(), downstream_nodes: ["n1", "n2"] }),
						on("/quiet", { ...abort(), disable_downstream_cluster_stats: true }),
						on("/to-echo", { ...abort(), upstream_cluster: "echo" }),
						on("/to-other", { ...abort(), upstream_cluster: "other" }),
						on("/half", { abort: { header_abort: {}, percentage: { numerator: 0 } } }),
						to("echo", "/said"),
						{ match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "direct" } } },
						to("echo"),
					],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("other", [at.port("other")])],
		},
	}),
	cases: [
		get("an empty route config turns the listener's off", "/none", { "x-fault-abort": "1" }),
		get("abort", "/abort", {}, counted),
		get("a share of nothing", "/never", {}, counted),
		get("no percentage", "/no-percentage", {}, counted),
		get("its own body", "/body"),
		get("a gRPC status for a plain request", "/grpc"),
		get("a gRPC status for a gRPC request", "/grpc", { "content-type": "application/grpc" }),
		get("an HTTP status for a gRPC request", "/abort", { "content-type": "application/grpc" }),
		get("delay", "/delay", {}, counted),
		{ name: "delay with a body", send: { method: "POST", path: "/delay", body: "abc" } },
		get("delay, then abort", "/both", {}, counted),
		get("a slow response", "/rate", {}, { ...counted, answers: { echo: [{ body: "x".repeat(9000) }] } }),
		get(
			"a slow response in chunks with trailers",
			"/rate",
			{},
			{ ...counted, answers: { echo: [{ body: "x".repeat(9000), trailers: { "x-last": "1" } }] } },
		),
		get("a slow response without a body", "/rate", {}, { ...counted, answers: { echo: [{ status: 204 }] } }),
		get(
			"a rate in a header",
			"/rate-by-header",
			{ "x-envoy-fault-throughput-response": "50" },
			{ ...counted, answers: { echo: [{ body: "x".repeat(5000) }] } },
		),
		get(
			"a rate in a header for a share of none",
			"/rate-by-header",
			{ "x-envoy-fault-throughput-response": "50", "x-envoy-fault-throughput-response-percentage": "0" },
			counted,
		),
		get("a rate of nothing in a header", "/rate-by-header", { "x-envoy-fault-throughput-response": "0" }, counted),
		get("a rate in no header", "/rate-by-header", {}, counted),
		get("a rate for a share of nothing", "/rate-never", {}, counted),
		get("a rate and an abort", "/rate-and-abort", {}, counted),
		get("too many faults", "/overflow", {}, counted),
		get("headers that match", "/headers", { "x-hit": "yes" }),
		get("headers that do not", "/headers", { "x-hit": "no" }),
		get("one of the nodes", "/nodes", { "x-envoy-downstream-service-node": "n2" }),
		get("another node", "/nodes", { "x-envoy-downstream-service-node": "n3" }),
		get("no node", "/nodes"),
		get(
			"counted by cluster",
			"/abort",
			{ "x-envoy-downstream-service-cluster": "web" },
			{
				counters: [...COUNTERS, "http.in.fault.web.aborts_injected"],
			},
		),
		get(
			"not counted by cluster",
			"/quiet",
			{ "x-envoy-downstream-service-cluster": "quiet" },
			{
				counters: [...COUNTERS, "http.in.fault.quiet.aborts_injected"],
			},
		),
		get("on the way to the cluster", "/to-echo"),
		get("on the way to another cluster", "/to-other"),
		get("status by header", "/said", { "x-envoy-fault-abort-request": "429" }),
		get("no status by header", "/said", { "x-envoy-fault-abort-request": "600" }),
		get("no number by header", "/said", { "x-envoy-fault-abort-request": "4x" }),
		get("a number with spaces by header", "/said", { "x-envoy-fault-abort-request": " 429 " }),
		get("gRPC status by header", "/said", {
			"x-envoy-fault-abort-grpc-request": "7",
			"content-type": "application/grpc",
		}),
		get("gRPC status by header, plain request", "/said", { "x-envoy-fault-abort-grpc-request": "7" }),
		get("both statuses by header", "/said", {
			"x-envoy-fault-abort-request": "429",
			"x-envoy-fault-abort-grpc-request": "7",
		}),
		get("the share lowered by header", "/said", {
			"x-envoy-fault-abort-request": "429",
			"x-envoy-fault-abort-request-percentage": "0",
		}),
		get("the share cannot be raised by header", "/half", {
			"x-envoy-fault-abort-request": "429",
			"x-envoy-fault-abort-request-percentage": "100",
		}),
		get("delay by header", "/said", { "x-envoy-fault-delay-request": "20" }, counted),
		get("delay of nothing by header", "/said", { "x-envoy-fault-delay-request": "0" }, counted),
		get(
			"delay lowered by header",
			"/said",
			{
				"x-envoy-fault-delay-request": "20",
				"x-envoy-fault-delay-request-percentage": "0",
			},
			counted,
		),
		get("direct responses too", "/direct", { "x-envoy-fault-abort-request": "429" }),
		get("no route", "/said", { "x-envoy-fault-abort-request": "429", host: "elsewhere" }),
	],
});
