import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, hcm, httpFilter, listener, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const LIMIT = "envoy.filters.http.local_ratelimit";
const TYPE = "http.local_ratelimit.v3.LocalRateLimit";
const ALWAYS = { default_value: { numerator: 100 } };
const NEVER = { default_value: { numerator: 0 } };
const ON = { filter_enabled: ALWAYS, filter_enforced: ALWAYS };
const HEADERS = { enable_x_ratelimit_headers: "DRAFT_VERSION_03" };
/** Filled so slowly that nothing comes back while the scene runs. */
const bucket = (max_tokens: number): JsonObject => ({ max_tokens, fill_interval: "3600s" });
const holds = (tokens: number): JsonObject => ({ token_bucket: bucket(tokens) });
const descriptor = (entries: JsonObject[], tokens: number, more: JsonObject = {}): JsonObject => ({
	entries,
	token_bucket: bucket(tokens),
	...more,
});
const generic = (value: string, more: JsonObject = {}): JsonObject => ({
	actions: [{ generic_key: { descriptor_value: value } }],
	...more,
});
const user = (more: JsonObject = {}): JsonObject => ({
	actions: [{ request_headers: { header_name: "x-user", descriptor_key: "user" } }],
	...more,
});

/** A route with limits of its own, counted under its name. */
function limited(name: string, config: JsonObject, action: JsonObject = {}): JsonObject {
	const typed = any(TYPE, { stat_prefix: name, ...ON, ...config });
	return to("echo", `/${name}`, action, { typed_per_filter_config: { [LIMIT]: typed } });
}

const ROUTES: JsonObject[] = [
	limited("one", { ...holds(1), ...HEADERS, enable_retry_after_header: true }),
	limited("answer", {
		...holds(1),
		status: { code: 503 },
		response_headers_to_add: [{ header: { key: "x-why", value: "%REQ(x-user)%" } }],
	}),
	limited("redirect", { ...holds(1), status: { code: 302 } }),
	limited("grpc", { ...holds(1), rate_limited_as_resource_exhausted: true }),
	limited("rpc", holds(1)),
	limited("counted", {
		...holds(1),
		filter_enforced: NEVER,
		request_headers_to_add_when_not_enforced: [{ header: { key: "x-limited", value: "yes" } }],
	}),
	limited("off", { ...holds(1), filter_enabled: NEVER }),
	limited("connection", { ...holds(2), local_rate_limit_per_downstream_connection: true }),
	limited(
		"by-route",
		{ ...holds(9), ...HEADERS, descriptors: [descriptor([{ key: "user", value: "ann" }], 1)] },
		{ rate_limits: [user()] },
	),
	limited(
		"two-keys",
		{
			...holds(9),
			...HEADERS,
			descriptors: [
				descriptor(
					[
						{ key: "user", value: "ann" },
						{ key: "path", value: "/two-keys" },
					],
					1,
				),
			],
		},
		{
			rate_limits: [
				{
					actions: [
						{ request_headers: { header_name: "x-user", descriptor_key: "user" } },
						{ request_headers: { header_name: ":path", descriptor_key: "path" } },
					],
				},
			],
		},
	),
	limited("host", { ...holds(9), ...HEADERS, descriptors: [descriptor([{ key: "generic_key", value: "host" }], 1)] }),
	limited(
		"include",
		{
			...holds(9),
			...HEADERS,
			vh_rate_limits: "INCLUDE",
			descriptors: [
				descriptor([{ key: "generic_key", value: "host" }], 1),
				descriptor([{ key: "generic_key", value: "route" }], 3),
			],
		},
		{ rate_limits: [generic("route")] },
	),
	limited("ignore", {
		...holds(9),
		...HEADERS,
		vh_rate_limits: "IGNORE",
		descriptors: [descriptor([{ key: "generic_key", value: "host" }], 1)],
	}),
	limited("own", {
		...holds(9),
		...HEADERS,
		rate_limits: [generic("own")],
		descriptors: [descriptor([{ key: "generic_key", value: "own" }], 1)],
	}),
	limited("open", {
		...holds(99),
		...HEADERS,
		rate_limits: [user()],
		descriptors: [descriptor([{ key: "user" }], 1), descriptor([{ key: "user", value: "vip" }], 3)],
	}),
	limited("spare", {
		...holds(1),
		...HEADERS,
		always_consume_default_token_bucket: false,
		rate_limits: [user()],
		descriptors: [descriptor([{ key: "user", value: "ann" }], 2)],
	}),
	limited("shadow", {
		...holds(9),
		...HEADERS,
		rate_limits: [user()],
		descriptors: [descriptor([{ key: "user", value: "ann" }], 1, { shadow_mode: true })],
	}),
	limited("hits", {
		...holds(99),
		...HEADERS,
		rate_limits: [user({ hits_addend: { format: "%REQ(x-hits)%" } })],
		descriptors: [descriptor([{ key: "user", value: "ann" }], 5)],
	}),
	limited("number", {
		...holds(99),
		...HEADERS,
		rate_limits: [user({ hits_addend: { number: 2 } })],
		descriptors: [descriptor([{ key: "user", value: "ann" }], 3)],
	}),
	limited("quiet", {
		...holds(99),
		...HEADERS,
		rate_limits: [user({ x_ratelimit_option: "OFF" })],
		descriptors: [descriptor([{ key: "user", value: "ann" }], 3)],
	}),
	limited(
		"stage",
		{ ...holds(99), ...HEADERS, stage: 1, descriptors: [descriptor([{ key: "generic_key", value: "one" }], 1)] },
		{
			rate_limits: [generic("zero"), generic("one", { stage: 1 })],
		},
	),
	limited("actions", {
		...holds(99),
		...HEADERS,
		rate_limits: [
			{
				actions: [
					{ remote_address: {} },
					{ masked_remote_address: { v4_prefix_mask_len: 8 } },
					{ destination_cluster: {} },
					{ header_value_match: { descriptor_value: "h", headers: [{ name: "x-user", present_match: true }] } },
					{
						query_parameter_value_match: {
							descriptor_value: "q",
							query_parameters: [{ name: "q", string_match: { prefix: "a" } }],
						},
					},
					{ query_parameters: { query_parameter_name: "gone", descriptor_key: "g", skip_if_absent: true } },
				],
			},
		],
		descriptors: [
			descriptor(
				[
					{ key: "remote_address", value: "127.0.0.1" },
					{ key: "masked_remote_address", value: "127.0.0.0/8" },
					{ key: "destination_cluster", value: "echo" },
					{ key: "header_match", value: "h" },
					{ key: "query_match", value: "q" },
				],
				1,
			),
		],
	}),
	to("echo"),
];

const ANN = { "x-user": "ann" };
/** The same request so often. */
function times(count: number, name: string, path: string, headers: Record<string, string> = {}): Case {
	const stat = path.split(/[/?]/)[1]!;
	return {
		name,
		to: "in",
		send: Array.from({ length: count }, () => ({ path, headers })),
		counters: [new RegExp(`${stat}\\.http_local_rate_limit\\..*`)],
	};
}

scene("local_ratelimit", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [
					hcm({
						virtualHosts: [{ name: "all", domains: ["*"], rate_limits: [generic("host")], routes: ROUTES }],
						filters: [httpFilter("local_ratelimit", TYPE, { stat_prefix: "root" })],
					}),
				]),
				listener("all", [
					hcm({
						routes: [to("echo")],
						filters: [httpFilter("local_ratelimit", TYPE, { stat_prefix: "all", ...ON, ...holds(2) })],
					}),
				]),
				listener("none", [
					hcm({
						routes: [to("echo")],
						filters: [httpFilter("local_ratelimit", TYPE, { stat_prefix: "none", ...ON, ...HEADERS })],
					}),
				]),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		times(2, "the last token", "/one"),
		{ name: "with a body", to: "in", send: { method: "POST", path: "/one", body: "abc" } },
		times(2, "another answer", "/answer", ANN),
		times(2, "no redirect", "/redirect"),
		times(2, "a gRPC client", "/rpc", { "content-type": "application/grpc" }),
		times(2, "a gRPC client, exhausted", "/grpc", { "content-type": "application/grpc" }),
		times(2, "only counted", "/counted"),
		times(2, "off", "/off"),
		{
			name: "for each connection",
			connections: [1, 2].map(() => ({ to: "in", send: [1, 2, 3].map(() => ({ path: "/connection" })) })),
		},
		times(2, "a descriptor of the route", "/by-route", ANN),
		times(1, "another value", "/by-route", { "x-user": "bob" }),
		times(1, "no value", "/by-route"),
		times(2, "two entries", "/two-keys", ANN),
		times(1, "one of them differs", "/two-keys?x", ANN),
		times(2, "a descriptor of the virtual host", "/host"),
		times(2, "both levels", "/include"),
		times(2, "the virtual host's ignored", "/ignore"),
		times(2, "the filter's own", "/own"),
		times(2, "an open value", "/open", ANN),
		times(2, "another open value", "/open", { "x-user": "bob" }),
		times(2, "an exact value first", "/open", { "x-user": "vip" }),
		times(3, "sparing the default bucket", "/spare", ANN),
		times(2, "the default bucket", "/spare"),
		times(2, "shadow mode", "/shadow", ANN),
		times(2, "hits from a header", "/hits", { ...ANN, "x-hits": "3" }),
		times(1, "hits that are no number", "/hits", { ...ANN, "x-hits": "many" }),
		times(2, "a number of hits", "/number", ANN),
		times(1, "no headers for this limit", "/quiet", ANN),
		times(2, "another stage", "/stage"),
		times(2, "many actions", "/actions?q=abc", ANN),
		times(1, "one of which has nothing", "/actions?q=xyz", ANN),
		{
			name: "the listener's own",
			to: "all",
			send: [1, 2, 3].map(() => ({})),
			counters: [/all\.http_local_rate_limit\..*/],
		},
		{
			name: "no bucket at all",
			to: "none",
			send: [1, 2].map(() => ({})),
			counters: [/none\.http_local_rate_limit\..*/],
		},
	],
});
