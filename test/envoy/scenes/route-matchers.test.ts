import type { JsonObject } from "@bufbuild/protobuf";
import { any, httpListener, says } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";

const regex = (pattern: string): JsonObject => ({ google_re2: {}, regex: pattern });
const listenerOf = (routes: readonly JsonObject[], more: JsonObject = {}) => ({
	static_resources: { listeners: [httpListener({ routes: [...routes, says({ prefix: "/" }, "other")], more })] },
});

const PATHS = [
	...["/prefix", "/prefix/a", "/prefixa", "/PREFIX", "/loose", "/LOOSE/a", "/path", "/path/", "/path?x=1", "/path;v=1"],
	...["/Path", "/loosepath", "/LoosePath", "/re/12", "/re/12/a", "/re/", "/re/12?q", "/RE/12", "/reloose/1a"],
	...["/sep", "/sep/", "/sep/a", "/sepa", "/sep?x", "/sep#f", "/SEP", "/seploose/A", "/SEPLOOSE", "/%70ath"],
	...["/t/one/two", "/t/one", "/t/one/two/three", "/t//two", "/deep/a/b/c.js", "/deep/c.js", "/lit/a.b", "/lit/*"],
];

scene("paths of routes", {
	bootstrap: () =>
		listenerOf([
			says({ prefix: "/prefix" }, "prefix"),
			says({ prefix: "/loose", case_sensitive: false, headers: [{ name: "x-never", present_match: true }] }, "never"),
			says({ prefix: "/loose", case_sensitive: false }, "loose prefix"),
			says({ path: "/path" }, "path"),
			says({ path: "/loosepath", case_sensitive: false }, "loose path"),
			says({ safe_regex: regex("/re/\\d+") }, "regex"),
			says({ safe_regex: regex("/reloose/[a-z0-9]+"), case_sensitive: false }, "loose regex"),
			says({ path_separated_prefix: "/sep" }, "separated"),
			says({ path_separated_prefix: "/seploose", case_sensitive: false }, "loose separated"),
			says({ path_match_policy: template("/t/{a}/{b}") }, "template"),
			says({ path_match_policy: template("/deep/**.js") }, "deep template"),
			says({ path_match_policy: template("/lit/*") }, "segment"),
		]),
	cases: PATHS.map((path) => get(path, path)),
});

function template(pathTemplate: string): JsonObject {
	return {
		name: "envoy.path.match.uri_template.uri_template_matcher",
		typed_config: any("envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig", {
			path_template: pathTemplate,
		}),
	};
}

const TEMPLATES = ["/a/*/b", "/a/**", "/v/{x=*}/{y=**}", "/{id}", "/s/{p=foo/*}/end", "/x/{a}.{b}"].slice(0, 5);

scene("path templates", {
	bootstrap: () => listenerOf(TEMPLATES.map((text) => says({ path_match_policy: template(text) }, text))),
	cases: [
		...["/a/1/b", "/a/1/2/b", "/a/", "/a", "/a/1/b?q=/", "/v/1/2/3", "/v/1", "/v/1/", "/id", "/id/", "/", "//"],
		...["/s/foo/x/end", "/s/bar/x/end", "/s/foo//end", "/a/%2F/b", "/a/-._~!$&'()*+,;=:@/b", "/A/1/b"],
	].map((path) => get(path, path)),
});

/** Route by one header matcher each, asked with different values of the header. */
const HEADER_MATCHERS: readonly JsonObject[] = [
	{ exact_match: "one" },
	{ safe_regex_match: regex("o.*e") },
	{ range_match: { start: "-10", end: "10" } },
	{ present_match: true },
	{ present_match: false },
	{ prefix_match: "on" },
	{ suffix_match: "ne" },
	{ contains_match: "n" },
	{ string_match: { exact: "ONE", ignore_case: true } },
	{ string_match: { prefix: "ON", ignore_case: true } },
	{ string_match: { suffix: "NE", ignore_case: true } },
	{ string_match: { contains: "N", ignore_case: true } },
	{ string_match: { safe_regex: regex("[0-9]*") } },
	{ exact_match: "one", invert_match: true },
	{ exact_match: "one,two" },
	{ exact_match: "one,two", invert_match: true },
	{ exact_match: "two" },
	{ present_match: true, invert_match: true },
	{ present_match: false, invert_match: true },
	{ range_match: { start: "0", end: "5" }, invert_match: true },
	{ string_match: { exact: "one" }, invert_match: true },
	{ string_match: { exact: "" }, treat_missing_header_as_empty: true },
	{ string_match: { safe_regex: regex("o?n?e?") }, treat_missing_header_as_empty: true },
	{ string_match: { exact: "one" }, invert_match: true, treat_missing_header_as_empty: true },
	{},
];

const VALUES: readonly (string | undefined)[] = [
	undefined,
	"",
	"one",
	"ONE",
	"on",
	"5",
	"-10",
	"10",
	"0x5",
	"+5",
	" 5 ",
];

scene("headers of routes", {
	bootstrap: () =>
		listenerOf(
			HEADER_MATCHERS.flatMap((matcher, i) => [
				says({ path: `/${i}`, headers: [{ name: "X-Test", ...matcher }] }, "yes"),
				says({ path: `/pseudo${i}`, headers: [{ name: ":method", ...matcher }] }, "yes"),
			]),
		),
	cases: HEADER_MATCHERS.flatMap((matcher, i): Case[] => [
		{
			name: JSON.stringify(matcher),
			send: [
				...VALUES.map((value) => ({ path: `/${i}`, headers: value === undefined ? [] : [["x-test", value] as const] })),
				{ path: `/${i}`, headers: [["x-test", "one"] as const, ["x-test", "two"] as const] },
				{ path: `/pseudo${i}` },
			],
		},
	]),
});

const QUERIES = [
	"",
	"?",
	"?a",
	"?a=",
	"?a=1",
	"?b&a=1",
	"?a=2&a=1",
	"?A=1",
	"?a=%31",
	"?a=1#a=2",
	"?a=abc",
	"?x?a=1",
	"?a=1;b=2",
];
const QUERY_MATCHERS: readonly JsonObject[] = [
	{ name: "a", present_match: true },
	{ name: "a", present_match: false },
	{ name: "a", string_match: { exact: "1" } },
	{ name: "a", string_match: { safe_regex: regex("[a-z]+") } },
	{ name: "a", string_match: { contains: "B", ignore_case: true } },
	{ name: "a" },
];

scene("query parameters of routes", {
	bootstrap: () =>
		listenerOf(QUERY_MATCHERS.map((matcher, i) => says({ path: `/${i}`, query_parameters: [matcher] }, "yes"))),
	cases: QUERY_MATCHERS.map(
		(matcher, i): Case => ({
			name: JSON.stringify(matcher),
			send: QUERIES.map((query) => ({ path: `/${i}${query}` })),
		}),
	),
});

const COOKIES: readonly JsonObject[] = [
	{ name: "user", string_match: { exact: "jason" } },
	{ name: "user", string_match: { prefix: "ja" }, invert_match: true },
	{ name: "user", string_match: { safe_regex: regex("j.*") } },
];
const COOKIE_VALUES = [
	...[undefined, "user=jason", 'user="jason"', "a=b; user=jason", "a=b;user=jason", "user=jason; user=other"],
	...["User=jason", "user = jason", "user=", "user", "xuser=jason", "user=jason;", "a=user=jason"],
];

scene("cookies of routes", {
	bootstrap: () => listenerOf(COOKIES.map((matcher, i) => says({ path: `/${i}`, cookies: [matcher] }, "yes"))),
	cases: COOKIES.map(
		(matcher, i): Case => ({
			name: JSON.stringify(matcher),
			send: [
				...COOKIE_VALUES.map((cookie) => ({
					path: `/${i}`,
					headers: cookie === undefined ? [] : [["cookie", cookie] as const],
				})),
				{ path: `/${i}`, headers: [["cookie", "a=b"] as const, ["cookie", "user=jason"] as const] },
			],
		}),
	),
});

const fraction = (numerator: number) => ({ default_value: { numerator, denominator: "HUNDRED" }, runtime_key: "a.b" });

scene("other conditions of routes", {
	bootstrap: () =>
		listenerOf(
			[
				says({ path: "/never", runtime_fraction: fraction(0) }, "yes"),
				says({ path: "/always", runtime_fraction: fraction(100) }, "yes"),
				says({ path: "/grpc", grpc: {} }, "yes"),
				says({ path: "/tls", tls_context: { presented: true } }, "yes"),
				says({ path: "/plain", tls_context: { presented: false } }, "yes"),
				says({ path: "/tls-valid", tls_context: { validated: true } }, "yes"),
				says({ path: "/tls-invalid", tls_context: { validated: false } }, "yes"),
				says({ path: "/meta", dynamic_metadata: [metadata(false)] }, "yes"),
				says({ path: "/meta-invert", dynamic_metadata: [metadata(true)] }, "yes"),
				says({ path: "/state", filter_state: [{ key: "test.key", string_match: { exact: "v" } }] }, "yes"),
				says(
					{
						path: "/all",
						headers: [
							{ name: "x-a", present_match: true },
							{ name: "x-b", present_match: true },
						],
						query_parameters: [{ name: "q", present_match: true }],
					},
					"yes",
				),
				{ match: { connect_matcher: {} }, direct_response: { status: 403 } },
			],
			{ upgrade_configs: [{ upgrade_type: "CONNECT" }] },
		),
	cases: [
		...[
			"/never",
			"/always",
			"/grpc",
			"/tls",
			"/plain",
			"/tls-valid",
			"/tls-invalid",
			"/meta",
			"/meta-invert",
			"/state",
		].map((path) => get(path, path)),
		get("grpc content type", "/grpc", { "content-type": "application/grpc" }),
		get("grpc+proto content type", "/grpc", { "content-type": "application/grpc+proto" }),
		get("grpc-web content type", "/grpc", { "content-type": "application/grpc-web" }),
		get("all conditions", "/all?q", { "x-a": "1", "x-b": "1" }),
		get("one condition short", "/all?q", { "x-a": "1" }),
		{ name: "CONNECT", send: "CONNECT test.local:443 HTTP/1.1\r\nhost: test.local:443\r\n\r\n" },
	],
});

function metadata(invert: boolean): JsonObject {
	return { filter: "test", path: [{ key: "k" }], value: { string_match: { exact: "v" } }, invert };
}
