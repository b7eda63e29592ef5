import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, endpoint, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { type Answer, dead, http1 } from "../harness/upstream.ts";

const COUNTERS = [
	...["upstream_rq_retry", "upstream_rq_retry_success", "upstream_rq_retry_limit_exceeded", "upstream_rq_total"],
	...["upstream_rq_timeout", "upstream_rq_per_try_timeout", "upstream_rq_completed", "upstream_rq_rx_reset"],
	...["upstream_rq_tx_reset", "upstream_rq_503", "upstream_rq_5xx", "upstream_rq_retry_overflow"],
	...["upstream_rq_cancelled", "upstream_rq_pending_overflow", "upstream_rq_retry_backoff_exponential"],
].map((name) => `cluster.echo.${name}`);

/** Back-off of a millisecond or so. */
const quick = { retry_back_off: { base_interval: "0.001s", max_interval: "0.002s" } };

const retry = (name: string, retryOn: string, more: JsonObject = {}, action: JsonObject = {}): JsonObject =>
	to("echo", `/${name}/`, { retry_policy: { retry_on: retryOn, ...quick, ...more }, ...action });

const ROUTES: readonly JsonObject[] = [
	retry("5xx", "5xx"),
	retry("5xx-3", "5xx", { num_retries: 3 }),
	retry("none", "5xx", { num_retries: 0 }),
	retry("gateway", "gateway-error"),
	retry("reset", "reset"),
	retry("before", "reset-before-request"),
	retry("connect", "connect-failure"),
	retry("4xx", "retriable-4xx"),
	retry("refused", "refused-stream"),
	retry("codes", "retriable-status-codes", { retriable_status_codes: [418, 200] }),
	retry("headers", "retriable-headers", { retriable_headers: [{ name: "x-again", present_match: true }] }),
	retry("cancelled", "cancelled"),
	retry("grpc", "cancelled,deadline-exceeded,internal,resource-exhausted,unavailable"),
	retry("limited", "envoy-ratelimited"),
	retry("request-headers", "5xx", { retriable_request_headers: [{ name: "x-yes", present_match: true }] }),
	retry("per-try", "5xx", { num_retries: 2, per_try_timeout: "0.06s" }, { timeout: "2s" }),
	retry("per-try-idle", "5xx", { per_try_idle_timeout: "0.06s" }, { timeout: "2s" }),
	retry("total", "5xx", { num_retries: 5, per_try_timeout: "0.1s" }, { timeout: "0.25s" }),
	retry("istio", "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes", {
		num_retries: 2,
		retriable_status_codes: [503],
		host_selection_retry_max_attempts: "5",
	}),
	to("echo", "/plain/"),
	to("echo", "/timeout/", { timeout: "0.06s" }),
	to("echo", "/no-timeout/", { timeout: "0s" }),
	to("echo", "/idle/", { timeout: "2s", idle_timeout: "0.06s" }),
	to("echo", "/max/", { timeout: "2s", max_stream_duration: { max_stream_duration: "0.06s" } }),
	to("echo", "/grpc-max/", { max_stream_duration: { grpc_timeout_header_max: "0.1s", max_stream_duration: "1s" } }),
	to("echo", "/max-grpc/", { max_grpc_timeout: "0.1s" }),
	to("dead", "/dead/", { retry_policy: { retry_on: "connect-failure", num_retries: 2, ...quick } }),
	to("nowhere", "/nowhere/"),
	to("empty", "/empty/"),
	to("nowhere", "/nowhere-404/", { cluster_not_found_response_code: "NOT_FOUND" }),
	to("nowhere", "/nowhere-500/", { cluster_not_found_response_code: "INTERNAL_SERVER_ERROR" }),
	{ match: { prefix: "/header/" }, route: { cluster_header: "x-cluster" } },
	retry("after", "5xx", {
		rate_limited_retry_back_off: { reset_headers: [{ name: "Retry-After", format: "SECONDS" }], max_interval: "0.3s" },
	}),
];

const bad: Answer = { status: 503 };
const ok: Answer = { body: "fine" };
const closes: Answer = { raw: "", finish: "close" };
const resets: Answer = { raw: "", finish: "reset" };

const asked = (name: string, path: string, answers: readonly Answer[], headers: Record<string, string> = {}): Case =>
	get(name, `/${path}/`, headers, { answers: { echo: answers }, counters: COUNTERS });

const grpc = (status: string): Answer => ({ headers: { "content-type": "application/grpc", "grpc-status": status } });

scene("timeouts and retries", {
	upstreams: { echo: http1(), dead: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					virtualHosts: [
						{ name: "all", domains: ["*"], routes: [...ROUTES] },
						{
							name: "counting",
							domains: ["counting.test"],
							include_request_attempt_count: true,
							include_attempt_count_in_response: true,
							retry_policy: { retry_on: "5xx", num_retries: 2, ...quick },
							routes: [to("echo")],
						},
						{
							name: "timing",
							domains: ["timing.test"],
							include_is_timeout_retry_header: true,
							include_request_attempt_count: true,
							retry_policy: { retry_on: "5xx", num_retries: 2, per_try_timeout: "0.05s", ...quick },
							routes: [to("echo")],
						},
					],
					routeConfig: { validate_clusters: false },
				}),
			],
			clusters: [
				cluster("echo", [at.port("echo")], { circuit_breakers: { thresholds: [{ max_retries: 10 }] } }),
				cluster("dead", [at.port("dead")]),
				cluster("empty", []),
			],
		},
	}),
	cases: [
		asked("5xx, then fine", "5xx", [bad, ok]),
		asked("5xx twice", "5xx", [bad, bad]),
		asked("three retries", "5xx-3", [bad, bad, { status: 500 }, ok]),
		asked("no retries allowed", "none", [bad, ok]),
		asked("404 is no 5xx", "5xx", [{ status: 404 }, ok]),
		asked("an upstream that hangs up", "5xx", [closes, ok]),
		asked("an upstream that resets", "5xx", [resets, ok]),
		asked("it resets twice", "5xx", [resets, resets]),
		asked("gateway error 502", "gateway", [{ status: 502 }, ok]),
		asked("gateway error 500", "gateway", [{ status: 500 }, ok]),
		asked("reset is retried", "reset", [resets, ok]),
		asked("503 is no reset", "reset", [bad, ok]),
		asked("half an answer is no reset", "reset", [
			{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", finish: "close" },
			ok,
		]),
		asked("reset before the request", "before", [resets, ok]),
		asked("hung up before the request", "before", [closes, ok]),
		asked("connect failure is not a reset", "connect", [resets, ok]),
		asked("409", "4xx", [{ status: 409 }, ok]),
		asked("400 is not retriable", "4xx", [{ status: 400 }, ok]),
		asked("refused stream on HTTP/1", "refused", [resets, ok]),
		asked("418 by code", "codes", [{ status: 418 }, { status: 404 }]),
		asked("200 by code", "codes", [{ status: 200 }, { status: 404 }]),
		asked("a header of the answer", "headers", [{ headers: { "x-again": "1" } }, ok]),
		asked("no such header", "headers", [bad, ok]),
		asked("gRPC cancelled", "cancelled", [grpc("1"), grpc("0")], { "content-type": "application/grpc" }),
		asked("gRPC unavailable", "grpc", [grpc("14"), grpc("0")], { "content-type": "application/grpc" }),
		asked("gRPC not found", "grpc", [grpc("5"), grpc("0")], { "content-type": "application/grpc" }),
		asked("rate limited", "limited", [{ status: 429, headers: { "x-envoy-ratelimited": "true" } }, ok]),
		asked("5xx that says rate limited", "5xx", [{ status: 503, headers: { "x-envoy-ratelimited": "true" } }, ok]),
		asked("request headers that match", "request-headers", [bad, ok], { "x-yes": "1" }),
		asked("request headers that do not", "request-headers", [bad, ok]),
		asked("per-try timeout, then fine", "per-try", [{ delayMs: 300 }, ok]),
		asked("per-try timeout every time", "per-try", [{ delayMs: 300 }]),
		asked("per-try idle timeout", "per-try-idle", [{ delayMs: 300 }, ok]),
		asked("total timeout before all tries", "total", [{ delayMs: 300 }]),
		asked("Istio's default", "istio", [bad, bad, ok]),
		asked("a 200 that was asked to be retried by the client", "plain", [bad, ok], {
			"x-envoy-retry-on": "5xx",
			"x-envoy-max-retries": "2",
		}),
		get(
			"an internal client asks for retries",
			"/plain/",
			{
				"x-forwarded-for": "10.0.0.1",
				"x-envoy-retry-on": "5xx",
				"x-envoy-max-retries": "2",
			},
			{ answers: { echo: [bad, ok] } },
		),
		asked("timeout", "timeout", [{ delayMs: 300 }]),
		asked("timeout after the head", "timeout", [{ bodyDelayMs: 300 }]),
		asked("no timeout", "no-timeout", [{ delayMs: 50 }]),
		asked("stream idle", "idle", [{ delayMs: 300 }]),
		asked("maximum duration", "max", [{ delayMs: 300 }]),
		asked("a client's own timeout", "plain", [{ delayMs: 300 }], { "x-envoy-upstream-rq-timeout-ms": "60" }),
		asked("grpc-timeout", "grpc-max", [{ delayMs: 300 }], {
			"content-type": "application/grpc",
			"grpc-timeout": "60m",
		}),
		asked("grpc-timeout beyond the limit", "max-grpc", [{ delayMs: 300 }], {
			"content-type": "application/grpc",
			"grpc-timeout": "5S",
		}),
		get("nobody listens, three times", "/dead/", {}, { counters: [/cluster\.dead\.upstream_(rq|cx)_[a-z_]*/] }),
		get("no cluster", "/nowhere/"),
		get("no cluster: 404", "/nowhere-404/"),
		get("no cluster: 500", "/nowhere-500/"),
		get("an empty cluster", "/empty/"),
		get("cluster by header", "/header/", { "x-cluster": "echo" }),
		get("cluster by header that is none", "/header/", { "x-cluster": "none" }),
		get("cluster header that is missing", "/header/"),
		get("attempts are counted", "/x", { host: "counting.test" }, { answers: { echo: [bad, bad, ok] } }),
		get(
			"timeout retries are marked",
			"/x",
			{ host: "timing.test" },
			{ answers: { echo: [{ delayMs: 200 }, bad, ok] } },
		),
		asked("rate limited back-off that is too long", "after", [{ status: 503, headers: { "retry-after": "5" } }, ok]),
		{
			name: "a body is sent again",
			send: { method: "POST", path: "/5xx/", body: "hello" },
			answers: { echo: [bad, ok] },
		},
		{
			name: "chunks and trailers are sent again",
			send: { method: "POST", path: "/5xx/", body: "hello", trailers: { "x-end": "1" } },
			answers: { echo: [bad, ok] },
		},
		{
			name: "a body that is too large to keep is not sent again",
			send: { method: "POST", path: "/5xx/", body: { repeat: "0123456789", times: 200_000 } },
			answers: { echo: [bad, ok] },
		},
	],
});

scene("tries on other endpoints", {
	sharedUpstreams: true,
	upstreams: { a: http1(), b: http1(), dead: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [
						to("both", "/previous/", {
							retry_policy: {
								retry_on: "5xx",
								num_retries: 1,
								...quick,
								retry_host_predicate: [
									{
										name: "envoy.retry_host_predicates.previous_hosts",
										typed_config: {
											"@type":
												"type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
										},
									},
								],
								host_selection_retry_max_attempts: "5",
							},
						}),
						to("levels", "/priorities/", {
							retry_policy: {
								retry_on: "5xx",
								num_retries: 2,
								...quick,
								retry_priority: {
									name: "envoy.retry_priorities.previous_priorities",
									typed_config: {
										"@type":
											"type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
										update_frequency: 1,
									},
								},
							},
						}),
						to("half", "/half/", { retry_policy: { retry_on: "connect-failure", num_retries: 3, ...quick } }),
					],
				}),
			],
			clusters: [
				cluster("both", [at.port("a"), at.port("b")]),
				cluster("half", [at.port("dead"), at.port("a")]),
				cluster("levels", [], {
					load_assignment: {
						cluster_name: "levels",
						endpoints: ["a", "b"].map((name, priority) => ({ priority, lb_endpoints: [endpoint(at.port(name))] })),
					},
				}),
			],
		},
	}),
	cases: [
		{
			...get("the other one", "/previous/", {}, { answers: { a: [bad], b: [bad] } }),
			compare: ({ upstreams }) => Object.keys(upstreams).sort(),
		},
		get("the next level", "/priorities/", {}, { answers: { a: [bad] } }),
		{
			...get("the one that lives", "/half/"),
			compare: ({ upstreams, connections }) => [Object.keys(upstreams), connections.length],
		},
	],
});
