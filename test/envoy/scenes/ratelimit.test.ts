import { type JsonObject, type JsonValue, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import {
	RateLimitResponse_Code as Code,
	RateLimitRequestSchema,
	RateLimitResponseSchema,
} from "../../../src/xds/generated/envoy/service/ratelimit/v3/rls_pb.ts";
import {
	any,
	cluster,
	HTTP2_UPSTREAM,
	hcm,
	httpFilter,
	listener,
	says,
	stdoutLog,
	to,
} from "../harness/bootstrap-parts.ts";
import { serveUnary } from "../harness/grpc-service.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

type Response = MessageInitShape<typeof RateLimitResponseSchema>;

const LIMIT = "envoy.filters.http.ratelimit";
const header = (key: string, value: string) => ({ key, value });
const seconds = (count: number) => ({ seconds: BigInt(count), nanos: 0 });
const STATUSES: Response["statuses"] = [
	{ currentLimit: { requestsPerUnit: 10, unit: 2 }, limitRemaining: 5, durationUntilReset: seconds(30) },
	{ currentLimit: { requestsPerUnit: 4, unit: 1, name: "n" }, limitRemaining: 3, durationUntilReset: seconds(1) },
	{},
];

/** What the service answers, by the value of the entry `mode`. */
const ANSWERS: Readonly<Record<string, Response | { grpcStatus: number } | "hang">> = {
	ok: {
		overallCode: Code.OK,
		statuses: STATUSES,
		responseHeadersToAdd: [header("X-R", "1"), header("x-r", "2")],
		requestHeadersToAdd: [header("X-Q", "1"), header("x-q", "2")],
		dynamicMetadata: { a: 1 },
	},
	over: {
		overallCode: Code.OVER_LIMIT,
		statuses: [{ currentLimit: { requestsPerUnit: 10, unit: 3 }, durationUntilReset: seconds(30) }],
		responseHeadersToAdd: [header("x-r", "1"), header("content-type", "text/html")],
		requestHeadersToAdd: [header("x-q", "1")],
		rawBody: new TextEncoder().encode("slow down"),
		dynamicMetadata: { a: 2 },
	},
	several: {
		overallCode: Code.OVER_LIMIT,
		statuses: [
			{ code: Code.OVER_LIMIT, currentLimit: { requestsPerUnit: 1, unit: 1 }, durationUntilReset: seconds(20) },
			{ code: Code.OVER_LIMIT, currentLimit: { requestsPerUnit: 2, unit: 2 }, durationUntilReset: seconds(50) },
			{ code: Code.OVER_LIMIT, currentLimit: { requestsPerUnit: 3, unit: 4 }, durationUntilReset: seconds(40) },
			{
				code: Code.OK,
				currentLimit: { requestsPerUnit: 9, unit: 7 },
				limitRemaining: 3,
				durationUntilReset: seconds(90),
			},
		],
	},
	bare: { overallCode: Code.OVER_LIMIT },
	unknown: {},
	unavailable: { grpcStatus: 14 },
	hang: "hang",
};

const port = await serveUnary({
	path: "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
	request: RateLimitRequestSchema,
	response: RateLimitResponseSchema,
	answer(request) {
		const mode = request.descriptors.flatMap(({ entries }) => entries).find(({ key }) => key === "mode")?.value ?? "";
		if (Object.hasOwn(ANSWERS, mode)) return ANSWERS[mode]!;
		// The upstream is told what the service saw, so that it is compared.
		const seen: JsonValue = toJson(RateLimitRequestSchema, request);
		return { overallCode: Code.OK, requestHeadersToAdd: [header("x-seen", JSON.stringify(seen))] };
	},
});

const generic = (value: string, more: JsonObject = {}): JsonObject => ({
	actions: [{ generic_key: { descriptor_value: value } }],
	...more,
});
const MODE: JsonObject = { actions: [{ request_headers: { header_name: "x-mode", descriptor_key: "mode" } }] };
const own = (config: JsonObject): JsonObject => ({
	typed_per_filter_config: { [LIMIT]: any("http.ratelimit.v3.RateLimitPerRoute", config) },
});
const ROUTES: JsonObject[] = [
	to("echo", "/mode", { rate_limits: [MODE] }),
	to("echo", "/ignored", {}, own({ vh_rate_limits: "IGNORE" })),
	to("echo", "/included", { rate_limits: [generic("route")] }, own({ vh_rate_limits: "INCLUDE" })),
	to("echo", "/overridden", { rate_limits: [generic("route")] }),
	to("echo", "/always", { rate_limits: [generic("route")], include_vh_rate_limits: true }),
	to("echo", "/domain", {}, own({ domain: "other" })),
	to(
		"echo",
		"/limits",
		{ rate_limits: [generic("route")] },
		own({ rate_limits: [generic("own", { hits_addend: { number: 5 } })] }),
	),
	to("echo", "/hits", { rate_limits: [generic("route", { hits_addend: { number: 5 } })] }),
	to("echo", "/fixed", {
		rate_limits: [generic("route", { limit: { rate_limit: { requests_per_unit: 3, unit: "HOUR" } } })],
	}),
	to("echo", "/stages", { rate_limits: [generic("two", { stage: 2 }), generic("zero")] }),
	to("echo", "/actions", {
		rate_limits: [
			{
				actions: [
					{ destination_cluster: {} },
					{ remote_address: {} },
					{ masked_remote_address: { v4_prefix_mask_len: 8 } },
					{ query_parameters: { query_parameter_name: "q", descriptor_key: "k", skip_if_absent: true } },
					{
						header_value_match: {
							descriptor_value: "none",
							expect_match: false,
							headers: [{ name: "x-gone", present_match: true }],
						},
					},
					{ metadata: { descriptor_key: "m", metadata_key: { key: "n", path: [{ key: "k" }] }, default_value: "d" } },
				],
			},
		],
	}),
	says({ prefix: "/direct" }, "direct"),
	to("gone", "/gone", { rate_limits: [MODE] }),
	to("echo"),
];
const LOG = {
	code: "%RESPONSE_CODE%",
	details: "%RESPONSE_CODE_DETAILS%",
	flags: "%RESPONSE_FLAGS%",
	limit: `%DYNAMIC_METADATA(${LIMIT})%`,
	other: "%DYNAMIC_METADATA(other.place)%",
};
const on = (name: string, config: JsonObject): JsonObject => {
	const service = { grpc_service: { envoy_grpc: { cluster_name: "limits" } }, transport_api_version: "V3" };
	const base = { domain: "dom", rate_limit_service: service, timeout: "0.2s" };
	return listener(name, [
		hcm({
			virtualHosts: [{ name: "all", domains: ["*"], rate_limits: [generic("host")], routes: ROUTES }],
			routeConfig: { validate_clusters: false },
			filters: [httpFilter("ratelimit", "http.ratelimit.v3.RateLimit", { ...base, ...config })],
			more: { stat_prefix: name, access_log: [stdoutLog({ json_format: LOG })] },
		}),
	]);
};

const counted = { counters: [/cluster\.echo\.(ratelimit\..*|upstream_rq_(\d+|\dxx))/] };
const mode = (value: string, to = "in", headers: Record<string, string> = {}): Case => ({
	name: `${to}: ${value}${headers["content-type"] ? ", a gRPC client" : ""}`,
	to,
	send: { path: "/mode", headers: { "x-mode": value, ...headers } },
	...counted,
});
const ask = (name: string, path: string, to = "in"): Case => ({
	name: `${to}: ${name}`,
	to,
	send: { path },
	...counted,
});
const GRPC = { "content-type": "application/grpc" };

scene("ratelimit", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				on("in", { enable_x_ratelimit_headers: "DRAFT_VERSION_03", enable_retry_after_header: true }),
				on("strict", {
					failure_mode_deny: true,
					rate_limited_as_resource_exhausted: true,
					disable_x_envoy_ratelimited_header: true,
					rate_limited_status: { code: 503 },
					status_on_error: { code: 504 },
					response_headers_to_add: [{ header: { key: "x-added", value: "%REQ(x-mode)%" } }],
					stat_prefix: "sp",
				}),
				on("internal", { request_type: "internal" }),
				on("external", { request_type: "external" }),
				on("stage", { stage: 2 }),
				on("own", { rate_limits: [generic("own", { hits_addend: { number: 2, is_negative_hits: true } })] }),
				on("off", { filter_enabled: { default_value: { numerator: 0 } } }),
				on("counted", { filter_enforced: { default_value: { numerator: 0 } } }),
				on("elsewhere", { metadata_namespace: "other.place" }),
				on("success", { rate_limited_status: { code: 200 } }),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("limits", [port], HTTP2_UPSTREAM)],
		},
	}),
	cases: [
		...["ok", "over", "several", "bare", "unknown", "unavailable"].map((value) => mode(value)),
		mode("over", "in", GRPC),
		...["over", "bare", "unavailable", "unknown"].map((value) => mode(value, "strict")),
		mode("over", "strict", GRPC),
		ask("no descriptor", "/mode"),
		ask("the virtual host's", "/"),
		ask("the virtual host's, ignored", "/ignored"),
		ask("the virtual host's, included", "/included"),
		ask("the virtual host's, included by the route", "/always"),
		ask("the route's instead", "/overridden"),
		ask("another domain", "/domain"),
		ask("limits of the route's config", "/limits"),
		ask("hits of a route's limits do not count", "/hits"),
		ask("a limit of its own", "/fixed"),
		ask("stage 0", "/stages"),
		ask("many actions", "/actions?q=1"),
		ask("a direct response", "/direct"),
		ask("a cluster that is not there", "/gone"),
		mode("over", "internal"),
		mode("over", "external"),
		ask("stage 2", "/stages", "stage"),
		ask("nothing in stage 2", "/", "stage"),
		ask("the filter's own limits", "/ignored", "own"),
		mode("over", "off"),
		mode("over", "counted"),
		mode("ok", "elsewhere"),
		mode("bare", "success"),
		mode("hang", "strict"),
	],
});
