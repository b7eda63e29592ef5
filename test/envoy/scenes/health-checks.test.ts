import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, endpoint, httpListener, socketAddress, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { dead, http1, http2, tcp } from "../harness/upstream.ts";

interface LogLine {
	readonly host: string | null;
	readonly code: number;
	readonly flags: string | null;
}

/** Which endpoints answer requests once the first checks are through. */
function served(name: string, path: string, more: Partial<Case> = {}): Case {
	return {
		name,
		send: Array.from({ length: 6 }, () => ({ path })),
		compare: ({ log }) =>
			[...new Set((log as LogLine[]).map(({ host, code, flags }) => `${code} ${flags} ${host}`))].sort(),
		...more,
	} as Case;
}

const hex = (text: string) => ({ text: Buffer.from(text).toString("hex") });
const TIMES = {
	timeout: "0.2s",
	interval: "0.05s",
	no_traffic_interval: "0.05s",
	healthy_threshold: 1,
	unhealthy_threshold: 1,
};

scene("health checks", {
	upstreams: {
		good: http1(),
		sick: http1({ answer: { status: 503 } }),
		other: http1({ answer: { status: 204 } }),
		degraded: http1({ answer: { headers: { "x-envoy-degraded": "1" } } }),
		named: http1({ answer: { headers: { "x-envoy-upstream-healthchecked-cluster": "shop-a" } } }),
		slow: http1({ answer: { delayMs: 600 } }),
		resets: http1({ answer: { raw: "", finish: "close" } }),
		second: http2(),
		bytes: tcp(),
		greeter: tcp({ answer: { greet: "HELLO" } }),
		dead: dead(),
	},
	bootstrap: (at) => {
		const make = (name: string, hosts: string, check: JsonObject, more: JsonObject = {}): JsonObject =>
			cluster(
				name,
				hosts.split(" ").map((host) => at.port(host)),
				{
					common_lb_config: { healthy_panic_threshold: {} },
					health_checks: [{ ...TIMES, ...check }],
					...more,
				},
			);
		const http = (more: JsonObject = {}): JsonObject => ({ http_health_check: { path: "/health", ...more } });
		const elsewhere = (port: number, checked: JsonObject): JsonObject => ({
			load_assignment: {
				cluster_name: "x",
				endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port), health_check_config: checked } }] }],
			},
		});
		const clusters = [
			make("plain", "good sick dead", http()),
			make("statuses", "good other", http({ expected_statuses: [{ start: 204, end: 205 }] })),
			make("bodies", "good degraded", http({ receive: [hex("goo"), hex("d")] })),
			make("bodies-order", "good", http({ receive: [hex("d"), hex("goo")] })),
			make("degraded", "degraded sick", http()),
			make("spare", "degraded good", http(), {
				load_assignment: {
					cluster_name: "x",
					policy: { overprovisioning_factor: 200 },
					endpoints: [{ lb_endpoints: [endpoint(at.port("degraded")), endpoint(at.port("good"))] }],
				},
			}),
			make("service", "named good", http({ service_name_matcher: { prefix: "shop" } })),
			make("timeouts", "slow good", { ...http(), timeout: "0.1s" }),
			make("resets", "resets good", http()),
			make("http2", "second", http({ codec_client_type: "HTTP2" })),
			make("posts", "good", http({ method: "POST", send: hex("are you well") })),
			make("connects", "bytes dead", { tcp_health_check: {} }),
			make("echoes", "bytes", { tcp_health_check: { send: hex("PING"), receive: [hex("PI"), hex("NG")] } }),
			make("greets", "greeter bytes", { tcp_health_check: { receive: [hex("HELLO")] } }),
			make("panics", "sick dead", http(), { common_lb_config: { healthy_panic_threshold: { value: 50 } } }),
			make("second-level", "sick", http(), {
				load_assignment: {
					cluster_name: "x",
					endpoints: [
						{ lb_endpoints: [endpoint(at.port("sick"))] },
						{ priority: 1, lb_endpoints: [endpoint(at.port("good"))] },
					],
				},
			}),
			make("elsewhere", "good", http(), elsewhere(at.port("good"), { port_value: at.port("sick") })),
			make("unchecked", "sick", http(), elsewhere(at.port("sick"), { disable_active_health_check: true })),
			make("ring", "good sick dead", http(), { lb_policy: "RING_HASH" }),
		];
		const routes = clusters.map(({ name }) => to(String(name), `/${name}/`));
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: [
		served("sick and dead ones get nothing", "/plain/"),
		served("expected statuses", "/statuses/"),
		served("expected bodies", "/bodies/"),
		served("expected bodies, in another order", "/bodies-order/"),
		served("a degraded one is better than none", "/degraded/"),
		served("a degraded one is spared", "/spare/"),
		served("the name of the service", "/service/"),
		served("silence", "/timeouts/"),
		served("hanging up", "/resets/"),
		served("a check over HTTP/2", "/http2/"),
		served("a check with a body", "/posts/"),
		served("connecting is enough", "/connects/", { send: [{ path: "/connects/" }], withinMs: 300 }),
		served("the echo that is expected", "/echoes/", { send: [{ path: "/echoes/" }], withinMs: 300 }),
		served("a greeting that is expected", "/greets/", { send: [{ path: "/greets/" }], withinMs: 300 }),
		served("panic", "/panics/"),
		served("the next level", "/second-level/"),
		served("checked elsewhere", "/elsewhere/"),
		served("not checked", "/unchecked/"),
		served("a ring of the well", "/ring/"),
		{
			name: "counters",
			send: { path: "/plain/" },
			counters: [/cluster\.(plain|degraded|timeouts)\.membership_.*/],
			compare: ({ counters }) => counters,
		},
	],
});
