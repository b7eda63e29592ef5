import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const says = (text: string, match: JsonObject = { prefix: "/" }): JsonObject => ({
	match,
	name: text,
	direct_response: { status: 200, body: { inline_string: text } },
});
const route = (value: JsonObject): JsonObject => ({
	action: { name: "route", typed_config: any("envoy.config.route.v3.Route", value) },
});
const list = (...routes: JsonObject[]): JsonObject => ({
	action: { name: "routes", typed_config: any("envoy.config.route.v3.RouteList", { routes }) },
});
const header = (name: string): JsonObject => ({
	name: "header",
	typed_config: any("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", { header_name: name }),
});
const is = (input: JsonObject, value: JsonObject): JsonObject => ({ single_predicate: { input, value_match: value } });
const host = (name: string, matcher: JsonObject, more: JsonObject = {}): JsonObject => ({
	name,
	domains: [`${name}.local`],
	matcher,
	...more,
});

scene("route matcher trees", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					virtualHosts: [
						host("exact", {
							matcher_tree: {
								input: header("x-a"),
								exact_match_map: {
									map: {
										one: route(says("one")),
										two: list(says("two-a", { prefix: "/a" }), says("two-b", { prefix: "/b" })),
										"": route(says("empty")),
										nested: {
											matcher: {
												matcher_tree: {
													input: header("x-q"),
													exact_match_map: { map: { x: route(says("nested x")) } },
												},
												on_no_match: route(says("nested other")),
											},
										},
										deep: {
											matcher: {
												matcher_tree: { input: header("x-q"), exact_match_map: { map: { x: route(says("deep x")) } } },
											},
										},
									},
								},
							},
							on_no_match: route(says("no match")),
						}),
						host("bare", {
							matcher_tree: { input: header("x-a"), exact_match_map: { map: { one: route(says("one")) } } },
						}),
						host(
							"prefixes",
							{
								matcher_tree: {
									input: header(":path"),
									prefix_match_map: {
										map: {
											"/": route(to("echo", "/", {}, { name: "root" })),
											"/a": route(says("a", { prefix: "/a" })),
											"/a/b": route(says("a/b", { path: "/a/b/c" })),
											"/x": route(says("never", { prefix: "/y" })),
										},
									},
								},
							},
							{ request_headers_to_add: [{ header: { key: "x-host", value: "prefixes" } }] },
						),
						host("list", {
							matcher_list: {
								matchers: [
									{ predicate: is(header("x-a"), { exact: "One", ignore_case: true }), on_match: route(says("first")) },
									{
										predicate: is(header("x-a"), { prefix: "pre" }),
										on_match: route(says("second", { prefix: "/only" })),
									},
									{ predicate: is(header("x-a"), { prefix: "pr" }), on_match: route(says("third")) },
									{
										predicate: {
											and_matcher: {
												predicate: [
													is(header(":method"), { exact: "GET" }),
													{ not_matcher: is(header("x-q"), { contains: "z" }) },
													{
														or_matcher: {
															predicate: [
																is(header("x-b"), { suffix: "!" }),
																is(header("x-b"), { safe_regex: { google_re2: {}, regex: "[0-9]+" } }),
															],
														},
													},
												],
											},
										},
										on_match: route(says("combined")),
									},
								],
							},
							on_no_match: list(says("rest", { prefix: "/rest" })),
						}),
					],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		...["one", "two", "nested", "deep", "other", ""].flatMap((value) =>
			["/", "/a", "/b"].map((path) =>
				get(`exact: "${value}" ${path}`, path, {
					host: "exact.local",
					"x-a": value,
					...(path === "/b" && { "x-q": "x" }),
				}),
			),
		),
		get("exact: no header", "/", { host: "exact.local" }),
		get("exact: twice", "/", [
			["host", "exact.local"],
			["x-a", "one"],
			["x-a", "two"],
		]),
		get("no on_no_match", "/", { host: "bare.local", "x-a": "two" }),
		get("no on_no_match: match", "/", { host: "bare.local", "x-a": "one" }),
		...["/", "/a", "/a/b", "/a/b/c", "/ab", "/x", "/z?q"].map((path) =>
			get(`prefix: ${path}`, path, { host: "prefixes.local" }),
		),
		...["one", "ONE", "pre", "pro", "none"].flatMap((value) =>
			["/", "/only", "/rest"].map((path) => get(`list: ${value} ${path}`, path, { host: "list.local", "x-a": value })),
		),
		...["a!", "12", "12a"].flatMap((value) =>
			["/", "/?q=az"].map((path) => get(`list: combined ${value} ${path}`, path, { host: "list.local", "x-b": value })),
		),
	],
});
