import type { JsonObject } from "@bufbuild/protobuf";
import { any, cluster, httpListener, says, to } from "../harness/bootstrap-parts.ts";
import type { Http1Conversation } from "../harness/conversation.ts";
import { type Case, scene } from "../harness/scene.ts";
import { type Answer, http1 } from "../harness/upstream.ts";

const COUNTERS = [
	/cluster\.(echo|other)\.(upstream_internal_redirect_.*|upstream_rq_(total|completed|[23]xx)|retry_or_shadow_abandoned)/,
	/http\.in\.(passthrough_internal_redirect_.*|downstream_rq_(total|completed|[23]xx)|rq_total|no_route)/,
];

const predicate = (name: string, type: string, value: JsonObject = {}): JsonObject => ({
	name: `envoy.internal_redirect_predicates.${name}`,
	typed_config: any(`envoy.extensions.internal_redirect.${name}.v3.${type}`, value),
});
const following = (policy: JsonObject = {}, more: JsonObject = {}): JsonObject => ({
	internal_redirect_policy: policy,
	...more,
});

const redirect = (location: string | undefined, status = 302, more: Readonly<Record<string, string>> = {}): Answer => ({
	status,
	headers: { ...(location === undefined ? {} : { location }), ...more },
});

interface More extends Partial<Pick<Http1Conversation, "send" | "pipelined">> {
	readonly headers?: Readonly<Record<string, string>>;
	readonly answers?: Readonly<Record<string, readonly Answer[]>>;
}

function ask(name: string, path: string, first: Answer, more: More = {}): Case {
	const { headers = {}, ...rest } = more;
	return {
		name,
		send: { path, headers },
		answers: { echo: [first, {}], other: [{}] },
		counters: COUNTERS,
		...rest,
	};
}

const body = (text: string) => ({ method: "POST", headers: { "content-type": "text/plain" }, body: text });

scene("internal redirects", {
	upstreams: { echo: http1(), other: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				httpListener({
					virtualHosts: [
						{
							name: "other",
							domains: ["other.local"],
							request_headers_to_add: [{ header: { key: "x-host", value: "other" } }],
							routes: [to("other", "/"), says({ prefix: "/says" }, "said")],
						},
						{ name: "empty", domains: ["empty.local"], routes: [to("other", "/only")] },
						{
							name: "all",
							domains: ["*"],
							request_headers_to_add: [{ header: { key: "x-pass", value: "%PROTOCOL%" } }],
							response_headers_to_add: [{ header: { key: "x-answered", value: "%RESPONSE_CODE%" } }],
							routes: [
								to("echo", "/default", following(), { name: "default" }),
								to("echo", "/codes", following({ redirect_response_codes: [301, 303, 307, 308, 200] }), {
									name: "codes",
								}),
								to("echo", "/thrice", following({ max_internal_redirects: 3 }), { name: "thrice" }),
								to("echo", "/never", following({ max_internal_redirects: 0 }), { name: "never" }),
								to("echo", "/cross", following({ allow_cross_scheme_redirect: true }), { name: "cross" }),
								to(
									"echo",
									"/safe",
									following({
										allow_cross_scheme_redirect: true,
										predicates: [predicate("safe_cross_scheme", "SafeCrossSchemeConfig")],
									}),
									{ name: "safe" },
								),
								to(
									"echo",
									"/listed",
									following({
										predicates: [
											predicate("allow_listed_routes", "AllowListedRoutesConfig", {
												allowed_route_names: ["thrice", "plain"],
											}),
										],
									}),
									{ name: "listed" },
								),
								to(
									"echo",
									"/previous",
									following({
										max_internal_redirects: 9,
										predicates: [predicate("previous_routes", "PreviousRoutesConfig")],
									}),
									{ name: "previous" },
								),
								to("echo", "/copy", following({ response_headers_to_copy: ["x-copy", "x-none"] }), { name: "copy" }),
								to("echo", "/rewritten", following({}, { prefix_rewrite: "/new" }), { name: "rewritten" }),
								to("echo", "/retried", following({}, { retry_policy: { retry_on: "5xx" } }), { name: "retried" }),
								to("echo", "/plain", {}, { name: "plain" }),
								says({ prefix: "/says" }, "said here", { name: "says" }),
							],
						},
					],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("other", [at.port("other")])],
		},
	}),
	cases: [
		ask("followed", "/default/a?q=1", redirect("http://other.local/b?x=2")),
		ask("to the same host", "/default/a", redirect("http://test.local/plain/b")),
		ask("to a direct response", "/default", redirect("http://test.local/says")),
		ask("without a location", "/default", redirect(undefined)),
		ask("with an empty location", "/default", redirect("")),
		ask("to a relative location", "/default/a", redirect("/plain/b")),
		ask("to a relative location without a slash", "/default/a", redirect("b")),
		ask("to a location with neither scheme nor path", "/default/a", redirect("//other.local/b")),
		ask("to a location with a blank", "/default/a", redirect("http://other.local/a b")),
		ask("to a location without a path", "/default", redirect("http://other.local")),
		ask("to a location with a query only", "/default", redirect("http://other.local?x=1")),
		ask("to a location with a fragment", "/default", redirect("http://other.local/a#top")),
		ask("to a location with a port", "/default", redirect("http://other.local:80/a")),
		ask("to a location with a user", "/default", redirect("http://me:you@other.local/a")),
		ask("to a location in capitals", "/default", redirect("HTTP://OTHER.local/A")),
		ask("to another scheme", "/default", redirect("ftp://other.local/a")),
		ask("to nowhere", "/default", redirect("http://empty.local/a")),
		ask("with a body in the redirect", "/default", { ...redirect("http://other.local/"), body: "moved" }),
		ask("another status", "/default", redirect("http://other.local/", 301)),
		ask("status 301", "/codes", redirect("http://other.local/", 301)),
		ask("status 302 is not listed", "/codes", redirect("http://other.local/", 302)),
		ask("status 303", "/codes", redirect("http://other.local/", 303)),
		ask("status 307", "/codes", redirect("http://other.local/", 307)),
		ask("status 308", "/codes", redirect("http://other.local/", 308)),
		ask("status 200 is no redirect", "/codes", redirect("http://other.local/", 200)),
		ask("HEAD after 303", "/codes", redirect("http://other.local/", 303), { send: { method: "HEAD", path: "/codes" } }),
		ask("POST after 303", "/codes", redirect("http://other.local/", 303), {
			send: { path: "/codes", ...body("hello") },
		}),
		ask("POST after 307", "/codes", redirect("http://other.local/", 307), {
			send: { path: "/codes", ...body("hello") },
		}),
		ask("POST in chunks after 307", "/codes", redirect("http://other.local/", 307), {
			send: { path: "/codes", ...body("hello"), chunked: true },
		}),
		ask("POST with trailers after 307", "/codes", redirect("http://other.local/", 307), {
			send: { path: "/codes", ...body("hello"), trailers: { "x-last": "1" } },
		}),
		ask("two", "/thrice", redirect("http://test.local/thrice/2"), {
			answers: { echo: [redirect("http://test.local/thrice/2"), redirect("http://other.local/3")], other: [{}] },
		}),
		ask("too many", "/thrice", redirect("http://test.local/thrice/2"), {
			answers: { echo: [redirect("http://test.local/thrice/2")], other: [{}] },
		}),
		ask("one is the most by default", "/default", redirect("http://test.local/default/2"), {
			answers: { echo: [redirect("http://test.local/default/2"), redirect("http://test.local/default/3")] },
		}),
		ask("none", "/never", redirect("http://other.local/")),
		ask("to https", "/default", redirect("https://other.local/")),
		ask("to https where that may be", "/cross", redirect("https://other.local/")),
		ask("to https where it is not safe", "/safe", redirect("https://other.local/")),
		ask("to http where that is safe", "/safe", redirect("http://other.local/")),
		ask("to a listed route", "/listed", redirect("http://test.local/plain")),
		ask("to a route that is not listed", "/listed", redirect("http://test.local/default")),
		ask("to a route without a name", "/listed", redirect("http://other.local/default")),
		ask("back to the same route", "/previous", redirect("http://test.local/previous/2"), {
			answers: { echo: [redirect("http://test.local/previous/2")], other: [{}] },
		}),
		ask("around", "/previous", redirect("http://test.local/thrice/2"), {
			answers: {
				echo: [
					redirect("http://test.local/thrice/2"),
					redirect("http://test.local/previous/2"),
					redirect("http://test.local/thrice/2"),
				],
			},
		}),
		ask("fields to copy", "/copy", redirect("http://other.local/", 302, { "x-copy": "from-answer" }), {
			headers: { "x-copy": "from-client", "x-none": "gone" },
		}),
		ask(
			"fields to copy, and the redirect fails",
			"/copy",
			redirect("http://empty.local/", 302, { "x-copy": "from-answer" }),
			{
				headers: { "x-copy": "from-client", "x-none": "gone" },
			},
		),
		ask("from a rewritten path", "/rewritten/a", redirect("http://other.local/b")),
		ask(
			"after a retry",
			"/retried",
			{},
			{
				answers: { echo: [{ status: 503 }, redirect("http://other.local/b")], other: [{}] },
			},
		),
		ask(
			"several on a connection",
			"/default",
			{},
			{
				send: [{ path: "/default/1" }, { path: "/default/2" }],
				answers: { echo: [redirect("http://other.local/1"), redirect("http://other.local/2")], other: [{}] },
			},
		),
		ask(
			"several at once",
			"/default",
			{},
			{
				send: [{ path: "/default/1" }, { path: "/default/2" }],
				pipelined: true,
				answers: { echo: [redirect("http://other.local/1"), redirect("http://other.local/2")], other: [{}] },
			},
		),
		{
			name: "over HTTP/2",
			protocol: "http2",
			requests: [{ path: "/default/1" }, { path: "/codes", method: "POST", body: "hello" }],
			answers: { echo: [redirect("http://other.local/1"), redirect("http://other.local/2", 307)], other: [{}] },
			counters: COUNTERS,
		},
		ask("fields that clients may not send", "/default", redirect("http://other.local/"), {
			headers: { "x-envoy-original-url": "http://made.up/", "x-forwarded-for": "1.2.3.4", expect: "100-continue" },
		}),
	],
});
