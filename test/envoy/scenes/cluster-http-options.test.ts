import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1, http2 } from "../harness/upstream.ts";

const KEY = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const typed = (value: JsonObject): JsonObject => ({
	typed_extension_protocol_options: {
		[KEY]: any(KEY, { explicit_http_config: { http_protocol_options: {} }, ...value }),
	},
});
const manyHeaders = (count: number) =>
	Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-header-${i}`, "v"]));
const big = (kb: number) => ({ "x-big": "v".repeat(kb * 1024) });

const three = { send: [{ path: "/1" }, { path: "/2" }, { path: "/3" }], pooling: true };

scene("clusters' HTTP options", {
	upstreams: {
		one: http1(),
		two: http2(),
		slow: http1({ answer: { delayMs: 400 } }),
		slowly: http1({ answer: { bodyDelayMs: 400 } }),
		slow2: http2({ answer: { delayMs: 400 } }),
		many: http1({ answer: { headers: manyHeaders(20) } }),
		many2: http2({ answer: { headers: manyHeaders(20) } }),
		big: http1({ answer: { headers: big(4) } }),
		big2: http2({ answer: { headers: big(4) } }),
		huge: http1({ answer: { headers: big(90) } }),
		tail: http1({ answer: { trailers: { "x-end": "1" } } }),
		"a-hundred": http1({ answer: { headers: manyHeaders(101) } }),
	},
	bootstrap: (at) => {
		const make = (name: string, upstream: string, more: JsonObject): JsonObject =>
			cluster(name, [at.port(upstream)], more);
		const common = (value: JsonObject): JsonObject => ({ common_http_protocol_options: value });
		const h2 = { http2_protocol_options: {} };
		const clusters = [
			make("legacy-requests", "one", common({ max_requests_per_connection: 2 })),
			make("legacy-requests-too", "one", { max_requests_per_connection: 2 }),
			make("typed-wins", "one", {
				...typed({ common_http_protocol_options: { max_requests_per_connection: 1 } }),
				...common({ max_requests_per_connection: 2 }),
			}),
			make("legacy-h2", "two", { ...h2, ...common({ max_requests_per_connection: 2 }) }),
			make("legacy-trailers", "tail", { http_protocol_options: { enable_trailers: true } }),
			make("legacy-case", "one", { http_protocol_options: { header_key_format: { proper_case_words: {} } } }),
			make("legacy-downstream", "one", { protocol_selection: "USE_DOWNSTREAM_PROTOCOL", http2_protocol_options: {} }),
			make("legacy-downstream-2", "two", { protocol_selection: "USE_DOWNSTREAM_PROTOCOL", http_protocol_options: {} }),
			make(
				"full-url",
				"one",
				typed({ explicit_http_config: { http_protocol_options: { send_fully_qualified_url: true } } }),
			),
			make("count", "many", typed(common({ max_headers_count: 10 }))),
			make("count-ok", "many", typed(common({ max_headers_count: 30 }))),
			make("count-2", "many2", { ...h2, ...common({ max_headers_count: 10 }) }),
			make("count-default", "a-hundred", {}),
			make("count-more", "a-hundred", typed(common({ max_headers_count: 200 }))),
			make("kb", "big", typed(common({ max_response_headers_kb: 2 }))),
			make("kb-ok", "big", typed(common({ max_response_headers_kb: 8 }))),
			make("kb-2", "big2", { ...h2, ...common({ max_response_headers_kb: 2 }) }),
			make("kb-default", "huge", {}),
			make("kb-more", "huge", typed(common({ max_response_headers_kb: 100 }))),
			make("duration", "slow", typed(common({ max_stream_duration: "0.1s" }))),
			make("duration-body", "slowly", typed(common({ max_stream_duration: "0.1s" }))),
			make("duration-2", "slow2", { ...h2, ...common({ max_stream_duration: "0.1s" }) }),
			make("duration-enough", "slow", typed(common({ max_stream_duration: "2s" }))),
			make("duration-retried", "slow", typed(common({ max_stream_duration: "0.1s" }))),
			make(
				"age",
				"one",
				typed(common({ max_connection_duration: "0.1s", max_connection_duration_jitter: { value: 1 } })),
			),
			make("underscores", "one", common({ headers_with_underscores_action: "REJECT_REQUEST" })),
			make("tcp-options", "one", {
				typed_extension_protocol_options: {
					"envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions": any(
						"envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions",
						{ idle_timeout: "5s" },
					),
				},
			}),
			make("bound", "one", {
				upstream_bind_config: {
					source_address: { address: "127.0.0.7", port_value: 0 },
					extra_source_addresses: [{ address: { address: "::1", port_value: 0 } }],
				},
			}),
			make("bound-nowhere", "one", {
				upstream_bind_config: { source_address: { address: "192.0.2.7", port_value: 0 } },
			}),
			make("bound-other-family", "one", {
				upstream_bind_config: {
					source_address: { address: "::1", port_value: 0 },
					extra_source_addresses: [{ address: { address: "127.0.0.8", port_value: 0 } }],
				},
			}),
			make("ahead", "one", { preconnect_policy: { per_upstream_preconnect_ratio: 2 } }),
			make("far-ahead", "one", { preconnect_policy: { per_upstream_preconnect_ratio: 3 } }),
			make("a-bit-ahead", "one", { preconnect_policy: { per_upstream_preconnect_ratio: 1.5 } }),
			make(
				"retries",
				"one",
				typed({ retry_policy: { retry_on: "5xx", num_retries: 2, retry_back_off: { base_interval: "0.001s" } } }),
			),
			make(
				"retries-more",
				"one",
				typed({ retry_policy: { retry_on: "5xx", num_retries: 3, retry_back_off: { base_interval: "0.001s" } } }),
			),
			make("copied", "one", typed({ request_mirror_policies: [{ cluster: "tcp-options" }] })),
			make("copied-there", "one", typed({ request_mirror_policies: [{ cluster: "tcp-options" }] })),
			make("tracked", "one", { track_cluster_stats: { timeout_budgets: true, request_response_sizes: true } }),
			make("tracked-before", "one", { track_timeout_budgets: true }),
			make("own-connections", "one", { connection_pool_per_downstream_connection: true }),
			make("own-connections-2", "two", { connection_pool_per_downstream_connection: true, http2_protocol_options: {} }),
			make(
				"codec",
				"one",
				typed({ http_filters: [{ name: "codec", typed_config: any("http.upstream_codec.v3.UpstreamCodec") }] }),
			),
			make("generic", "one", {
				upstream_config: {
					name: "envoy.filters.connection_pools.http.generic",
					typed_config: any("envoy.extensions.upstreams.http.generic.v3.GenericConnectionPoolProto"),
				},
			}),
			make("generous", "one", {
				upstream_connection_options: { set_local_interface_name_on_upstream_connections: true },
			}),
		];
		const retried = {
			"retries-more": { retry_policy: { retry_on: "5xx", num_retries: 1 } },
			"copied-there": { request_mirror_policies: [{ cluster: "age" }] },
			"duration-retried": {
				retry_policy: { retry_on: "reset", num_retries: 1, retry_back_off: { base_interval: "0.001s" } },
			},
		} as Record<string, JsonObject>;
		const routes = clusters.map(({ name }) => to(String(name), `/${name}/`, retried[String(name)] ?? {}));
		return { static_resources: { listeners: [httpListener({ routes })], clusters } };
	},
	cases: [
		...["legacy-requests", "legacy-requests-too", "typed-wins", "legacy-h2"].map((name) => ({
			...three,
			name,
			send: three.send.map(({ path }) => ({ path: `/${name}${path}` })),
			counters: [new RegExp(`cluster\\.${name}\\.upstream_cx_(max_requests|total|http[12]_total)`)],
		})),
		get("trailers", "/legacy-trailers/", { te: "trailers" }),
		get("case of names", "/legacy-case/", { "x-some-name": "1" }),
		get("as the client, HTTP/1", "/legacy-downstream/"),
		{ name: "as the client, HTTP/2", protocol: "http2", requests: [{ path: "/legacy-downstream-2/" }] },
		get("the whole URL", "/full-url/a?b=c"),
		get(
			"too many headers",
			"/count/",
			{},
			{ counters: [/cluster\.count\.upstream_(cx_protocol_error|rq_502|rq_503)/] },
		),
		get("not too many", "/count-ok/"),
		get("too many headers, HTTP/2", "/count-2/"),
		get("more than a hundred", "/count-default/"),
		get("more than a hundred, allowed", "/count-more/"),
		get("too big", "/kb/"),
		get("not too big", "/kb-ok/"),
		get("too big, HTTP/2", "/kb-2/"),
		get("too big by default", "/kb-default/"),
		get("big, allowed", "/kb-more/"),
		get(
			"too long",
			"/duration/",
			{},
			{ counters: [/cluster\.duration\.upstream_rq_(max_duration_reached|timeout|408|4xx|completed)/] },
		),
		get(
			"too long a body",
			"/duration-body/",
			{},
			{ counters: [/cluster\.duration-body\.upstream_rq_max_duration_reached/] },
		),
		get("too long, HTTP/2", "/duration-2/"),
		get("long enough", "/duration-enough/"),
		get(
			"too long, and once more",
			"/duration-retried/",
			{},
			{ counters: [/cluster\.duration-retried\.upstream_rq_(max_duration_reached|retry)/] },
		),
		{
			name: "old connections",
			send: [{ path: "/age/" }, { pauseMs: 200 }, { path: "/age/" }],
			pooling: true,
			counters: [/cluster\.age\.upstream_cx_(max_duration_reached|total)/],
		},
		get("underscores", "/underscores/", { a_b: "1" }),
		get("options of TCP", "/tcp-options/"),
		...["ahead", "far-ahead", "a-bit-ahead"].map((name) => ({
			name,
			send: [{ path: `/${name}/1` }, { path: `/${name}/2` }],
			counters: [`cluster.${name}.upstream_cx_total`, `cluster.${name}.upstream_rq_total`],
			settleAfterMs: 50,
		})),
		get("the cluster's retries", "/retries/", {}, { answers: { one: [{ status: 503 }] } }),
		get("the cluster's retries in place of the route's", "/retries-more/", {}, { answers: { one: [{ status: 503 }] } }),
		get("the cluster's copies", "/copied/", {}, { unordered: true, settleAfterMs: 50 }),
		get("the cluster's copies in place of the route's", "/copied-there/", {}, { unordered: true, settleAfterMs: 50 }),
		get("tracked", "/tracked/"),
		get("tracked as before", "/tracked-before/"),
		...["own-connections", "own-connections-2", "generous"].map((name) => ({
			name: `two clients, ${name}`,
			connections: [
				{ send: [{ path: `/${name}/1` }, { path: `/${name}/2` }] },
				{ send: [{ path: `/${name}/3` }, { path: `/${name}/4` }] },
			],
			pooling: true,
			counters: [`cluster.${name}.upstream_cx_total`],
		})),
		get("the codec as a filter", "/codec/"),
		get("a generic pool", "/generic/"),
		get("names of interfaces", "/generous/"),
		get("a source address", "/bound/"),
		get(
			"a source address that is not ours",
			"/bound-nowhere/",
			{},
			{ compare: ({ log }) => (log as { code: number; flags: string }[]).map(({ code, flags }) => [code, flags]) },
		),
		get("a source address by family", "/bound-other-family/"),
	],
});
