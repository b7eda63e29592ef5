import type { JsonObject } from "@bufbuild/protobuf";
import { cluster, httpListener, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const add = (key: string, value: string, more: JsonObject = {}): JsonObject => ({ header: { key, value }, ...more });

const ACTIONS = ["APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS"];

const byAction = (prefix: string, more: JsonObject = {}): JsonObject[] =>
	ACTIONS.flatMap((append_action) => [
		add(`${prefix}-${append_action.toLowerCase()}`, "new", { append_action, ...more }),
		add(`${prefix}-empty-${append_action.toLowerCase()}`, "%REQ(not-there)%", { append_action, ...more }),
	]);

scene("append actions", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [
						to(
							"echo",
							"/keep",
							{},
							{
								request_headers_to_add: byAction("x-q", { keep_empty_value: true }),
								response_headers_to_add: byAction("x-s", { keep_empty_value: true }),
							},
						),
						to(
							"echo",
							"/",
							{},
							{
								request_headers_to_add: byAction("x-q"),
								response_headers_to_add: byAction("x-s"),
							},
						),
					],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: ["/", "/keep"].flatMap((path): Case[] => [
		get(`${path} nothing is there`, path),
		get(
			`${path} one is there`,
			path,
			ACTIONS.flatMap((action) => [[`X-Q-${action}`, "old"] as const, [`X-Q-Empty-${action}`, "old"] as const]),
			{
				answers: {
					echo: [
						{
							headers: ACTIONS.flatMap((action) => [
								[`X-S-${action}`, "old"] as const,
								[`X-S-Empty-${action}`, "old"] as const,
							]),
						},
					],
				},
			},
		),
		get(
			`${path} two are there`,
			path,
			ACTIONS.flatMap((action) => [
				[`x-q-${action.toLowerCase()}`, "a"] as const,
				["x-other", "between"] as const,
				[`x-q-${action.toLowerCase()}`, "b"] as const,
			]),
		),
	]),
});

const levels = (name: string): JsonObject => ({
	request_headers_to_add: [
		add("x-level", name),
		add("x-last", name, { append_action: "OVERWRITE_IF_EXISTS_OR_ADD" }),
		add(`x-only-${name}`, "1"),
	],
	request_headers_to_remove: [`x-drop-${name}`],
	response_headers_to_add: [add("x-level", name), add("x-last", name, { append_action: "OVERWRITE_IF_EXISTS_OR_ADD" })],
	response_headers_to_remove: [`x-drop-${name}`],
});

const leveled = (mostSpecific: boolean) =>
	httpListener({
		virtualHosts: [
			{
				name: "all",
				domains: ["*"],
				routes: [
					{
						match: { prefix: "/weighted" },
						route: { weighted_clusters: { clusters: [{ name: "echo", weight: 1, ...levels("weighted") }] } },
						...levels("route"),
					},
					{ match: { prefix: "/direct" }, direct_response: { status: 200 }, ...levels("route") },
					{ match: { prefix: "/redirect" }, redirect: { path_redirect: "/" }, ...levels("route") },
					to("nowhere", "/nowhere", {}, levels("route")),
					to("echo", "/", {}, levels("route")),
				],
				...levels("host"),
			},
		],
		routeConfig: {
			...levels("config"),
			most_specific_header_mutations_wins: mostSpecific,
			validate_clusters: false,
			internal_only_headers: ["x-internal-only"],
		},
	});

const DROPS = ["weighted", "route", "host", "config"].map((name) => [`x-drop-${name}`, "1"] as const);

for (const mostSpecific of [false, true])
	scene(`levels of header operations, most specific ${mostSpecific ? "wins" : "first"}`, {
		upstreams: { echo: http1() },
		bootstrap: (at) => ({
			static_resources: {
				listeners: [leveled(mostSpecific)],
				clusters: [cluster("echo", [at.port("echo")])],
			},
		}),
		cases: [
			...["/weighted", "/direct", "/redirect", "/nowhere", "/"].map((path) =>
				get(path, path, [...DROPS, ["x-level", "client"], ["x-internal-only", "1"]], {
					answers: { echo: [{ headers: [...DROPS, ["x-level", "upstream"]] }] },
				}),
			),
			get("another path", "/nope"),
		],
	});

const VALUES = [
	...["%PROTOCOL%", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%DOWNSTREAM_LOCAL_ADDRESS%"],
	...["%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "%UPSTREAM_CLUSTER%", "%UPSTREAM_CLUSTER_RAW%"],
	...["%ROUTE_NAME%", "%REQ(x-user)%", "%REQ(not-there)%", "%REQ(not-there?x-user)%", "%REQ(x-user):3%", "%%", "100%%"],
	...["a%REQ(x-user)%b%PROTOCOL%c", "%REQUESTED_SERVER_NAME%", "%DYNAMIC_METADATA(a:b)%", "%FILTER_STATE(x)%"],
	...["%REQ(:METHOD)%", "%REQ(:PATH)%", "%REQ(:AUTHORITY)%", "%REQ(:SCHEME)%", "%REQ(X-User?:PATH):2%"],
	...[
		"%METADATA(ROUTE:test:k)%",
		"%METADATA(ROUTE:test:n:m)%",
		"%METADATA(ROUTE:none:k)%",
		"%METADATA(CLUSTER:test:c)%",
	],
	...["%PATH(WQ:ORIG)%", "%PATH(NQ:ORIG)%", "%PATH(WQ:PATH)%", "%PATH(NQ)%", "%QUERY_PARAM(q)%", "%QUERY_PARAM(none)%"],
	...["%ENVIRONMENT(LATEEN_NO_SUCH)%", "%DOWNSTREAM_TLS_VERSION%", "%DOWNSTREAM_PEER_SUBJECT%"],
	...["%UPSTREAM_PROTOCOL%", "%CLUSTER_METADATA(test:c)%"],
];
const RESPONSE_VALUES = [
	...VALUES,
	...[
		"%RESPONSE_CODE%",
		"%RESPONSE_FLAGS%",
		"%RESPONSE_CODE_DETAILS%",
		"%UPSTREAM_HOST%",
		"%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
	],
	...["%RESP(x-up)%", "%RESP(:STATUS)%", "%BYTES_RECEIVED%", "%UPSTREAM_REMOTE_ADDRESS%"],
	...[
		"%RESPONSE_FLAGS_LONG%",
		"%UPSTREAM_HOST_NAME%",
		"%UPSTREAM_METADATA(test:e)%",
		"%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
	],
	...["%UPSTREAM_TLS_VERSION%", "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "%METADATA(UPSTREAM_HOST:test:e)%"],
];

scene("formats in headers", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					routes: [
						to(
							"echo",
							"/",
							{ prefix_rewrite: "/rewritten/" },
							{
								name: "named",
								metadata: { filter_metadata: { test: { k: "v", n: { m: 1 } } } },
								request_headers_to_add: VALUES.map((value, i) => add(`x-v${i}`, value, { keep_empty_value: true })),
								response_headers_to_add: RESPONSE_VALUES.map((value, i) =>
									add(`x-v${i}`, value, { keep_empty_value: true }),
								),
							},
						),
					],
				}),
			],
			clusters: [
				cluster("echo", [], {
					metadata: { filter_metadata: { test: { c: "of the cluster" } } },
					load_assignment: {
						cluster_name: "echo",
						endpoints: [
							{
								lb_endpoints: [
									{
										endpoint: {
											hostname: "endpoint.test",
											address: { socket_address: { address: "127.0.0.1", port_value: at.port("echo") } },
										},
										metadata: { filter_metadata: { test: { e: "of the endpoint" } } },
									},
								],
							},
						],
					},
				}),
			],
		},
	}),
	cases: [
		get("all of them", "/a/b?q=1&r=2", { "X-User": "jason" }, { answers: { echo: [{ headers: { "x-up": "here" } }] } }),
		get("with a body", "/", { "X-User": "" }),
	],
});
