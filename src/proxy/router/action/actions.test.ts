import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead } from "../../http/message.ts";
import { matchOf, tableOf, tableOfRoutes, testInfo, testRequest } from "../route-fixture.ts";
import type { ForwardAction } from "../route-match.ts";

function replyTo(route: JsonObject, request: RequestHead) {
	const action = matchOf(tableOfRoutes(route), request)!.action;
	assert.equal(action.kind, "reply");
	return action.kind === "reply" ? action.reply(request, testInfo()) : assert.fail();
}

/** Match, redirect, request, location: as Envoy 1.40 answers. */
const REDIRECTS: readonly (readonly [JsonObject, JsonObject, string, string])[] = [
	[{ path: "/same" }, { https_redirect: true }, "/same?a=1", "https://h:8080/same?a=1"],
	[{ path: "/p" }, { path_redirect: "/new" }, "/p?a=1", "http://h:8080/new?a=1"],
	[{ path: "/p" }, { path_redirect: "/new", strip_query: true }, "/p?a=1", "http://h:8080/new"],
	[{ path: "/p" }, { path_redirect: "/new?x=1", strip_query: true }, "/p?a=1", "http://h:8080/new?x=1"],
	[{ prefix: "/pre" }, { prefix_rewrite: "/np", strip_query: true }, "/pre/x?a=1", "http://h:8080/np/x"],
	[{ prefix: "/PRE", case_sensitive: false }, { prefix_rewrite: "/np" }, "/pre/x", "http://h:8080/np/x"],
	[{ path: "/exact" }, { prefix_rewrite: "/np" }, "/exact?a", "http://h:8080/np?a"],
	[
		{ prefix: "/rx" },
		{ regex_rewrite: { pattern: { regex: "/rx/(.*)" }, substitution: "/q/\\1" } },
		"/rx/abc?q=1",
		"http://h:8080/q/abc?q=1",
	],
	[
		{ prefix: "/" },
		{ port_redirect: 8443, scheme_redirect: "https", host_redirect: "n.example" },
		"/x",
		"https://n.example:8443/x",
	],
	[{ prefix: "/" }, { port_redirect: 8443 }, "/x", "http://h:8443/x"],
	[{ path: "/p" }, { path_redirect: "no" }, "/p?q", "http://h:8080/no?q"],
	[{ path: "/p" }, { path_redirect: "no?x" }, "/p?q", "http://h:8080/no?x"],
	[{ prefix: "/rr" }, { prefix_rewrite: "no" }, "/rr/a?q", "http://h:8080/no/a?q"],
	[{ prefix: "/" }, { host_redirect: "n.example" }, "/x", "http://n.example/x"],
];

describe("redirects", () => {
	for (const [match, redirect, path, location] of REDIRECTS) {
		test(`${JSON.stringify(redirect)} on ${path}`, () => {
			const reply = replyTo({ match, redirect }, testRequest(path, {}, { authority: "h:8080" }));
			assert.deepEqual(reply.headers, [["location", location]]);
			assert.equal(reply.status, 301);
		});
	}

	test("the default port of the old scheme goes with the scheme", () => {
		const location = (authority: string, redirect: JsonObject) =>
			replyTo({ match: { prefix: "/" }, redirect }, testRequest("/", {}, { authority })).headers?.[0]?.[1];
		assert.equal(location("h:80", { https_redirect: true }), "https://h/");
		assert.equal(location("[::1]:80", { https_redirect: true }), "https://[::1]/");
		assert.equal(location("[::1]", { https_redirect: true }), "https://[::1]/");
		assert.equal(location("h:443", { https_redirect: true }), "https://h:443/");
		assert.equal(location("h:80", {}), "http://h:80/");
	});

	test("response codes", () => {
		for (const [code, status] of [
			["MOVED_PERMANENTLY", 301],
			["FOUND", 302],
			["SEE_OTHER", 303],
			["TEMPORARY_REDIRECT", 307],
			["PERMANENT_REDIRECT", 308],
		] as const)
			assert.equal(
				replyTo({ match: { prefix: "/" }, redirect: { response_code: code } }, testRequest("/")).status,
				status,
			);
	});

	test("a virtual host that requires TLS redirects what came without it", () => {
		const table = (require_tls: string) =>
			tableOf({
				virtual_hosts: [
					{ name: "v", domains: ["*"], require_tls, routes: [{ match: { prefix: "/" }, route: { cluster: "c" } }] },
				],
			});
		const kind = (require_tls: string, head: Partial<RequestHead>, headers = {}) =>
			matchOf(table(require_tls), testRequest("/a?b", headers, head))!.action;
		const redirect = kind("ALL", { authority: "h:8080" });
		assert.equal(
			redirect.kind === "reply" &&
				redirect.reply(testRequest("/a?b", {}, { authority: "h:8080" }), testInfo()).headers?.[0]?.[1],
			"https://h:8080/a?b",
		);
		assert.equal(kind("ALL", { scheme: "https" }).kind, "forward");
		assert.equal(kind("EXTERNAL_ONLY", {}).kind, "reply");
		assert.equal(kind("EXTERNAL_ONLY", {}, { "x-envoy-internal": "true" }).kind, "forward");
		assert.equal(kind("NONE", {}).kind, "forward");
	});
});

test("direct responses: text and bytes; 201 and 3xx name the request's own URL", () => {
	const direct = (status: number, body?: JsonObject) =>
		replyTo({ match: { prefix: "/" }, direct_response: { status, ...(body && { body }) } }, testRequest("/x?y"));
	assert.deepEqual(direct(200, { inline_string: "hé" }), {
		status: 200,
		body: "hé",
		details: "direct_response",
		headers: [],
	});
	assert.equal(direct(503, { inline_bytes: Buffer.from("bytes").toString("base64") }).body, "bytes");
	assert.deepEqual(direct(201).headers, [["location", "http://host.example/x?y"]]);
	assert.deepEqual(direct(302).headers, [["location", "http://host.example/x?y"]]);
	assert.deepEqual(direct(404).headers, []);
});

/** Route, client path, path that goes upstream, host that goes upstream. */
const REWRITES: readonly (readonly [JsonObject, JsonObject, string, string, string])[] = [
	[{ prefix: "/pre/" }, { prefix_rewrite: "/" }, "/pre/a/b?x=1", "/a/b?x=1", "h:80"],
	[{ prefix: "/foo" }, { prefix_rewrite: "/" }, "/foo/bar", "//bar", "h:80"],
	[{ path: "/exact" }, { prefix_rewrite: "/repl" }, "/exact?x=1", "/repl?x=1", "h:80"],
	[{ safe_regex: { regex: "/sr/.*" } }, { prefix_rewrite: "/whole" }, "/sr/abc?x", "/whole?x", "h:80"],
	[
		{ prefix: "/rex" },
		{ regex_rewrite: { pattern: { regex: "[0-9]+" }, substitution: "N" } },
		"/rex/12/a3?n=4",
		"/rex/N/aN?n=4",
		"h:80",
	],
	[{ path_separated_prefix: "/a" }, { prefix_rewrite: "/b" }, "/a/c", "/b/c", "h:80"],
	[
		{ prefix: "/" },
		{ regex_rewrite: { pattern: { regex: "^/empty$" }, substitution: "" } },
		"/empty?q",
		"/empty?q",
		"h:80",
	],
	[{ prefix: "/" }, { host_rewrite_literal: "other" }, "/p", "/p", "other"],
	[{ prefix: "/" }, { host_rewrite_header: "X-H" }, "/p", "/p", "from.header"],
	[{ prefix: "/" }, { host_rewrite_header: "nope" }, "/p", "/p", "h:80"],
	[
		{ prefix: "/" },
		{ host_rewrite_path_regex: { pattern: { regex: "^/([^/]+)/.*$" }, substitution: "\\1.example" } },
		"/abc/x?q",
		"/abc/x?q",
		"abc.example",
	],
];

describe("rewrites", () => {
	for (const [match, action, path, newPath, newHost] of REWRITES) {
		test(`${JSON.stringify(match)} ${JSON.stringify(action)} on ${path}`, () => {
			const request = testRequest(path, { "x-h": "from.header" }, { authority: "h:80" });
			const route = matchOf(tableOfRoutes({ match, route: { cluster: "c", ...action } }), request)!;
			route.finalizeRequest(request, testInfo(), { cluster: "c", weightedIndex: -1 });
			assert.equal(request.path, newPath);
			assert.equal(request.authority, newHost);
			assert.equal(request.headers.get("x-envoy-original-path"), newPath === path ? undefined : path);
			assert.equal(request.headers.get("x-envoy-original-host"), newHost === "h:80" ? undefined : "h:80");
		});
	}

	test("the client's host is appended to x-forwarded-host on request, once", () => {
		const table = tableOfRoutes({
			match: { prefix: "/" },
			route: { cluster: "c", host_rewrite_literal: "n", append_x_forwarded_host: true },
		});
		for (const [before, after] of [
			[{}, "h"],
			[{ "x-forwarded-host": "a" }, "a,h"],
			[{ "x-forwarded-host": "a,h" }, "a,h"],
		] as const) {
			const request = testRequest("/", before, { authority: "h" });
			matchOf(table, request)!.finalizeRequest(request, testInfo(), undefined);
			assert.equal(request.headers.get("x-forwarded-host"), after);
		}
	});
});

function forwardOf(route: JsonObject, virtualHost: JsonObject = {}): ForwardAction {
	const json = {
		virtual_hosts: [
			{
				name: "v",
				domains: ["*"],
				routes: [{ match: { prefix: "/" }, route: { cluster: "c", ...route } }],
				...virtualHost,
			},
		],
	};
	const action = matchOf(tableOf(json), testRequest("/"))!.action;
	return action.kind === "forward" ? action.forward : assert.fail();
}

describe("hash policies", () => {
	const hash = (policies: JsonObject[], request: RequestHead) =>
		forwardOf({ hash_policy: policies }).hash(request, testInfo());

	test("header, query parameter and source address hash their value", () => {
		assert.equal(
			hash([{ header: { header_name: "X-User" } }], testRequest("/", { "x-user": "foo" })).hash,
			3728699739546630719n,
		);
		assert.equal(hash([{ query_parameter: { name: "u" } }], testRequest("/?u=bar")).hash, 5234164152756840025n);
		assert.equal(hash([{ header: { header_name: "x-user" } }], testRequest("/")).hash, undefined);
		const byAddress = forwardOf({ hash_policy: [{ connection_properties: { source_ip: true } }] });
		const at = (downstreamRemoteAddress: string) =>
			byAddress.hash(testRequest("/"), testInfo({ downstreamRemoteAddress })).hash;
		assert.equal(at("10.0.0.1:1"), at("10.0.0.1:2"));
		assert.notEqual(at("10.0.0.1:1"), at("10.0.0.2:1"));
	});

	test("a header can be rewritten before it is hashed", () => {
		const policy = { header: { header_name: "a", regex_rewrite: { pattern: { regex: "-.*" }, substitution: "" } } };
		assert.equal(hash([policy], testRequest("/", { a: "foo-1" })).hash, 3728699739546630719n);
	});

	test("policies combine, equal ones do not cancel out, a terminal one ends the list", () => {
		const header = (terminal: boolean): JsonObject => ({ header: { header_name: "a" }, terminal });
		const request = testRequest("/", { a: "foo" });
		const once = 3728699739546630719n;
		assert.equal(
			hash([header(false), header(false)], request).hash,
			BigInt.asUintN(64, (once << 1n) | (once >> 63n)) ^ once,
		);
		assert.equal(hash([header(true), header(false)], request).hash, once);
		const missing = { header: { header_name: "nope" }, terminal: true };
		assert.equal(hash([missing, header(false)], request).hash, once);
	});

	test("a cookie is read, or made when it has a lifetime", () => {
		const policy = { cookie: { name: "sid", path: "/p", ttl: "60s" } };
		const known = hash([policy], testRequest("/", { cookie: 'x=1; sid="foo"' }));
		assert.deepEqual(known, { hash: 3728699739546630719n, newCookies: [] });
		const fresh = hash([policy], testRequest("/"));
		const [, value] = /^sid="([0-9a-f]{16})"; Max-Age=60; Path=\/p; HttpOnly$/.exec(fresh.newCookies[0]!) ?? [];
		assert.ok(value, fresh.newCookies[0]);
		assert.equal(hash([policy], testRequest("/", { cookie: `sid=${value}` })).hash, fresh.hash);
		assert.deepEqual(hash([{ cookie: { name: "sid" } }], testRequest("/")), { hash: undefined, newCookies: [] });
		const session = hash(
			[{ cookie: { name: "sid", ttl: "0s", attributes: [{ name: "SameSite", value: "Lax" }, { name: "Secure" }] } }],
			testRequest("/"),
		);
		assert.match(session.newCookies[0]!, /^sid="[0-9a-f]{16}"; SameSite=Lax; Secure; HttpOnly$/);
	});
});

describe("retry policies", () => {
	const policyOf = (policy: JsonObject) => forwardOf({ retry_policy: policy }).retryPolicy!;
	const response = (status: number, headers: readonly (readonly [string, string])[] = []) => ({
		status,
		headers: HeaderMap.of(...headers),
	});

	test("Istio's default policy", () => {
		const policy = policyOf({
			retry_on: "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
			num_retries: 2,
			retry_host_predicate: [
				{
					name: "envoy.retry_host_predicates.previous_hosts",
					typed_config: {
						"@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
					},
				},
			],
			host_selection_retry_max_attempts: "5",
		});
		assert.equal(policy.maxRetries, 2);
		assert.equal(policy.hostSelectionAttempts, 5);
		assert.equal(policy.avoidPreviousHosts, true);
		for (const [failure, retried] of [
			["connect-failure", true],
			["connect-timeout", true],
			["refused-stream", true],
			["reset-before-request", false],
			["reset", false],
			["per-try-timeout", false],
			["overflow", false],
		] as const)
			assert.equal(policy.retriesFailure(failure), retried, failure);
		assert.equal(policy.retriesResponse(response(503)), false);
		assert.equal(policy.retriesResponse(response(200, [["grpc-status", "14"]])), true);
		assert.equal(policy.retriesResponse(response(200, [["grpc-status", "1"]])), true);
		assert.equal(policy.retriesResponse(response(200, [["grpc-status", "13"]])), false);
	});

	test("responses by token", () => {
		for (const [retry_on, status, retried] of [
			["5xx", 500, true],
			["5xx", 404, false],
			["gateway-error", 500, false],
			["gateway-error", 502, true],
			["retriable-4xx", 409, true],
			["retriable-4xx", 400, false],
			["reset", 503, false],
			["retriable-status-codes", 418, true],
			["retriable-status-codes", 500, false],
			["5xx", 418, false],
		] as const) {
			const policy = policyOf({ retry_on, retriable_status_codes: [418] });
			assert.equal(policy.retriesResponse(response(status)), retried, `${retry_on} ${status}`);
		}
		const limited = response(503, [["x-envoy-ratelimited", "true"]]);
		assert.equal(policyOf({ retry_on: "5xx" }).retriesResponse(limited), false);
		assert.equal(policyOf({ retry_on: "envoy-ratelimited" }).retriesResponse(limited), true);
		const byHeader = policyOf({
			retry_on: "retriable-headers",
			retriable_headers: [{ name: "x-again" }, { name: ":status", exact_match: "409" }],
		});
		assert.equal(byHeader.retriesResponse(response(200, [["x-again", ""]])), true);
		assert.equal(byHeader.retriesResponse(response(409)), true);
		assert.equal(byHeader.retriesResponse(response(200)), false);
	});

	test("no answer at all counts as 5xx, gateway-error and reset, but an overflow never", () => {
		for (const retry_on of ["5xx", "gateway-error", "reset"]) {
			const policy = policyOf({ retry_on });
			for (const failure of [
				"connect-failure",
				"reset",
				"per-try-timeout",
				"refused-stream",
				"reset-before-request",
			] as const)
				assert.ok(policy.retriesFailure(failure), `${retry_on} ${failure}`);
			assert.equal(policy.retriesFailure("overflow"), false);
		}
		const before = policyOf({ retry_on: "reset-before-request" });
		assert.equal(before.retriesFailure("reset-before-request"), true);
		assert.equal(before.retriesFailure("reset"), false);
	});

	test("back-off doubles from its base to its maximum and is jittered from zero", () => {
		const policy = policyOf({ retry_on: "5xx" });
		assert.deepEqual(
			[1, 2, 3, 4, 5, 9].map((n) => policy.backoffMs(n, 1)),
			[25, 50, 100, 200, 250, 250],
		);
		assert.equal(policy.backoffMs(3, 0.5), 50);
		const own = policyOf({ retry_on: "5xx", retry_back_off: { base_interval: "0.1s", max_interval: "0.15s" } });
		assert.deepEqual([own.backoffMs(1, 1), own.backoffMs(2, 1)], [100, 150]);
	});

	test("defaults, and the virtual host's policy where the route has none", () => {
		const policy = policyOf({ retry_on: "5xx", per_try_timeout: "0.25s" });
		assert.deepEqual([policy.maxRetries, policy.perTryTimeoutMs, policy.avoidPreviousHosts], [1, 250, false]);
		const inherited = forwardOf({}, { retry_policy: { retry_on: "5xx", num_retries: 7 } });
		assert.equal(inherited.retryPolicy?.maxRetries, 7);
		const own = forwardOf({ retry_policy: { retry_on: "5xx" } }, { retry_policy: { retry_on: "5xx", num_retries: 7 } });
		assert.equal(own.retryPolicy?.maxRetries, 1);
		assert.equal(forwardOf({}).retryPolicy, undefined);
	});
});
