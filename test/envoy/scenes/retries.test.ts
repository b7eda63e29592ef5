import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { type Answer, dead, http1 } from "../harness/upstream.ts";

const QUICK: JsonObject = { base_interval: "0.001s", max_interval: "0.002s" };
const policy = (retry_on: string, more: JsonObject = {}): JsonObject => ({
	timeout: "0s",
	retry_policy: { retry_on, num_retries: 2, retry_back_off: QUICK, ...more },
});
const INTERNAL = { "x-forwarded-for": "10.1.2.3" };
const RETRY_COUNTERS = [
	/cluster\.(echo|dead)\.upstream_rq_(retry.*|total|5xx|2xx|per_try.*|timeout|completed)/,
	/cluster\.echo\.retry\..*/,
];

/** Upstreams that close after each answer, so that both proxies begin each try on a connection of its own. */
const closing = (status: number, more: Answer = {}): Answer => ({
	status,
	headers: { connection: "close" },
	finish: "close",
	...more,
});

function ask(
	name: string,
	path: string,
	answers: readonly Answer[],
	headers: Readonly<Record<string, string>> = {},
): Case {
	return { name, send: { path, headers }, answers: { echo: answers }, counters: RETRY_COUNTERS };
}

scene("retries", {
	upstreams: { echo: http1(), dead: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					more: {
						use_remote_address: true,
						xff_num_trusted_hops: 1,
						internal_address_config: { cidr_ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] },
					},
					routes: [
						to("echo", "/5xx", policy("5xx")),
						to("echo", "/gateway", policy("gateway-error")),
						to("echo", "/4xx", policy("retriable-4xx")),
						to("echo", "/reset", policy("reset")),
						to("echo", "/connect", policy("connect-failure")),
						to("dead", "/dead", policy("connect-failure")),
						to("dead", "/no-connect", policy("5xx,reset")),
						to("echo", "/codes", policy("retriable-status-codes", { retriable_status_codes: [418, 409] })),
						to(
							"echo",
							"/headers",
							policy("retriable-headers", { retriable_headers: [{ name: "x-again", string_match: { exact: "yes" } }] }),
						),
						to(
							"echo",
							"/request",
							policy("5xx", { retriable_request_headers: [{ name: "x-may", present_match: true }] }),
						),
						to("echo", "/limited", policy("5xx,envoy-ratelimited")),
						to("echo", "/try", policy("5xx", { per_try_timeout: "0.06s" })),
						to("echo", "/idle", policy("reset", { per_try_idle_timeout: "0.06s", num_retries: 0 })),
						to(
							"echo",
							"/asked",
							policy("retriable-status-codes", {
								num_retries: 1,
								retriable_status_codes: [429],
								rate_limited_retry_back_off: {
									reset_headers: [{ name: "retry-after" }, { name: "x-reset", format: "UNIX_TIMESTAMP" }],
									max_interval: "2s",
								},
							}),
						),
						to("echo", "/zero", policy("5xx", { num_retries: 0 })),
						to("echo", "/count", policy("5xx"), {}),
						to("echo", "/slow", { ...policy("5xx"), timeout: "0.08s" }),
						to("echo", "/plain", { timeout: "0s" }),
					],
					routeConfig: {},
				}),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("dead", [at.port("dead")])],
		},
	}),
	cases: [
		ask("5xx: a good second", "/5xx", [closing(500), closing(200)]),
		ask("5xx: never good", "/5xx", [closing(503)]),
		ask("5xx: a reset", "/5xx", [{ raw: "", finish: "close" }, closing(200)]),
		ask("5xx: 404 is fine", "/5xx", [closing(404)]),
		ask("5xx: no HTTP", "/5xx", [{ raw: "SSH\r\n\r\n" }, closing(200)]),
		ask("gateway-error: 503", "/gateway", [closing(503), closing(200)]),
		ask("gateway-error: 500", "/gateway", [closing(500)]),
		ask("gateway-error: a reset", "/gateway", [{ raw: "", finish: "close" }, closing(200)]),
		ask("retriable-4xx: 409", "/4xx", [closing(409), closing(200)]),
		ask("retriable-4xx: 400", "/4xx", [closing(400)]),
		ask("reset: closed without a word", "/reset", [{ raw: "", finish: "close" }, closing(200)]),
		ask("reset: broken", "/reset", [{ raw: "", finish: "reset" }, closing(200)]),
		ask("reset: 503", "/reset", [closing(503)]),
		ask("reset: in the middle of the head", "/reset", [{ raw: "HTTP/1.1 200 O", finish: "close" }, closing(200)]),
		ask("reset: in the body", "/reset", [
			{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", finish: "close" },
			closing(200),
		]),
		ask("connect-failure: a reset", "/connect", [{ raw: "", finish: "close" }]),
		ask("connect-failure: nobody listens", "/dead", []),
		ask("5xx and reset: nobody listens", "/no-connect", []),
		ask("codes", "/codes", [closing(418), closing(409), closing(200)]),
		ask("codes: another", "/codes", [closing(500)]),
		ask("headers", "/headers", [closing(200, { headers: { "x-again": "yes", connection: "close" } }), closing(200)]),
		ask("request headers: there", "/request", [closing(500), closing(200)], { "x-may": "1" }),
		ask("request headers: not there", "/request", [closing(500)]),
		ask("ratelimited: retried by its own word", "/limited", [
			closing(429, { headers: { "x-envoy-ratelimited": "true", connection: "close" } }),
			closing(200),
		]),
		ask("ratelimited: not by 5xx", "/5xx", [
			closing(503, { headers: { "x-envoy-ratelimited": "true", connection: "close" } }),
		]),
		ask("per-try timeout, a quick second", "/try", [closing(200, { delayMs: 200 }), closing(200)]),
		ask("per-try timeout, all slow", "/try", [closing(200, { delayMs: 200 })]),
		ask("per-try idle timeout", "/idle", [closing(200, { delayMs: 300 })]),
		ask("per-try idle timeout in the body", "/idle", [
			{ raw: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", finish: "hang" },
		]),
		ask("the endpoint asks to wait", "/asked", [
			closing(429, { headers: { "retry-after": "1", connection: "close" } }),
			closing(200),
		]),
		ask("the endpoint asks to wait too long", "/asked", [
			closing(429, { headers: { "retry-after": "9", connection: "close" } }),
			closing(200),
		]),
		ask("no retries", "/zero", [closing(500)]),
		{
			...ask("the whole is too slow", "/slow", [closing(500), closing(200, { delayMs: 300 })]),
			compare: ({ connections, log, counters }) => ({ connections, log, counters }),
		},
		ask("a client from outside may not ask", "/plain", [closing(500)], {
			"x-envoy-retry-on": "5xx",
			"x-envoy-max-retries": "2",
		}),
		ask("a client from inside asks", "/plain", [closing(500), closing(200)], {
			...INTERNAL,
			"x-envoy-retry-on": "5xx",
		}),
		ask("a client from inside asks for more", "/plain", [closing(500), closing(500), closing(500), closing(200)], {
			...INTERNAL,
			"x-envoy-retry-on": "5xx",
			"x-envoy-max-retries": "3",
		}),
		ask("a client adds to the route", "/gateway", [closing(500), closing(200)], {
			...INTERNAL,
			"x-envoy-retry-on": "5xx",
		}),
		ask("a client names codes", "/plain", [closing(418), closing(200)], {
			...INTERNAL,
			"x-envoy-retry-on": "retriable-status-codes",
			"x-envoy-retriable-status-codes": "418, 419",
		}),
		ask(
			"a client names headers",
			"/plain",
			[closing(200, { headers: { "x-oops": "1", connection: "close" } }), closing(200)],
			{ ...INTERNAL, "x-envoy-retry-on": "retriable-headers", "x-envoy-retriable-header-names": "X-Oops" },
		),
		ask(
			"a client asks by gRPC status",
			"/plain",
			[closing(200, { headers: { "grpc-status": "14", connection: "close" } }), closing(200)],
			{ ...INTERNAL, "x-envoy-retry-grpc-on": "unavailable" },
		),
		ask("a client sets its timeout", "/plain", [closing(200, { delayMs: 300 })], {
			...INTERNAL,
			"x-envoy-upstream-rq-timeout-ms": "60",
		}),
		ask("a client wants 204 for a timeout", "/plain", [closing(200, { delayMs: 300 })], {
			...INTERNAL,
			"x-envoy-upstream-rq-timeout-ms": "60",
			"x-envoy-upstream-rq-timeout-alt-response": "1",
		}),
		{
			name: "a body is sent again",
			send: { method: "POST", path: "/5xx", body: "again and again", chunked: true, trailers: { "x-end": "1" } },
			answers: { echo: [closing(500), closing(200)] },
			counters: RETRY_COUNTERS,
		},
	],
});
