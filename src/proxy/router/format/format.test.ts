import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { fieldPath } from "../../../lib/field-path.ts";
import { HeaderMap } from "../../http/header-map.ts";
import { ProblemList } from "../problem-list.ts";
import { testEnv, testInfo, testRequest } from "../route-fixture.ts";
import type { FormatContext } from "./format-context.ts";
import { compileJsonFormat } from "./json-format.ts";
import { compileTextFormat } from "./text-format.ts";

function format(text: string, ctx: FormatContext, missing: "-" | "" = "-"): string {
	const problems = new ProblemList();
	const compiled = compileTextFormat(text, { env: testEnv, missing }, fieldPath("f"), problems);
	problems.throwIfAny();
	return compiled.format(ctx);
}

const ctx: FormatContext = {
	info: testInfo({
		durationMs: 12.7,
		responseCode: 503,
		responseCodeDetails: "upstream_reset{connection termination}",
		responseFlags: new Set(["UF", "URX"]),
		bytesReceived: 3,
		bytesSent: 4,
		upstreamHost: "[::1]:9080",
		upstreamLocalAddress: "127.0.0.2:5555",
		upstreamCluster: "outbound|9080|v1|reviews",
		upstreamTransportFailureReason: "TLS error: bad cert",
		requestedServerName: "sni.example",
		routeName: "r1",
		attemptCount: 2,
		dynamicMetadata: new Map([["ns", { a: { b: ["x", 1] }, s: "text" }]]),
		filterState: new Map<string, unknown>([
			["plain", "v"],
			["object", { field: "f" }],
		]),
	}),
	request: testRequest(
		"/path/long?q=1",
		{ "user-agent": "curl", "x-many": "one", "content-type": "application/grpc" },
		{ method: "POST" },
	),
	response: { status: 503, headers: HeaderMap.of(["x-envoy-upstream-service-time", "9"]) },
	trailers: HeaderMap.of(["grpc-status", "14"], ["x-t", "trailer"]),
	route: { metadata: { istio: { config: "/apis/x" } } },
};

const CASES: readonly (readonly [string, string])[] = [
	["plain 100%% text", "plain 100% text"],
	["%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%", "POST /path/long?q=1 HTTP/1.1"],
	["%REQ(:AUTHORITY)% %REQ(:SCHEME)% %REQ(User-Agent):2%", "host.example http cu"],
	["%REQ_WITHOUT_QUERY(:PATH)%", "/path/long"],
	["%REQ(nope)%|%REQ(nope?neither)%", "-|-"],
	["%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% %RESP(:STATUS)% %RESP(nope)%", "9 503 -"],
	[
		"%TRAILER(x-t)% %GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS_NUMBER%",
		"trailer Unavailable UNAVAILABLE 14",
	],
	["%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION%", "503 UF,URX 3 4 12"],
	["%RESPONSE_CODE_DETAILS%", "upstream_reset{connection_termination}"],
	["%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%", "upstream_reset{connection termination}"],
	["%CONNECTION_TERMINATION_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON%", "- TLS_error:_bad_cert"],
	["%UPSTREAM_HOST% %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT%", "[::1]:9080 ::1 9080"],
	[
		"%UPSTREAM_LOCAL_ADDRESS% %UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW%",
		"127.0.0.2:5555 outbound|9080|v1|reviews outbound|9080|v1|reviews",
	],
	[
		"%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_REMOTE_PORT%",
		"127.0.0.9:4000 127.0.0.9 4000",
	],
	[
		"%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT%",
		"127.0.0.1:80 127.0.0.1 80",
	],
	["%REQUESTED_SERVER_NAME% %ROUTE_NAME% %UPSTREAM_REQUEST_ATTEMPT_COUNT%", "sni.example r1 2"],
	["%DYNAMIC_METADATA(ns:s)% %DYNAMIC_METADATA(ns:a:b)% %DYNAMIC_METADATA(ns:nope)%", 'text ["x",1] -'],
	["%METADATA(ROUTE:istio:config)% %METADATA(DYNAMIC:ns:s)%", "/apis/x text"],
	["%FILTER_STATE(plain:PLAIN)% %FILTER_STATE(object:FIELD:field)% %FILTER_STATE(object)%", 'v f {"field":"f"}'],
	["%HOSTNAME% %ENVIRONMENT(REGION)% %ENVIRONMENT(NOPE)%", "test-host eu -"],
	["%START_TIME%", "2026-01-31T08:05:09.123Z"],
	["%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%", "2026/01/31T08:05:09+0000 1769846709"],
	[
		"%START_TIME(%3f %6f %f %E3S %E0S %b %a %e %j %F %T %p %I %%)%",
		"123 123000 123000000 09.123 09 Jan Sat 31 031 2026-01-31 08:05:09 AM 08 %",
	],
	["%START_TIME(%Q %E*S %Ez %u %k)%", "%Q 09.123 +00:00 6  8"],
	["%REQUEST_HEADER(user-agent)% %RESPONSE_TRAILER(x-t)% %CUSTOM_FLAGS%|", "curl trailer |"],
	[
		'%COALESCE({"operators": ["TLS_JA3_FINGERPRINT", {"command": "REQ", "param": "user-agent", "max_length": 2}]})%',
		"cu",
	],
	["%REQUESTED_SERVER_NAME(HOST_FIRST)% %REQUESTED_SERVER_NAME(SNI_ONLY)%", "host.example sni.example"],
	["%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(8)% %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(64)%", "127.0.0.0/8 ::/64"],
	["%DYNAMIC_METADATA(ns:a):4% %QUERY_PARAMS% %QUERY_PARAMS(DECODED):3%", '{"b" q=1 q=1'],
];

describe("text formats", () => {
	for (const [text, expected] of CASES) test(text, () => assert.equal(format(text, ctx), expected));

	test("what is not there yet is missing", () => {
		const early = { info: testInfo() };
		assert.equal(
			format("%REQ(:PATH)% %RESP(x)% %TRAILER(x)% %RESPONSE_FLAGS% %ROUTE_NAME% %GRPC_STATUS%", early),
			"- - - - - -",
		);
		assert.equal(format("a%REQ(:PATH)%b%UPSTREAM_HOST%c", early, ""), "abc");
		assert.equal(format("%DURATION%", early), "100");
	});
});

describe("broken formats are problems at the field's path", () => {
	for (const [text, says] of [
		["%NOPE%", /%NOPE%/],
		["%constructor%", /no valid operator/],
		["100%", /no valid operator/],
		["%REQ%", /requires parameters/],
		["%REQ(a?b?c)%", /more than one alternative/],
		["%REQ(:PATH)", /no valid operator/],
		["%START_TIME(%n)%", /line end/],
		["%METADATA(NOBODY:a:b)%", /"NOBODY"/],
		["%FILTER_STATE(a:WHAT)%", /a:WHAT/],
		["%GRPC_STATUS(x)%", /"x"/],
		["%PROTOCOL(x)%", /parameters or length/],
		["%PROTOCOL:5%", /parameters or length/],
		["%START_TIME:5%", /length/],
		["%CLUSTER_METADATA(a):5%", /length/],
		["%COALESCE({})%", /list of operators/],
		["%COALESCE(x)%", /JSON/],
		['%COALESCE({"operators":["NOPE"]})%', /NOPE/],
		["%REQUESTED_SERVER_NAME(x)%", /"x"/],
		["%QUERY_PARAMS(x)%", /"x"/],
	] as const) {
		test(text, () => {
			const problems = new ProblemList();
			compileTextFormat(text, { env: testEnv, missing: "-" }, fieldPath("log.format"), problems);
			assert.deepEqual(
				problems.problems.map((p) => [p.code, p.path]),
				[["LTN3306", "log.format"]],
			);
			assert.match(problems.problems[0]!.message, says);
		});
	}
});

describe("JSON formats", () => {
	const json = (template: JsonObject, omitEmpty = false) => {
		const problems = new ProblemList();
		const compiled = compileJsonFormat(template, { env: testEnv, omitEmpty }, fieldPath("j"), problems);
		problems.throwIfAny();
		return compiled(ctx);
	};

	test("members are sorted, one operator alone keeps its type, nesting and constants stay", () => {
		const template = {
			z: "%RESPONSE_CODE%",
			a: "x-%REQ(nope)%",
			flags: "%RESPONSE_FLAGS%",
			nope: "%REQ(nope)%",
			n: { k: "%DURATION%", m: [1, "%PROTOCOL%", true, null] },
			q: 'say "%REQ(user-agent)%"',
			meta: "%DYNAMIC_METADATA(ns:a)%",
		};
		assert.equal(
			json(template),
			'{"a":"x--","flags":"UF,URX","meta":{"b":["x",1]},"n":{"k":12,"m":[1,"HTTP/1.1",true,null]},"nope":null,"q":"say \\"curl\\"","z":503}',
		);
	});

	test("empty values can be left out", () => {
		assert.equal(json({ a: "%REQ(nope)%", b: "x%REQ(nope)%" }, true), '{"b":"x"}');
		assert.equal(json({}, true), "{}");
	});

	test("texts are escaped as JSON wants it", () => {
		const compiled = compileJsonFormat(
			{ a: "%REQ(x)%" },
			{ env: testEnv, omitEmpty: false },
			fieldPath("j"),
			new ProblemList(),
		);
		const texts = fc.oneof(
			fc.string(),
			fc.string({ unit: fc.constantFrom("a", '"', "\\", "\n", "\x7f", "é", "\ud800", "😀") }),
		);
		fc.assert(
			fc.property(texts, (text) => {
				const request = testRequest("/", { x: text });
				assert.equal(compiled({ info: testInfo(), request }), JSON.stringify({ a: text }));
			}),
		);
	});
});
