import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, httpFilter, httpListener, listener, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const NAME = "envoy.filters.http.header_mutation";
const put = (key: string, value: string, action = "APPEND_IF_EXISTS_OR_ADD", more: JsonObject = {}): JsonObject => ({
	append: { header: { key, value }, append_action: action, ...more },
});
const query = (key: string, value: string, action = "APPEND_IF_EXISTS_OR_ADD"): JsonObject => ({
	append: { record: { key, value }, action },
});
const own = (mutations: JsonObject) => ({
	typed_per_filter_config: { [NAME]: any("http.header_mutation.v3.HeaderMutationPerRoute", { mutations }) },
});
const on = (prefix: string, mutations: JsonObject) => to("echo", prefix, {}, own(mutations));
const LEVELS: JsonObject = {
	request_mutations: [put("x-level", "listener", "OVERWRITE_IF_EXISTS_OR_ADD")],
	response_mutations: [put("x-level", "listener", "OVERWRITE_IF_EXISTS_OR_ADD")],
};
const level = (name: string): JsonObject => ({
	request_mutations: [put("x-level", name, "OVERWRITE_IF_EXISTS_OR_ADD"), put("x-seen", name)],
	response_mutations: [put("x-level", name, "OVERWRITE_IF_EXISTS_OR_ADD"), put("x-seen", name)],
});

const routes = [
	on("/append", { request_mutations: [put("x-a", "1"), put("x-a", "2"), put("x-new", "n")] }),
	on("/absent", { request_mutations: [put("x-a", "1", "ADD_IF_ABSENT"), put("x-new", "n", "ADD_IF_ABSENT")] }),
	on("/overwrite", {
		request_mutations: [put("x-a", "1", "OVERWRITE_IF_EXISTS_OR_ADD"), put("x-new", "n", "OVERWRITE_IF_EXISTS_OR_ADD")],
	}),
	on("/existing", {
		request_mutations: [put("x-a", "1", "OVERWRITE_IF_EXISTS"), put("x-new", "n", "OVERWRITE_IF_EXISTS")],
	}),
	on("/remove", { request_mutations: [{ remove: "x-a" }, put("x-a", "again")] }),
	on("/match", { request_mutations: [{ remove_on_match: { key_matcher: { prefix: "x-a" } } }] }),
	on("/format", {
		request_mutations: [
			put("x-path", "%REQ(:PATH)%|%PROTOCOL%|%REQ(nope)%"),
			put("x-none", "%REQ(nope)%"),
			put("x-kept", "%REQ(nope)%", "APPEND_IF_EXISTS_OR_ADD", { keep_empty_value: true }),
		],
	}),
	on("/response", {
		response_mutations: [
			put("x-out", "%RESPONSE_CODE%:%REQ(x-a)%:%RESP(x-up)%"),
			{ remove: "x-up" },
			{ remove: "server" },
		],
	}),
	on("/trailers", {
		request_trailers_mutations: [put("x-more", "q"), { remove: "x-end" }],
		response_trailers_mutations: [put("x-more", "r"), { remove: "x-end" }],
	}),
	on("/q-append", { query_parameter_mutations: [query("b", "2"), query("z", "%REQ(:METHOD)%")] }),
	on("/q-absent", { query_parameter_mutations: [query("a", "2", "ADD_IF_ABSENT"), query("n", "2", "ADD_IF_ABSENT")] }),
	on("/q-overwrite", {
		query_parameter_mutations: [
			query("a", "2", "OVERWRITE_IF_EXISTS_OR_ADD"),
			query("n", "2", "OVERWRITE_IF_EXISTS_OR_ADD"),
		],
	}),
	on("/q-existing", {
		query_parameter_mutations: [query("a", "2", "OVERWRITE_IF_EXISTS"), query("n", "2", "OVERWRITE_IF_EXISTS")],
	}),
	on("/q-remove", { query_parameter_mutations: [{ remove: "a" }] }),
	{
		match: { prefix: "/direct" },
		direct_response: { status: 200, body: { inline_string: "x" } },
		...own({ response_mutations: [put("x-out", "direct")] }),
	},
	on("/levels", level("route")),
	to("echo"),
];
const chain = (mostSpecificWins: boolean) => ({
	filters: [
		httpFilter("header_mutation", "http.header_mutation.v3.HeaderMutation", {
			mutations: LEVELS,
			most_specific_header_mutations_wins: mostSpecificWins,
		}),
	],
	virtualHosts: [{ name: "all", domains: ["*"], routes, ...own(level("host")) }],
	routeConfig: own(level("table")),
	more: { http_protocol_options: { enable_trailers: true } },
});

scene("header mutation", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [httpListener(chain(false)), listener("specific", [hcm(chain(true))])],
			clusters: [
				cluster("echo", [at.port("echo")], {
					typed_extension_protocol_options: {
						"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": any(
							"envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
							{ explicit_http_config: { http_protocol_options: { enable_trailers: true } } },
						),
					},
				}),
			],
		},
	}),
	cases: [
		get("append", "/append", { "x-a": "0" }),
		get("add if absent", "/absent", { "x-a": "0" }),
		get("overwrite or add", "/overwrite", { "x-a": "0" }),
		get("overwrite what exists", "/existing", { "x-a": "0" }),
		get("remove, then add", "/remove", { "x-a": "0" }),
		get("remove what matches", "/match", { "x-a": "0", "X-Abc": "1", "x-b": "2" }),
		get("formats", "/format?q"),
		{
			name: "responses",
			send: { path: "/response", headers: { "x-a": "in" } },
			answers: { echo: [{ headers: { "x-up": "u" } }] },
		},
		{
			name: "trailers",
			send: {
				method: "POST",
				path: "/trailers",
				headers: { te: "trailers" },
				body: "b",
				trailers: { "x-end": "1", "x-t": "t" },
			},
			answers: { echo: [{ body: "x", trailers: { "x-end": "1", "x-t": "t" } }] },
		},
		get("no trailers", "/trailers"),
		get("query: append", "/q-append?b=1&a=%41%20x"),
		get("query: append to none", "/q-append"),
		get("query: add if absent", "/q-absent?a=1"),
		get("query: overwrite or add", "/q-overwrite?a=1&a=3&c"),
		get("query: overwrite what exists", "/q-existing?a=1&b=+%2B"),
		get("query: remove", "/q-remove?a=1&b=2&a=3"),
		get("query: remove the only one", "/q-remove?a=1"),
		get("query: names without values", "/q-remove?b&c=&=d"),
		get("a direct response", "/direct"),
		get("all levels", "/levels"),
		get("two levels", "/other"),
		{ name: "all levels, most specific last", to: "specific", send: { path: "/levels" } },
	],
});
