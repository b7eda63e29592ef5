import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ProblemError } from "../../../lib/problem.ts";
import { seededRandom } from "../../../lib/random.ts";
import { AccessLogSchema } from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { HeaderMap } from "../../http/header-map.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import { testEnv, testInfo, testRequest } from "../route-fixture.ts";
import { compileAccessLogs, type LogTarget } from "./access-log.ts";

const FILE = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
const STDOUT = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
const STDERR = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog";

/** Istio's default text format (istio.io: Envoy access logs). */
const ISTIO_TEXT =
	'[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
	'%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% ' +
	'%DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" ' +
	'"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% ' +
	"%DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n";

function compile(...logs: JsonObject[]) {
	const lines: string[] = [];
	const targets: LogTarget[] = [];
	const loggers = compileAccessLogs(
		logs.map((json) => fromJson(AccessLogSchema, json, { registry: xdsRegistry() })),
		{
			env: testEnv,
			random: seededRandom(1),
			openSink(target) {
				targets.push(target);
				return (line) => lines.push(line);
			},
		},
	);
	return { loggers, lines, targets };
}

const info = (known: Partial<StreamInfo>) =>
	testInfo({ durationMs: 5, responseCode: 200, responseCodeDetails: "via_upstream", ...known });
const ctx = (known: Partial<StreamInfo> = {}, headers: Record<string, string> = {}) => ({
	info: info(known),
	request: testRequest("/x?q", headers),
	response: { status: 200, headers: HeaderMap.of() },
});

test("Istio's default format writes the line that people know", () => {
	const { loggers, lines, targets } = compile({
		name: "envoy.access_loggers.file",
		typed_config: {
			"@type": FILE,
			path: "/dev/stdout",
			log_format: { text_format_source: { inline_string: ISTIO_TEXT } },
		},
	});
	const known = {
		upstreamHost: "127.1.1.4:9080",
		upstreamCluster: "outbound|9080||reviews.default.svc.cluster.local",
		upstreamLocalAddress: "127.1.1.2:5000",
		routeName: "default",
	};
	loggers[0]!.log(ctx(known, { "user-agent": "curl/8", "x-request-id": "id-1" }));
	assert.deepEqual(targets, [{ kind: "stdout" }]);
	assert.deepEqual(lines, [
		'[2026-01-31T08:05:09.123Z] "GET /x?q HTTP/1.1" 200 - via_upstream - "-" 0 0 5 - "-" "curl/8" "id-1" "host.example" "127.1.1.4:9080" ' +
			"outbound|9080||reviews.default.svc.cluster.local 127.1.1.2:5000 127.0.0.1:80 127.0.0.9:4000 - default\n",
	]);
});

test("files, streams, JSON and the older spellings", () => {
	const { loggers, lines, targets } = compile(
		{
			typed_config: {
				"@type": FILE,
				path: "/logs/a",
				log_format: { json_format: { code: "%RESPONSE_CODE%", none: "%REQ(n)%" } },
			},
		},
		{
			typed_config: {
				"@type": STDOUT,
				log_format: { json_format: { code: "%RESPONSE_CODE%", none: "%REQ(n)%" }, omit_empty_values: true },
			},
		},
		{ typed_config: { "@type": STDERR, log_format: { text_format: "a%REQ(n)%b\n", omit_empty_values: true } } },
		{ typed_config: { "@type": FILE, path: "/dev/stderr", format: "%RESPONSE_CODE%\n" } },
		{ typed_config: { "@type": FILE, path: "/logs/b", json_format: { a: "x" } } },
		{ typed_config: { "@type": STDOUT } },
	);
	for (const logger of loggers) logger.log(ctx());
	assert.deepEqual(
		targets.map((t) => (t.kind === "file" ? t.path : t.kind)),
		["/logs/a", "stdout", "stderr", "stderr", "/logs/b", "stdout"],
	);
	assert.deepEqual(lines.slice(0, 5), ['{"code":200,"none":null}\n', '{"code":200}\n', "ab\n", "200\n", '{"a":"x"}\n']);
	assert.equal(
		lines[5],
		'[2026-01-31T08:05:09.123Z] "GET /x?q HTTP/1.1" 200 - 0 0 5 - "-" "-" "-" "host.example" "-"\n',
	);
});

describe("filters", () => {
	const logged = (filter: JsonObject, known: Partial<StreamInfo> = {}, headers: Record<string, string> = {}) => {
		const { loggers, lines } = compile({ filter, typed_config: { "@type": STDOUT } });
		loggers[0]!.log(ctx(known, headers));
		return lines.length === 1;
	};
	const status = (op: string, value: number): JsonObject => ({
		status_code_filter: { comparison: { op, value: { default_value: value, runtime_key: "k" } } },
	});

	test("status and duration", () => {
		assert.equal(logged(status("GE", 400), { responseCode: 404 }), true);
		assert.equal(logged(status("GE", 400), { responseCode: 399 }), false);
		assert.equal(logged(status("EQ", 200)), true);
		assert.equal(logged(status("LE", 199)), false);
		assert.equal(logged(status("NE", 200)), false);
		assert.equal(logged({ duration_filter: { comparison: { op: "GE", value: { default_value: 5 } } } }), true);
		assert.equal(logged({ duration_filter: { comparison: { op: "GE", value: { default_value: 6 } } } }), false);
	});

	test("and, or, header, flags, gRPC status", () => {
		const server = { header_filter: { header: { name: "x-log", exact_match: "yes" } } };
		assert.equal(logged(server, {}, { "x-log": "yes" }), true);
		assert.equal(logged(server), false);
		assert.equal(logged({ or_filter: { filters: [server, status("EQ", 200)] } }), true);
		assert.equal(logged({ and_filter: { filters: [server, status("EQ", 200)] } }), false);
		const flags = new Set(["UF" as const]);
		assert.equal(logged({ response_flag_filter: { flags: ["UF", "NR"] } }, { responseFlags: flags }), true);
		assert.equal(logged({ response_flag_filter: { flags: ["NR"] } }, { responseFlags: flags }), false);
		assert.equal(logged({ response_flag_filter: {} }, { responseFlags: flags }), true);
		assert.equal(logged({ response_flag_filter: {} }), false);
		assert.equal(logged({ grpc_status_filter: { statuses: ["UNAVAILABLE"] } }, { responseCode: 503 }), true);
		assert.equal(
			logged({ grpc_status_filter: { statuses: ["UNAVAILABLE"], exclude: true } }, { responseCode: 503 }),
			false,
		);
		assert.equal(logged({ not_health_check_filter: {} }), true);
	});

	test("a share of the requests", () => {
		const filter = { runtime_filter: { runtime_key: "k", percent_sampled: { numerator: 10 } } };
		const { loggers, lines } = compile({ filter, typed_config: { "@type": STDOUT } });
		for (let i = 0; i < 5000; i++) loggers[0]!.log(ctx());
		assert.ok(Math.abs(lines.length - 500) < 100, `${lines.length}`);
	});
});

test("what is wrong is told with its path and nothing is opened", () => {
	const opened: LogTarget[] = [];
	const configs: JsonObject[] = [
		{ typed_config: { "@type": STDOUT, log_format: { text_format: "%NOPE%" } } },
		{ typed_config: { "@type": STDOUT, log_format: { json_format: { a: { b: ["%REQ%"] } } } } },
		{ typed_config: { "@type": FILE } },
		{ filter: { extension_filter: { name: "x" } }, typed_config: { "@type": STDOUT } },
		{ typed_config: { "@type": STDOUT, log_format: { text_format_source: { filename: "/etc/format" } } } },
		{ typed_config: { "@type": STDOUT, log_format: { text_format: "x", formatters: [{ name: "cel" }] } } },
	];
	const logs = configs.map((json) => fromJson(AccessLogSchema, json, { registry: xdsRegistry() }));
	assert.throws(
		() =>
			compileAccessLogs([...logs, create(AccessLogSchema, { name: "http" })], {
				env: testEnv,
				random: seededRandom(1),
				openSink: (target) => {
					opened.push(target);
					return () => {};
				},
			}),
		(error: unknown) => {
			assert.deepEqual(
				(error as ProblemError).problems.map((p) => `${p.code} ${p.path}`),
				[
					"LTN3306 access_log[0].typed_config.log_format.text_format",
					"LTN3306 access_log[1].typed_config.log_format.json_format[a][b][0]",
					"LTN3303 access_log[2].typed_config.path",
					"LTN3301 access_log[3].filter.extension_filter",
					"LTN3302 access_log[4].typed_config.log_format.text_format_source",
					"LTN3301 access_log[5].typed_config.log_format.formatters[0]",
					"LTN3301 access_log[6].typed_config",
				],
			);
			return error instanceof ProblemError;
		},
	);
	assert.deepEqual(opened, []);
});
