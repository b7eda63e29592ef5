import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, listener, to } from "../harness/bootstrap-parts.ts";
import type { Observation } from "../harness/normalise.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const zipkin: JsonObject = {
	name: "envoy.tracers.zipkin",
	typed_config: any("envoy.config.trace.v3.ZipkinConfig", {
		collector_cluster: "collector",
		collector_endpoint: "/api/v2/spans",
		collector_endpoint_version: "HTTP_JSON",
	}),
};
const otel: JsonObject = {
	name: "envoy.tracers.opentelemetry",
	typed_config: any("envoy.config.trace.v3.OpenTelemetryConfig", {
		http_service: { http_uri: { uri: "http://otel.local/v1/traces", cluster: "collector", timeout: "1s" } },
	}),
};
const mirrored = (path: string, more: JsonObject = {}) =>
	to("echo", path, { request_mirror_policies: [{ cluster: "shadow", ...more }] });
const routes = [
	mirrored("/unsampled", { trace_sampled: false }),
	mirrored("/sampled", { trace_sampled: true }),
	mirrored("/"),
];
const traced = (name: string, provider: JsonObject) =>
	listener(name, [hcm({ routes, more: { tracing: { provider } } })]);

const FIELDS = /^(x-b3-sampled|traceparent|b3)$/;

/** Whether copies say that they are traced; ids are another scene's. */
function sampled(seen: Observation): unknown {
	const flag = ([name, value]: readonly [string, string]) =>
		name === "traceparent" ? `traceparent ${value.slice(-2)}` : `${name} ${value}`;
	return Object.fromEntries(
		["echo", "shadow"].map((name) => [
			name,
			(seen.upstreams[name] ?? []).map(({ headers }) =>
				(headers ?? []).filter(([field]) => FIELDS.test(field)).map((field) => flag(field as [string, string])),
			),
		]),
	);
}

const ask = (to: string, path: string, headers: Record<string, string> = {}): Case => ({
	name: `${to}: ${path} ${Object.keys(headers).join(" ")}`,
	to,
	send: { path, headers },
	compare: sampled,
	settleAfterMs: 60,
});

const UNTRACED = {
	"x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124",
	"x-b3-spanid": "a2fb4a1d1a96d312",
	"x-b3-sampled": "0",
};
const W3C = { traceparent: "00-463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-01" };

scene("traces of mirrored requests", {
	upstreams: { echo: http1(), shadow: http1(), collector: http1({ answer: { status: 202 } }) },
	bootstrap: (at) => ({
		node: { id: "node-1", cluster: "cluster-1" },
		static_resources: {
			listeners: [traced("zipkin", zipkin), traced("otel", otel), listener("untraced", [hcm({ routes })])],
			clusters: [
				cluster("echo", [at.port("echo")]),
				cluster("shadow", [at.port("shadow")]),
				cluster("collector", [at.port("collector")]),
			],
		},
	}),
	cases: ["zipkin", "otel", "untraced"].flatMap((to) =>
		["/", "/sampled", "/unsampled"].flatMap((path) => [ask(to, path), ask(to, path, UNTRACED), ask(to, path, W3C)]),
	),
});
