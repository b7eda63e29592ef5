import { create, type JsonObject, type JsonValue, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import {
	CheckRequestSchema,
	CheckResponseSchema,
	DeniedHttpResponseSchema,
	type CheckResponseSchema as ResponseSchema,
} from "../../../src/xds/generated/envoy/service/auth/v3/external_auth_pb.ts";
import { xdsRegistry } from "../../../src/xds/registry.ts";
import { any, cluster, HTTP2_UPSTREAM, hcm, httpFilter, listener, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import { serveUnary } from "../harness/grpc-service.ts";
import { type Case, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

type Response = MessageInitShape<typeof ResponseSchema>;

const AUTHZ = "envoy.filters.http.ext_authz";
const header = (key: string, value: string, more: object = {}) => ({ header: { key, value }, ...more });
const joined = { append: true };
const set = { append: false };
const action = (appendAction: number) => ({ appendAction });
const denied = (status: number, value: MessageInitShape<typeof DeniedHttpResponseSchema>): Response => ({
	status: { code: status },
	httpResponse: { case: "deniedResponse", value: create(DeniedHttpResponseSchema, value) },
});

/** What the service answers, by the first segment of the path. */
const ANSWERS: Readonly<Record<string, Response | { grpcStatus: number } | "hang">> = {
	plain: {},
	headers: {
		httpResponse: {
			case: "okResponse",
			value: {
				headers: [
					header("x-set", "s"),
					header("x-join", "j", joined),
					header("x-over", "o", set),
					header("x-nothing", "n", joined),
					header("x-if-absent", "v", action(1)),
					header("x-if-there", "v", action(3)),
				],
				headersToRemove: ["x-gone", "host", ":path"],
			},
		},
	},
	response: {
		httpResponse: {
			case: "okResponse",
			value: {
				responseHeadersToAdd: [
					header("x-a", "1"),
					header("x-a", "2"),
					header("x-b", "1", joined),
					header("x-c", "1", action(1)),
					header("x-c", "2", action(1)),
					header("x-d", "2", action(3)),
					header("x-up", "replaced", set),
				],
			},
		},
	},
	pseudo: {
		httpResponse: {
			case: "okResponse",
			value: { headers: [header(":path", "/changed?x=1"), header(":authority", "other"), header(":method", "PUT")] },
		},
	},
	query: {
		httpResponse: {
			case: "okResponse",
			value: { queryParametersToSet: [{ key: "q", value: "12" }], queryParametersToRemove: ["y"] },
		},
	},
	metadata: { dynamicMetadata: { user: "ann", deep: { n: 1 } } },
	denied: denied(7, {
		status: { code: 401 },
		headers: [
			header("x-why", "1"),
			header("x-why", "2"),
			header("x-join", "1", joined),
			header("content-type", "text/html"),
			header("set-cookie", "a=1"),
			header("set-cookie", "b=2"),
		],
		body: "<no>",
	}),
	bare: { status: { code: 16 } },
	body: denied(7, { body: "only a body" }),
	meta: { ...denied(7, {}), dynamicMetadata: { reason: "x" } },
	error: {
		status: { code: 13 },
		httpResponse: {
			case: "errorResponse",
			value: { status: { code: 502 }, headers: [header("x-e", "1")], body: "broken" },
		},
	} as Response,
	unavailable: { grpcStatus: 14 },
	hang: "hang",
};

/** Parts that differ from run to run, or from proxy to proxy. */
const LEFT_OUT = new Set(["time", "id", "portValue", "x-request-id", "x-envoy-expected-rq-timeout-ms"]);

/** One of the headers in a list. */
function isRequestId(value: JsonValue): boolean {
	return typeof value === "object" && value !== null && !Array.isArray(value) && value.key === "x-request-id";
}

function stable(value: JsonValue): JsonValue {
	if (Array.isArray(value)) return value.filter((one) => !isRequestId(one)).map(stable);
	if (typeof value !== "object" || value === null) return value;
	const entries = Object.entries(value).filter(([key]) => !LEFT_OUT.has(key));
	return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, stable(inner)]));
}

const port = await serveUnary({
	path: "/envoy.service.auth.v3.Authorization/Check",
	request: CheckRequestSchema,
	response: CheckResponseSchema,
	answer(request) {
		const mode = /^\/([a-z]+)/.exec(request.attributes?.request?.http?.path ?? "")?.[1] ?? "";
		if (Object.hasOwn(ANSWERS, mode)) return ANSWERS[mode]!;
		// The upstream is told what the service saw, so that it is compared.
		const seen = JSON.stringify(stable(toJson(CheckRequestSchema, request, { registry: xdsRegistry() })));
		return { httpResponse: { case: "okResponse", value: { headers: [header("x-seen", seen)] } } } as Response;
	},
});

const SERVICE: JsonObject = {
	grpc_service: { envoy_grpc: { cluster_name: "authz" }, timeout: "0.2s" },
	transport_api_version: "V3",
};
const own = (config: JsonObject): JsonObject => ({
	typed_per_filter_config: { [AUTHZ]: any("http.ext_authz.v3.ExtAuthzPerRoute", config) },
});
const extensions = (context_extensions: JsonObject) => own({ check_settings: { context_extensions } });
const LOG = {
	code: "%RESPONSE_CODE%",
	details: "%RESPONSE_CODE_DETAILS%",
	flags: "%RESPONSE_FLAGS%",
	user: `%DYNAMIC_METADATA(${AUTHZ}:user)%`,
	deep: `%DYNAMIC_METADATA(${AUTHZ}:deep)%`,
	reason: `%DYNAMIC_METADATA(${AUTHZ}:reason)%`,
};
const VIRTUAL_HOST = {
	name: "all",
	domains: ["*"],
	...extensions({ host: "1", both: "host" }),
	routes: [to("echo", "/show/extended", {}, extensions({ route: "1", both: "route" })), to("echo")],
};
const on = (name: string, config: JsonObject): JsonObject =>
	listener(name, [
		hcm({
			virtualHosts: [VIRTUAL_HOST],
			filters: [httpFilter("ext_authz", "http.ext_authz.v3.ExtAuthz", { ...SERVICE, ...config })],
			more: { stat_prefix: name, access_log: [stdoutLog({ json_format: LOG })] },
		}),
	]);

const stats = (name: string) => [
	new RegExp(`http\\.${name}\\.ext_authz\\..*`),
	/cluster\.echo\.(ext_authz\..*|upstream_rq_(\d+|\dxx))/,
];
const ask = (name: string, path: string, more: object = {}, to = "in"): Case => ({
	name: to === "in" ? name : `${to}: ${name}`,
	to,
	send: { path, ...more },
	counters: stats(to),
});
const THERE = { "x-set": "0", "x-join": "0", "x-over": "0", "x-if-absent": "0", "x-if-there": "0", "x-gone": "0" };
const part = { max_request_bytes: 10, allow_partial_message: true };

scene("ext_authz over gRPC", {
	upstreams: { echo: http1({ answer: { headers: { "x-up": "1" } } }) },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				on("in", { clear_route_cache: true }),
				on("body", { with_request_body: part }),
				on("bytes", { with_request_body: { ...part, pack_as_bytes: true } }),
				on("raw", { encode_raw_headers: true, include_tls_session: true, include_peer_certificate: true }),
				on("headers", { allowed_headers: { patterns: [{ exact: "x-a" }] } }),
				on("hidden", { disallowed_headers: { patterns: [{ prefix: "x-s" }] } }),
				on("allow", { failure_mode_allow: true }),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("authz", [port], HTTP2_UPSTREAM)],
		},
	}),
	cases: [
		ask("OK", "/plain"),
		ask("what the service sees", "/show?a=b", {
			headers: [
				["X-Two", "1"],
				["x-two", "2"],
				["authorization", "t"],
			],
		}),
		ask("what it sees of a body it is not shown", "/show", { method: "POST", body: "hello" }),
		ask("context extensions of all levels", "/show/extended"),
		ask("headers that are there", "/headers", { headers: THERE }),
		ask("headers that are not there", "/headers"),
		ask("headers of the response", "/response"),
		ask("path, authority, method", "/pseudo"),
		ask("query parameters", "/query?x=ok&y=1&z=2"),
		ask("query parameters that are escaped", "/query?x=ok&y=1&z=b%26c%20"),
		ask("dynamic metadata", "/metadata"),
		ask("denied, with all", "/denied"),
		ask("denied, a gRPC client", "/denied", { headers: { "content-type": "application/grpc" } }),
		ask("denied, with nothing", "/bare"),
		ask("denied, with a body", "/body"),
		ask("denied, with metadata", "/meta"),
		ask("denied, HEAD", "/denied", { method: "HEAD" }),
		ask("an error of its own", "/error"),
		ask("a gRPC failure", "/unavailable"),
		ask("no answer in time", "/hang"),
		ask("a body as text", "/show", { method: "POST", body: "short" }, "body"),
		ask("a body in part", "/show", { method: "POST", body: "0123456789abc" }, "body"),
		ask("a body in part", "/show", { method: "POST", body: "0123456789abc" }, "bytes"),
		ask(
			"headers as bytes",
			"/show",
			{
				headers: [
					["x-two", "1"],
					["x-two", "2"],
				],
			},
			"raw",
		),
		ask("only those that are allowed", "/show", { headers: { "x-a": "1", "x-b": "2", authorization: "t" } }, "headers"),
		ask("not those that are forbidden", "/show", { headers: { "x-a": "1", "x-secret": "2" } }, "hidden"),
		ask("a failure lets pass", "/unavailable", {}, "allow"),
		ask("an error of its own lets pass", "/error", {}, "allow"),
	],
});
