import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, hcm, httpFilter, httpListener, listener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { type Answer, http1 } from "../harness/upstream.ts";

const frame = (text: string) => `\0\0\0\0${String.fromCharCode(text.length)}${text}`;
const chain = (cluster: string, config: JsonObject) => ({
	filters: [httpFilter("grpc_stats", "http.grpc_stats.v3.FilterConfig", config)],
	routes: [
		{ match: { prefix: "/direct" }, direct_response: { status: 200, body: { inline_string: "x" } } },
		to(cluster),
	],
	more: { http_protocol_options: { enable_trailers: true } },
});
const GRPC = { "content-type": "application/grpc" };
const done = (status: string): Answer => ({
	headers: GRPC,
	body: frame("hello") + frame(""),
	trailers: { "grpc-status": status },
});

function call(name: string, to: string, path: string, answer: Answer, more: Partial<Case> = {}): Case {
	return {
		name: `${to}: ${name}`,
		to,
		send: { method: "POST", path, headers: { ...GRPC, te: "trailers" }, body: frame("abc") + frame("") + frame("x") },
		answers: { [to]: [answer] },
		counters: [new RegExp(`cluster\\.${to}\\.grpc\\..*`)],
		...more,
	} as Case;
}

const clusterWithTrailers = (name: string, port: number) =>
	cluster(name, [port], {
		typed_extension_protocol_options: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
				"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
				explicit_http_config: { http_protocol_options: { enable_trailers: true } },
			},
		},
	});

scene("grpc stats", {
	upstreams: { all: http1(), none: http1(), some: http1(), dots: http1(), set: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener(chain("all", { stats_for_all_methods: true }), "all"),
				listener("none", [hcm(chain("none", { stats_for_all_methods: false }))]),
				listener("set", [hcm(chain("set", {}))]),
				listener("some", [
					hcm(
						chain("some", {
							individual_method_stats_allowlist: { services: [{ name: "pkg.Shop", method_names: ["Buy"] }] },
						}),
					),
				]),
				listener("dots", [
					hcm(chain("dots", { stats_for_all_methods: true, replace_dots_in_grpc_service_name: true })),
				]),
			],
			clusters: ["all", "none", "some", "dots", "set"].map((name) => clusterWithTrailers(name, at.port(name))),
		},
	}),
	cases: [
		call("success", "all", "/pkg.Shop/Buy", done("0")),
		call("failure", "all", "/pkg.Shop/Buy", done("14")),
		call("a status beyond the known ones", "all", "/pkg.Shop/Buy", done("77")),
		call("status in the head", "all", "/pkg.Shop/Buy", { headers: { ...GRPC, "grpc-status": "5" } }),
		call("no status", "all", "/pkg.Shop/Buy", { headers: GRPC, body: frame("a") }),
		call("an answer that is no gRPC", "all", "/pkg.Shop/Buy", { status: 503, body: "down" }),
		call("a path with a query", "all", "/pkg.Shop/Buy?x=/y", done("0")),
		call("a path with too many parts", "all", "/a/b/c", done("0")),
		call("a path with doubled slashes", "all", "//pkg.Shop//Buy", done("0")),
		call("a direct response", "all", "/direct/x", done("0")),
		call("no names", "none", "/pkg.Shop/Buy", done("0")),
		call("the default", "set", "/pkg.Shop/Buy", done("0")),
		call("a listed method", "some", "/pkg.Shop/Buy", done("0")),
		call("a method that is not listed", "some", "/pkg.Shop/Sell", done("0")),
		call("dots in names", "dots", "/pkg.Shop/Buy", done("0")),
		{
			name: "a request that is no gRPC",
			to: "all",
			send: { method: "POST", path: "/pkg.Shop/Buy", body: "abc" },
			counters: [/cluster\.all\.grpc\..*/],
		},
	],
});
