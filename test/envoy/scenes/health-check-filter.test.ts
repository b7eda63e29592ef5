import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, hcm, httpFilter, httpListener, listener, to } from "../harness/bootstrap-parts.ts";
import { scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const check = (config: JsonObject) => [
	httpFilter("health_check", "http.health_check.v3.HealthCheck", {
		headers: [{ name: ":path", string_match: { exact: "/healthz" } }],
		...config,
	}),
];
const chain = (config: JsonObject) => hcm({ filters: check(config), routes: [to("echo")] });
const at = (to: string, name: string, path = "/healthz") => ({ name, to, send: { path } });
const percent = (clusters: Record<string, number>): JsonObject =>
	Object.fromEntries(Object.entries(clusters).map(([name, value]) => [name, { value }]));

scene("health check filter", {
	upstreams: { echo: http1() },
	bootstrap: (places) => ({
		static_resources: {
			listeners: [
				httpListener({ filters: check({ pass_through_mode: false }), routes: [to("echo")] }),
				listener("through", [chain({ pass_through_mode: true })]),
				listener("cached", [chain({ pass_through_mode: true, cache_time: "60s" })]),
				listener("well", [
					chain({ pass_through_mode: false, cluster_min_healthy_percentages: percent({ echo: 100 }) }),
				]),
				listener("empty", [
					chain({ pass_through_mode: false, cluster_min_healthy_percentages: percent({ empty: 1 }) }),
				]),
				listener("empty-ok", [
					chain({ pass_through_mode: false, cluster_min_healthy_percentages: percent({ empty: 0 }) }),
				]),
				listener("missing", [
					chain({ pass_through_mode: false, cluster_min_healthy_percentages: percent({ nope: 0 }) }),
				]),
			],
			clusters: [cluster("echo", [places.port("echo")]), cluster("empty", [])],
		},
	}),
	cases: [
		at("in", "answered here"),
		at("in", "anything else goes on", "/healthz/x"),
		at("in", "with a query it is another path", "/healthz?x"),
		{ name: "with a body", to: "in", send: { method: "POST", path: "/healthz", body: "hello" } },
		{
			name: "with a body in chunks and another request",
			to: "in",
			send: [{ method: "POST", path: "/healthz", body: "hello", chunked: true }, { path: "/x" }],
		},
		{ name: "HEAD", to: "in", send: { method: "HEAD", path: "/healthz" } },
		{ name: "in bytes", to: "in", send: "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" },
		at("through", "passed on"),
		{ ...at("through", "passed on to a sick one"), answers: { echo: [{ status: 503 }] } },
		{
			name: "the first answer is kept",
			to: "cached",
			send: [{ path: "/healthz" }, { path: "/healthz" }],
			answers: { echo: [{ status: 500 }, { status: 200 }] },
		},
		at("cached", "what is kept, later"),
		at("well", "enough healthy endpoints"),
		at("empty", "no endpoint"),
		at("empty-ok", "no endpoint, and none needed"),
		at("missing", "no such cluster"),
	],
});
