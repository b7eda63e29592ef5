import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, fromBinary, fromJson, type JsonObject, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ExtAuthzSchema } from "../../../xds/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.ts";
import {
	CheckRequestSchema,
	CheckResponseSchema,
	DeniedHttpResponseSchema,
} from "../../../xds/generated/envoy/service/auth/v3/external_auth_pb.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead } from "../../http/message.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream, testClusters, testDeps } from "../filter-fixture.ts";
import { extAuthzFilter } from "./ext-authz.ts";

const NAME = "envoy.filters.http.ext_authz";
const HTTP: JsonObject = { http_service: { server_uri: { uri: "http://authz", cluster: "authz", timeout: "2s" } } };
const GRPC: JsonObject = { grpc_service: { envoy_grpc: { cluster_name: "authz" } } };

function setUp(config: JsonObject, perRoute?: JsonObject) {
	const deps = testDeps({ clusters: testClusters({ c: {} }) });
	const factory = extAuthzFilter(deps);
	const filters = factory.parse(
		fromJson(ExtAuthzSchema, { charge_cluster_response_stats: false, ...config }),
		"f",
		NAME,
	);
	const route = routeWith(NAME, perRoute && { "@type": factory.routeTypeUrl!, ...perRoute }, factory);
	const begin = (request: RequestHead = testRequest("/a?b"), endStream = true) => {
		const stream = new TestStream(request, route);
		const filter = filters.create();
		const outcome = filter.decodeHeaders!(stream, endStream);
		return { stream, filter, outcome };
	};
	return { begin, calls: deps.sideCalls, count: deps.count, deps };
}

const replyOf = ({ reply }: TestStream) => reply && [reply.status, reply.body, reply.flag, reply.details];
const encode = (text: string) => new TextEncoder().encode(text);

describe("a service over HTTP", () => {
	const rules = {
		path_prefix: "/check",
		authorization_request: { headers_to_add: [{ key: "x-added", value: "%REQ(x-mine)%" }] },
		authorization_response: {
			allowed_upstream_headers: { patterns: [{ exact: "X-Up", ignore_case: true }] },
			allowed_upstream_headers_to_append: { patterns: [{ exact: "x-append" }] },
			allowed_client_headers: { patterns: [{ prefix: "x-deny" }] },
			allowed_client_headers_on_success: { patterns: [{ exact: "x-client" }] },
			dynamic_metadata_from_headers: { patterns: [{ exact: "x-meta" }] },
		},
	};
	const config = { ...HTTP, http_service: { ...(HTTP.http_service as JsonObject), ...rules } };

	test("is shown method, path, host and credentials", () => {
		const { begin, calls } = setUp(config);
		begin(testRequest("/a?b", { authorization: "tok", "x-mine": "1" }, { method: "POST" }));
		const { method, path, authority, headers, timeoutMs } = calls.requests[0]!;
		assert.deepEqual([method, path, authority, timeoutMs], ["POST", "/check/a?b", "host.example", 2000]);
		assert.deepEqual(
			headers.names.map((name, i) => `${name}: ${headers.values[i]}`),
			["content-length: 0", "authorization: tok", "x-added: 1"],
		);
	});

	test("200 lets the request through, with headers for both sides", () => {
		const { begin, calls, count } = setUp({ ...config, clear_route_cache: true });
		const { stream, filter, outcome } = begin(testRequest("/", { "x-up": "spoofed", "x-append": "a", "x-gone": "g" }));
		assert.equal(outcome, "stop");
		const headers = HeaderMap.of(
			["x-up", "u"],
			["x-append", "b"],
			["x-client", "c"],
			["x-other", "o"],
			["x-meta", "m"],
			["x-envoy-auth-headers-to-remove", "x-gone, host"],
		);
		calls.answerText(200, "", headers);
		const seen = stream.request.headers;
		assert.deepEqual(
			["x-up", "x-append", "x-gone", "x-other", "x-client"].map((name) => seen.getJoined(name)),
			["u", "a,b", undefined, undefined, undefined],
		);
		assert.deepEqual([stream.continued, stream.routeCleared], [1, 1]);
		assert.equal(stream.encodeWith(filter).headers.get("x-client"), "c");
		assert.deepEqual(stream.info.dynamicMetadata.get(NAME), { "x-meta": "m", ext_authz_duration: 0 });
		assert.equal(count("ext_authz.ok"), 1);
	});

	test("other answers deny, with what the client may see", () => {
		const { begin, calls, count } = setUp(config);
		const { stream } = begin();
		const headers = HeaderMap.of(
			["x-deny-why", "w"],
			["x-other", "o"],
			["location", "/login"],
			["connection", "close"],
		);
		calls.answerText(302, "go away", headers);
		assert.deepEqual(replyOf(stream), [302, "go away", "UAEX", "ext_authz_denied"]);
		assert.deepEqual(stream.reply!.headers, [
			["x-deny-why", "w"],
			["location", "/login"],
		]);
		assert.equal(count("ext_authz.denied"), 1);
	});

	test("5xx, or no answer, is an error: closed unless the config says open", () => {
		for (const answer of ["500", "timeout"]) {
			const give = (calls: ReturnType<typeof setUp>["calls"]) =>
				answer === "500"
					? calls.answerText(500, "boom")
					: calls.answer({ kind: "failed", reason: "timeout", detail: "" });
			const closed = setUp({ ...HTTP, status_on_error: { code: 503 } });
			const { stream } = closed.begin();
			give(closed.calls);
			assert.deepEqual(replyOf(stream), [503, "", "UAEX", "ext_authz_error"]);
			const open = setUp({ ...HTTP, failure_mode_allow: true, failure_mode_allow_header_add: true });
			const { stream: passed } = open.begin();
			give(open.calls);
			assert.deepEqual([passed.continued, passed.reply], [1, undefined]);
			assert.equal(passed.request.headers.get("x-envoy-auth-failure-mode-allowed"), "true");
			assert.deepEqual([open.count("ext_authz.error"), open.count("ext_authz.failure_mode_allowed")], [1, 1]);
		}
	});

	test("sees the headers that the filter allows", () => {
		const { begin, calls } = setUp({
			...HTTP,
			allowed_headers: { patterns: [{ prefix: "x-" }] },
			disallowed_headers: { patterns: [{ exact: "x-secret" }] },
		});
		begin(testRequest("/", { "x-a": "1", "x-secret": "2", other: "3" }));
		assert.deepEqual(calls.requests[0]!.headers.names, ["content-length", "x-a"]);
	});
});

describe("bodies", () => {
	const withBody = (allow_partial_message: boolean) => ({
		...HTTP,
		with_request_body: { max_request_bytes: 10, allow_partial_message },
	});
	const shown = (calls: ReturnType<typeof setUp>["calls"]) => {
		const { body, headers } = calls.requests[0]!;
		return [new TextDecoder().decode(body), headers.get("x-envoy-auth-partial-body"), headers.get("content-length")];
	};

	test("are shown whole, when they are short", () => {
		const { begin, calls } = setUp(withBody(false));
		const { stream, filter, outcome } = begin(testRequest("/", {}, { method: "POST" }), false);
		assert.deepEqual([outcome, stream.limits.request, calls.requests.length], ["hold", 10, 0]);
		assert.equal(filter.decodeData!(stream, encode("short")), "hold");
		stream.held.request = encode("short");
		assert.equal(filter.decodeEnd!(stream, undefined), "hold");
		assert.deepEqual(shown(calls), ["short", "false", "5"]);
		calls.answerText(200, "");
		assert.equal(stream.continued, 1);
	});

	test("are shown in part, when that is allowed; the rest waits with the client", () => {
		const { begin, calls } = setUp(withBody(true));
		const { stream, filter } = begin(testRequest("/", {}, { method: "POST" }), false);
		filter.decodeData!(stream, encode("012345"));
		stream.held.request = encode("012345");
		assert.equal(filter.decodeData!(stream, encode("6789abc")), "hold");
		assert.deepEqual(shown(calls), ["0123456789", "true", "10"]);
		assert.equal(stream.pauses.request, 0);
		filter.decodeData!(stream, new Uint8Array(600_000));
		assert.equal(stream.pauses.request, 1);
		calls.answerText(200, "");
		assert.deepEqual([stream.pauses.request, filter.decodeData!(stream, encode("def"))], [0, "continue"]);
	});

	test("are not waited for on routes that say so, nor behind an upgrade", () => {
		const off = setUp(withBody(true), { check_settings: { disable_request_body_buffering: true } });
		assert.equal(off.begin(testRequest("/"), false).outcome, "stop");
		const { begin } = setUp(withBody(true));
		assert.equal(begin(testRequest("/", { upgrade: "websocket", connection: "Upgrade" }), false).outcome, "stop");
	});
});

describe("a service over gRPC", () => {
	const answer = (calls: ReturnType<typeof setUp>["calls"], response: MessageInitShape<typeof CheckResponseSchema>) => {
		const message = toBinary(CheckResponseSchema, create(CheckResponseSchema, response));
		const body = new Uint8Array(5 + message.length);
		new DataView(body.buffer).setUint32(1, message.length);
		body.set(message, 5);
		const headers = HeaderMap.of(["content-type", "application/grpc"]);
		calls.answer({ kind: "answer", status: 200, headers, body, trailers: HeaderMap.of(["grpc-status", "0"]) });
	};
	const header = (key: string, value: string, append?: boolean) => ({
		header: { key, value },
		...(append !== undefined && { append }),
	});

	test("gets the request's attributes", () => {
		const { begin, calls, deps } = setUp(
			{ ...GRPC, metadata_context_namespaces: ["n", "gone"], include_tls_session: true },
			{
				check_settings: { context_extensions: { a: "b" } },
			},
		);
		const request = testRequest("/p?q", { "x-two": "1", "x-name": "\xc3\xa9\xff" });
		request.headers.append("x-two", "2");
		deps.clock.advance(5);
		begin(request);
		const { path, headers, body, timeoutMs } = calls.requests[0]!;
		assert.deepEqual(
			[path, headers.get("te"), timeoutMs],
			["/envoy.service.auth.v3.Authorization/Check", "trailers", 200],
		);
		const { attributes } = fromBinary(CheckRequestSchema, body.subarray(5));
		const http = attributes!.request!.http!;
		assert.deepEqual(
			[http.method, http.path, http.host, http.scheme, http.protocol],
			["GET", "/p?q", "host.example", "http", "HTTP/1.1"],
		);
		assert.equal(http.headers["x-two"], "1,2");
		assert.equal(http.headers["x-name"], "é!");
		assert.equal(http.headers[":path"], "/p?q");
		assert.deepEqual(attributes!.contextExtensions, { a: "b" });
		assert.ok(attributes!.tlsSession);
	});

	test("changes the request: sets, joins, removes, parameters", () => {
		const { begin, calls } = setUp(GRPC);
		const { stream, filter } = begin(testRequest("/a?y=1&x=2", { "x-set": "old", "x-join": "a", "x-gone": "g" }));
		answer(calls, {
			httpResponse: {
				case: "okResponse",
				value: {
					headers: [
						header("X-Set", "new"),
						header("x-join", "b", true),
						header("x-absent", "c", true),
						header(":method", "PUT"),
					],
					headersToRemove: ["x-gone", ":path", "Host"],
					responseHeadersToAdd: [header("x-r", "1"), header("x-r", "2"), header("x-s", "3", false)],
					queryParametersToSet: [{ key: "a", value: "1 2" }],
					queryParametersToRemove: ["y"],
				},
			},
			dynamicMetadata: { user: "ann" },
		});
		const { headers, path, method } = stream.request;
		assert.deepEqual([path, method], ["/a?a=1%202&x=2", "PUT"]);
		assert.deepEqual(
			["x-set", "x-join", "x-absent", "x-gone"].map((name) => headers.getJoined(name)),
			["new", "a,b", undefined, undefined],
		);
		assert.deepEqual(stream.encodeWith(filter, [["x-s", "old"]]).headers.values, ["1", "2", "3"]);
		assert.deepEqual(stream.info.dynamicMetadata.get(NAME), { user: "ann", ext_authz_duration: 0 });
	});

	test("denies with 403, or what it says", () => {
		const { begin, calls } = setUp(GRPC);
		const plain = begin();
		answer(calls, { status: { code: 7 } });
		assert.deepEqual(replyOf(plain.stream), [403, "", "UAEX", "ext_authz_denied"]);
		const { stream } = begin();
		const headers = [header("x-why", "1"), header("x-why", "2", true), header("content-length", "9")];
		answer(calls, {
			status: { code: 16 },
			httpResponse: { case: "deniedResponse", value: { status: { code: 401 }, body: "no", headers } },
		});
		assert.deepEqual(replyOf(stream), [401, "no", "UAEX", "ext_authz_denied"]);
		assert.deepEqual(stream.reply!.headers, [["x-why", "1"]]);
	});

	test("fails by status, by wrong bytes, by its own word", () => {
		const { begin, calls, count } = setUp(GRPC);
		const headers = HeaderMap.of(["content-type", "application/grpc"], ["grpc-status", "14"]);
		const ends: (() => void)[] = [
			() => calls.answer({ kind: "answer", status: 200, headers, body: new Uint8Array(), trailers: undefined }),
			() => calls.answerText(200, "not gRPC"),
			() => calls.answer({ kind: "failed", reason: "reset", detail: "" }),
		];
		for (const end of ends) {
			const { stream } = begin();
			end();
			assert.deepEqual(replyOf(stream), [403, "", "UAEX", "ext_authz_error"]);
		}
		const { stream } = begin();
		const value = create(DeniedHttpResponseSchema, { status: { code: 502 }, body: "broken" });
		answer(calls, { status: { code: 13 }, httpResponse: { case: "errorResponse", value } });
		assert.deepEqual(replyOf(stream), [502, "broken", "UAEX", "ext_authz_error"]);
		assert.equal(count("ext_authz.error"), 4);
	});
});

describe("when it is asked", () => {
	test("not on routes that turn it off", () => {
		const { begin, calls } = setUp(HTTP, { disabled: true });
		assert.deepEqual([begin().outcome, calls.requests.length], ["pass", 0]);
	});

	test("by share and by metadata, e.g. of a shadow rule", () => {
		const never = { filter_enabled: { default_value: { numerator: 0 } } };
		const off = setUp({ ...HTTP, ...never });
		assert.deepEqual([off.begin().outcome, off.count("ext_authz.disabled")], ["pass", 1]);
		const denied = setUp({ ...HTTP, ...never, deny_at_disable: { default_value: true, runtime_key: "k" } });
		assert.deepEqual(replyOf(denied.begin().stream), [403, "", "UAEX", "ext_authz_error"]);
		const value = { string_match: { prefix: "istio-ext-authz" } };
		const metadata = { filter: "envoy.filters.http.rbac", path: [{ key: "shadow_effective_policy_id" }], value };
		assert.equal(setUp({ ...HTTP, filter_enabled_metadata: metadata }).begin().outcome, "pass");
	});

	test("only to look, in shadow mode", () => {
		const { begin, calls, count } = setUp({ ...HTTP, shadow_mode: true });
		const { stream } = begin();
		calls.answerText(403, "");
		assert.deepEqual([stream.continued, stream.reply, count("ext_authz.shadow_denied")], [1, undefined, 1]);
	});

	test("a stream that ended gives the question up", () => {
		const { begin, calls } = setUp(HTTP);
		const { stream, filter } = begin();
		filter.onStreamEnd!(stream);
		assert.equal(calls.cancelled, 1);
	});
});

test("counted at the cluster that the request goes to, too", () => {
	const { begin, calls, deps } = setUp({ ...HTTP, stat_prefix: "p" });
	const scope = deps.registry.scope("cluster.c.");
	begin();
	calls.answerText(200, "");
	assert.deepEqual([scope.counter("ext_authz.p.ok").value, deps.count("ext_authz.p.ok")], [1, 1]);
});

test("what is wrong is told with its path", () => {
	assert.throws(() => setUp({}), /f: there is no service/);
	assert.throws(() => setUp({ grpc_service: {} }), /f\.grpc_service/);
	assert.throws(() => setUp({ http_service: { path_prefix: "x" } }), /server_uri\.cluster[\s\S]*path_prefix/);
	assert.throws(() => setUp(HTTP, {}), /neither disabled nor check_settings/);
});
