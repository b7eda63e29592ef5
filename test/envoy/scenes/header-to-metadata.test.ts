import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, httpFilter, httpListener, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import { get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const NAME = "envoy.filters.http.header_to_metadata";
const OWN = "%DYNAMIC_METADATA(envoy.filters.http.header_to_metadata)%";
const rules = (request: readonly JsonObject[], response: readonly JsonObject[] = []): JsonObject => ({
	request_rules: [...request],
	response_rules: [...response],
});
const TYPE = "http.header_to_metadata.v3.Config";

scene("header to metadata", {
	upstreams: { echo: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					filters: [
						httpFilter(
							"header_to_metadata",
							TYPE,
							rules(
								[
									{
										header: "X-Version",
										on_header_present: { key: "version" },
										on_header_missing: { key: "version", value: "none" },
									},
									{ header: "x-number", on_header_present: { key: "number", type: "NUMBER" }, remove: true },
									{ header: "x-fixed", on_header_present: { metadata_namespace: "other", key: "fixed", value: "yes" } },
									{ header: "x-coded", on_header_present: { key: "coded", encode: "BASE64" } },
									{ header: "x-proto", on_header_present: { key: "proto", encode: "BASE64", type: "PROTOBUF_VALUE" } },
									{
										header: ":path",
										on_header_present: {
											key: "part",
											regex_value_rewrite: { pattern: { google_re2: {}, regex: "^/(\\w+).*" }, substitution: "\\1" },
										},
									},
									{
										cookie: "session",
										on_header_present: { metadata_namespace: "other", key: "session" },
										on_header_missing: { metadata_namespace: "other", key: "session", value: "no" },
									},
								],
								[
									{
										header: "x-answer",
										on_header_present: { key: "answer" },
										on_header_missing: { key: "answer", value: "unanswered" },
										remove: true,
									},
									{ header: ":status", on_header_present: { key: "status" } },
								],
							),
						),
					],
					routes: [
						to(
							"echo",
							"/route",
							{},
							{
								typed_per_filter_config: {
									[NAME]: any(TYPE, rules([{ header: "x-version", on_header_present: { key: "own" } }])),
								},
							},
						),
						to("echo"),
					],
					more: {
						access_log: [stdoutLog({ json_format: { own: OWN, other: "%DYNAMIC_METADATA(other)%" } })],
					},
				}),
			],
			clusters: [cluster("echo", [at.port("echo")])],
		},
	}),
	cases: [
		get("nothing there", "/"),
		get("a field", "/users/7?q", { "x-version": "v1" }),
		get("a field twice", "/", [
			["host", "a"],
			["x-version", "v1"],
			["x-version", "v2"],
		]),
		get("an empty field", "/", { "x-version": "" }),
		get("a long field", "/", { "x-version": "v".repeat(8192) }),
		get("a field that is not too long", "/", { "x-version": "v".repeat(8191) }),
		...["12", "-1.5", "1e3", "abc", "12a", " 7", "0x10"].map((value) =>
			get(`number ${value}`, "/", { "x-number": value }),
		),
		get("a fixed value", "/", { "x-fixed": "whatever" }),
		...["aGVsbG8=", "aGVsbG8", "!!", "aGVsbG8 d29ybGQ="].map((value) =>
			get(`base64 ${value}`, "/", { "x-coded": value }),
		),
		...["GgVoZWxsbw==", "IAE=", "EQAAAAAAAPg/", "/////w=="].map((value) =>
			get(`a value in base64 ${value}`, "/", { "x-proto": value }),
		),
		get("a cookie", "/", { cookie: "a=b; session=s1; c=d" }),
		get("an empty cookie", "/", { cookie: "session=" }),
		get("an answer's field", "/", {}, { answers: { echo: [{ headers: { "x-answer": "42" } }] } }),
		get("the route's rules", "/route", { "x-version": "v1", "x-fixed": "1" }),
	],
});
