import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1, http2, tcp } from "../harness/upstream.ts";

const TIMES = {
	timeout: "0.3s",
	interval: "0.05s",
	no_traffic_interval: "0.05s",
	healthy_threshold: 1,
	unhealthy_threshold: 1,
};
const hex = (text: string) => ({ text: Buffer.from(text).toString("hex") });
const header = (key: string, value: string, more: JsonObject = {}): JsonObject => ({ header: { key, value }, ...more });
/** A gRPC message of a health answer. */
const grpc = (status: number) => ({
	answer: {
		headers: { "content-type": "application/grpc" },
		body: `\u0000\u0000\u0000\u0000\u0002\u0008${String.fromCharCode(status)}`,
		trailers: { "grpc-status": "0" },
	},
});

interface Probe {
	readonly line?: string;
	readonly headers: readonly (readonly [string, string])[];
	readonly body: string;
}

/** What a probe of this upstream looks like. */
function probes(name: string, upstream: string): Case {
	return {
		name,
		send: { pauseMs: 200 },
		expect: 0,
		compare: ({ upstreams }) => {
			const seen = (upstreams as unknown as Record<string, readonly Probe[]>)[upstream] ?? [];
			const first = seen.find(({ headers }) => headers.some(([, value]) => value.startsWith("Envoy/HC")));
			return first && { line: first.line, headers: first.headers, body: first.body };
		},
	} as Case;
}

/** Who serves and what was counted of probes. */
function served(name: string, path: string): Case {
	return {
		name,
		send: Array.from({ length: 4 }, () => ({ path })),
		compare: ({ log }) =>
			[
				...new Set(
					(log as { host: string; code: number; flags: string }[]).map(
						({ host, code, flags }) => `${code} ${flags} ${host}`,
					),
				),
			].sort(),
	};
}

scene("health probes", {
	upstreams: {
		plain: http1(),
		fields: http1(),
		hosts: http1(),
		posts: http1(),
		heads: http1(),
		second: http2(),
		serving: http2(grpc(1)),
		"not-serving": http2(grpc(2)),
		retriable: http1({ answer: { status: 503 } }),
		strange: http1({ answer: { status: 418 } }),
		leaves: http1(),
		stays: http1(),
		degrades: http1(),
		fine: http1(),
		proxied: tcp({ answer: { greet: "HELLO" } }),
	},
	bootstrap: (at) => {
		const make = (name: string, hosts: string, check: JsonObject, more: JsonObject = {}): JsonObject =>
			cluster(
				name,
				hosts.split(" ").map((host) => at.port(host)),
				{ common_lb_config: { healthy_panic_threshold: {} }, health_checks: [{ ...TIMES, ...check }], ...more },
			);
		const http = (more: JsonObject = {}): JsonObject => ({ http_health_check: { path: "/health", ...more } });
		const clusters = [
			make("plain", "plain", http()),
			make(
				"fields",
				"fields",
				http({
					request_headers_to_add: [
						header("x-one", "1"),
						header("x-two", "2", { append_action: "OVERWRITE_IF_EXISTS_OR_ADD" }),
						header("user-agent", "Envoy/HC-mine", { append_action: "OVERWRITE_IF_EXISTS_OR_ADD" }),
					],
					request_headers_to_remove: ["x-two"],
				}),
			),
			make(
				"hosts",
				"hosts",
				http({
					host: "www.example.org",
					path: "/a?b=c",
					request_headers_to_add: [
						header("x-one", "1"),
						header("x-two", "2", { append_action: "OVERWRITE_IF_EXISTS_OR_ADD" }),
					],
				}),
			),
			make("posts", "posts", http({ method: "POST", send: hex("hello") })),
			make("heads", "heads", http({ method: "HEAD" })),
			make("second", "second", http({ codec_client_type: "HTTP2" })),
			make(
				"grpc",
				"serving not-serving",
				{
					grpc_health_check: {
						service_name: "shop",
						authority: "shop.test",
						initial_metadata: [header("x-meta", "m")],
					},
				},
				{ http2_protocol_options: {} },
			),
			make("retriable", "retriable fine", {
				...http({ retriable_statuses: [{ start: 500, end: 600 }] }),
				unhealthy_threshold: 1000,
			}),
			make("at-once", "strange fine", {
				...http({ retriable_statuses: [{ start: 500, end: 600 }] }),
				unhealthy_threshold: 1000,
			}),
			make(
				"leaving",
				"leaves stays",
				{ ...http(), interval: "100s", no_traffic_interval: "100s" },
				{ close_connections_on_host_health_failure: true },
			),
			make("waits", "fine", http(), { common_lb_config: { ignore_new_hosts_until_first_hc: true } }),
			make("matched", "fine", http({ service_name_matcher: { safe_regex: { regex: "sh.p" } } })),
			make("named", "fine", { ...http(), name: "mine", alt_port: 1 }),
			make("proxied", "proxied", {
				tcp_health_check: { receive: [hex("HELLO")], proxy_protocol_config: { version: "V1" } },
			}),
			cluster("degrades", [at.port("degrades"), at.port("fine")], {
				common_lb_config: { healthy_panic_threshold: {} },
				outlier_detection: { detect_degraded_hosts: true, interval: "0.1s", base_ejection_time: "0.5s" },
				load_assignment: {
					cluster_name: "x",
					policy: { overprovisioning_factor: 200 },
					endpoints: [
						{
							lb_endpoints: ["degrades", "fine"].map((name) => ({
								endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: at.port(name) } } },
							})),
						},
					],
				},
			}),
		];
		const routes = clusters.map(({ name }) => to(String(name), `/${name}/`));
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: [
		...["plain", "fields", "hosts", "posts", "heads", "second", "serving"].map((name) => probes(name, name)),
		served("gRPC", "/grpc/"),
		served("statuses that take their time", "/retriable/"),
		served("statuses that do not", "/at-once/"),
		served("waiting for the first check", "/waits/"),
		served("a service's name by pattern", "/matched/"),
		served("a name of its own", "/named/"),
		get(
			"who leaves at once says so",
			"/leaving/",
			{},
			{
				answers: {
					leaves: [{ headers: { "x-envoy-immediate-health-check-fail": "1" } }],
					stays: [{ headers: { "x-envoy-immediate-health-check-fail": "1" } }],
				},
				compare: ({ counters }) => counters,
				counters: [/cluster\.leaving\.(health_check\.(passive_failure|healthy)|membership_(healthy|excluded))/],
			},
		),
		{
			name: "who has left gets nothing",
			send: Array.from({ length: 6 }, () => ({ path: "/leaving/" })),
			// Which of both it was is chance.
			compare: ({ log }) => new Set((log as { host: string }[]).map(({ host }) => host)).size,
		},
		{
			name: "an answer that says degraded",
			send: [
				{ path: "/degrades/" },
				{ path: "/degrades/" },
				{ pauseMs: 30 },
				...Array.from({ length: 6 }, () => ({ path: "/degrades/later" })),
			],
			answers: { degrades: [{ headers: { "x-envoy-degraded": "1" } }, {}] },
			counters: [/cluster\.degrades\.(outlier_detection\.ejections_.*|membership_degraded)/],
			compare: ({ log, counters }) => ({
				later: [
					...new Set(
						(log as { path: string; host: string }[])
							.filter(({ path }) => path.endsWith("later"))
							.map(({ host }) => host),
					),
				],
				counters,
			}),
		},
		{
			name: "degraded no more",
			send: [{ pauseMs: 900 }, ...Array.from({ length: 6 }, () => ({ path: "/degrades/" }))],
			compare: ({ log }) => [...new Set((log as { host: string }[]).map(({ host }) => host))].sort(),
		},
	],
});
