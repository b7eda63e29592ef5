import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, hcm, listener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { type Answer, dead, http1 } from "../harness/upstream.ts";

const COUNTERS = [/cluster\.echo\.upstream_rq_(total|retry.*|per_try.*|timeout|completed|[0-9]xx|cancelled)/];
const QUICK: JsonObject = { base_interval: "0.001s", max_interval: "0.002s" };
const policy = (retry: JsonObject = {}, more: JsonObject = {}): JsonObject => ({
	timeout: "0.5s",
	retry_policy: { retry_on: "5xx", num_retries: 2, per_try_timeout: "0.06s", retry_back_off: QUICK, ...retry },
	...more,
});
const HEDGE: JsonObject = { hedge_policy: { hedge_on_per_try_timeout: true } };
const ok = (more: Answer = {}): Answer => ({ headers: { connection: "close" }, finish: "close", ...more });

function ask(
	name: string,
	path: string,
	answers: readonly Answer[],
	headers: Readonly<Record<string, string>> = {},
): Case {
	return { name, send: { path, headers }, answers: { echo: answers }, counters: COUNTERS };
}

const slowThen = (...rest: Answer[]) => [ok({ delayMs: 250, body: "slow" }), ...rest];
const INSIDE = { "x-forwarded-for": "10.1.2.3" };

scene("hedging", {
	upstreams: { echo: http1(), gone: dead() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [
					hcm({
						virtualHosts: [
							{
								name: "all",
								domains: ["*"],
								include_request_attempt_count: true,
								include_attempt_count_in_response: true,
								routes: [
									to("echo", "/hedged", policy({}, HEDGE)),
									to("echo", "/once", policy({ num_retries: 1 }, HEDGE)),
									to("echo", "/reset", policy({ retry_on: "reset" }, HEDGE)),
									to("echo", "/no-retries", { timeout: "0.15s", ...HEDGE }),
									to("echo", "/short", policy({}, { ...HEDGE, timeout: "0.12s" })),
									to(
										"echo",
										"/others",
										policy(
											{},
											{ hedge_policy: { initial_requests: 3, additional_request_chance: { numerator: 100 } } },
										),
									),
									to("echo", "/plain", policy()),
									to("gone", "/gone", policy()),
									to("empty", "/empty", policy()),
									to("echo", "/too-slow", { timeout: "0.06s" }),
								],
							},
							{
								name: "host",
								domains: ["host.local"],
								...HEDGE,
								routes: [to("echo", "/own", policy({}, { hedge_policy: {} })), to("echo", "/", policy())],
							},
						],
						more: {
							use_remote_address: true,
							xff_num_trusted_hops: 1,
							internal_address_config: { cidr_ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }] },
						},
					}),
				]),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("gone", [at.port("gone")]), cluster("empty", [])],
		},
	}),
	cases: [
		ask("quick", "/hedged", [ok()]),
		ask("a slow first, a quick second", "/hedged", slowThen(ok({ body: "second" }))),
		ask("a slow first, a bad second", "/hedged", slowThen(ok({ status: 503 }), ok({ body: "third" }))),
		ask("the first answers while the second is still slow", "/once", [
			ok({ delayMs: 130, body: "first" }),
			ok({ delayMs: 300, body: "second" }),
		]),
		ask("the first fails while the second is still slow", "/once", [
			ok({ delayMs: 110, status: 503, body: "first" }),
			ok({ delayMs: 150, body: "second" }),
		]),
		ask("the second fails while the first is still slow", "/once", [
			ok({ delayMs: 200, body: "first" }),
			ok({ status: 503, body: "second" }),
		]),
		ask("both fail", "/once", [
			ok({ delayMs: 110, status: 503, body: "first" }),
			ok({ delayMs: 150, status: 502, body: "second" }),
		]),
		ask("other conditions do not matter", "/reset", slowThen(ok({ body: "second" }))),
		ask("no retries", "/no-retries", [ok({ delayMs: 80 })]),
		ask("all slow, to the end", "/short", [ok({ delayMs: 400 })]),
		ask("the other members change nothing", "/others", [ok({ body: "first" })]),
		ask("without hedging", "/plain", slowThen(ok({ body: "second" }))),
		ask("a client asks for it", "/plain", slowThen(ok({ body: "second" })), {
			...INSIDE,
			"x-envoy-hedge-on-per-try-timeout": "true",
		}),
		ask("a client asks not to", "/hedged", slowThen(ok({ body: "second" })), {
			...INSIDE,
			"x-envoy-hedge-on-per-try-timeout": "false",
		}),
		ask("a client says something else", "/hedged", slowThen(ok({ body: "second" })), {
			...INSIDE,
			"x-envoy-hedge-on-per-try-timeout": "yes",
		}),
		ask("a client from outside asks", "/plain", slowThen(ok({ body: "second" })), {
			"x-envoy-hedge-on-per-try-timeout": "true",
		}),
		ask("attempts told by the proxy's own answer: nobody listens", "/gone", []),
		ask("attempts told by the proxy's own answer: no endpoint", "/empty", []),
		ask("attempts told by the proxy's own answer: too slow", "/too-slow", [ok({ delayMs: 200 })]),
		ask("the virtual host says so", "/", slowThen(ok({ body: "second" })), { host: "host.local" }),
		ask("the route's own policy counts", "/own", slowThen(ok({ body: "second" })), { host: "host.local" }),
	],
});
