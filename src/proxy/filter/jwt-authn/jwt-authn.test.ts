import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { ManualClock } from "../../../lib/clock.ts";
import { JwtAuthenticationSchema } from "../../../xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import type { RequestHead } from "../../http/message.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { FakeSideCalls } from "../fake-side-calls.ts";
import { routeWith, type TestDeps, TestStream, testDeps } from "../filter-fixture.ts";
import type { HttpFilter } from "../http-filter.ts";
import { fakeToken } from "./fake-jwt-crypto.ts";
import { jwtAuthnFilter } from "./jwt-authn.ts";

const NAME = "envoy.filters.http.jwt_authn";
const NOW_S = 1_000_000;
const KEYS = JSON.stringify({ keys: [{ kty: "oct", k: "a2V5" }] });
const CLAIMS = { iss: "https://a", sub: "me", aud: "api", exp: NOW_S + 100 };
const GOOD = fakeToken(CLAIMS);
const FORGED = fakeToken(CLAIMS, {}, "b3RoZXI");
const local = (more: JsonObject = {}): JsonObject => ({
	issuer: "https://a",
	local_jwks: { inline_string: KEYS },
	...more,
});
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

interface Run {
	readonly stream: TestStream;
	readonly filter: HttpFilter;
	readonly outcome: string;
	readonly reply: (string | number | undefined)[];
	readonly metadata: unknown;
}

function setUp(config: JsonObject, deps: TestDeps = testDeps({ clock: new ManualClock(NOW_S * 1000) })) {
	const factory = jwtAuthnFilter(deps);
	const filters = factory.parse(fromJson(JwtAuthenticationSchema, config, { registry: xdsRegistry() }), "f", NAME);
	const run = (request: RequestHead, perRoute?: JsonObject, filterState = new Map<string, unknown>()): Run => {
		const route = routeWith(NAME, perRoute && { "@type": factory.routeTypeUrl!, ...perRoute }, factory);
		const stream = new TestStream(request, route, { filterState });
		const filter = filters.create();
		const outcome = filter.decodeHeaders!(stream, true);
		const { status, body, details } = stream.reply ?? {};
		return { stream, filter, outcome, reply: [status, body, details], metadata: stream.info.dynamicMetadata.get(NAME) };
	};
	return { run, deps };
}

/** One provider that everything needs. */
const needing = (provider: JsonObject) =>
	setUp({ providers: { p: provider }, rules: [{ match: { prefix: "/" }, requires: { provider_name: "p" } }] });

describe("one provider", () => {
	test("a good token goes on, without itself, with what it says", () => {
		const { run, deps } = needing(
			local({
				forward_payload_header: "X-Payload",
				payload_in_metadata: "payload",
				header_in_metadata: "header",
				normalize_payload_in_metadata: { space_delimited_claims: ["scope"] },
				claim_to_headers: [
					{ header_name: "x-sub", claim_name: "sub" },
					{ header_name: "x-deep", claim_name: "a.b" },
					{ header_name: "x-list", claim_name: "list" },
					{ header_name: "x-half", claim_name: "half" },
					{ header_name: "x-gone", claim_name: "gone" },
				],
			}),
		);
		const claims = { ...CLAIMS, a: { b: true }, list: ["x"], half: 0.5, scope: "r  w" };
		const headers = { ...bearer(fakeToken(claims)), "x-sub": "spoofed", "x-gone": "spoofed" };
		const { stream, outcome, metadata } = run(testRequest("/", headers));
		assert.equal(outcome, "pass");
		const seen = stream.request.headers;
		assert.deepEqual(
			["authorization", "x-sub", "x-deep", "x-list", "x-half", "x-gone"].map((name) => seen.getJoined(name)),
			[undefined, "me", "true", "WyJ4Il0=", "0.500000", undefined],
		);
		assert.deepEqual(JSON.parse(atob(seen.get("x-payload")!)), claims);
		assert.deepEqual(metadata, { header: { alg: "HS256" }, payload: { ...claims, scope: ["r", "w"] } });
		assert.equal(deps.count("jwt_authn.allowed"), 1);
	});

	test("what is wrong is told to the client and to access logs", () => {
		const { run, deps } = needing(local({ audiences: ["https://api/"], failed_status_in_metadata: "failed" }));
		const token = (claims: object, header?: object) => bearer(fakeToken({ ...CLAIMS, ...claims }, header));
		for (const [headers, status, body] of [
			[{}, 401, "Jwt is missing"],
			[{ authorization: "Basic x" }, 401, "Jwt is missing"],
			[bearer(FORGED), 401, "Jwt verification fails"],
			[bearer("x.y"), 401, "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"],
			[bearer("a.b.c"), 401, "Jwt header is an invalid Base64url encoded"],
			[token({}, { alg: "none" }), 401, "Jwt header [alg] is not supported"],
			[token({ iss: "https://b" }), 401, "Jwt issuer is not configured"],
			[token({ iss: 1 }), 401, "Jwt payload [iss] field is not a string"],
			[token({ exp: NOW_S - 61 }), 401, "Jwt is expired"],
			[token({ nbf: NOW_S + 61 }), 401, "Jwt not yet valid"],
			[token({ exp: -1 }), 401, "Jwt payload [exp] field is not a positive 64 bit integer"],
			[token({ aud: ["x", "y"] }), 403, "Audiences in Jwt are not allowed"],
		] as const) {
			const { reply, stream, outcome } = run(testRequest("/a?b", headers));
			assert.deepEqual(
				[outcome, ...reply],
				["stop", status, body, `jwt_authn_access_denied{${body.replaceAll(" ", "_")}}`],
			);
			const error = body === "Jwt is missing" ? "" : ', error="invalid_token"';
			assert.deepEqual(stream.reply!.headers, [["www-authenticate", `Bearer realm="http://host.example/a?b"${error}`]]);
			const { failed } = stream.info.dynamicMetadata.get(NAME) as { failed: { message: string } };
			assert.equal(failed.message, body);
		}
		assert.equal(deps.count("jwt_authn.denied"), 12);
		assert.equal(run(testRequest("/", token({ exp: NOW_S - 59 }))).outcome, "pass");
	});

	test("limits on who and for how long", () => {
		const outcome = (provider: JsonObject, claims: object) =>
			needing(local(provider)).run(testRequest("/", bearer(fakeToken({ ...CLAIMS, ...claims })))).outcome;
		assert.equal(outcome({ subjects: { prefix: "spiffe:" } }, {}), "stop");
		assert.equal(outcome({ subjects: { prefix: "spiffe:" } }, { sub: "spiffe://a" }), "pass");
		assert.equal(outcome({ require_expiration: true }, { exp: undefined }), "stop");
		assert.equal(outcome({ max_lifetime: "50s" }, {}), "stop");
		assert.equal(outcome({ max_lifetime: "150s" }, {}), "pass");
		assert.equal(outcome({ clock_skew_seconds: 500 }, { exp: NOW_S - 400 }), "pass");
	});

	test("tokens are looked for in named headers, parameters and cookies only", () => {
		const { run } = needing(
			local({ from_headers: [{ name: "X-Tok", value_prefix: "T " }], from_params: ["t"], from_cookies: ["c"] }),
		);
		assert.equal(run(testRequest("/", bearer(GOOD))).outcome, "stop");
		assert.equal(run(testRequest("/", { "x-tok": `T ${GOOD}` })).outcome, "pass");
		assert.equal(run(testRequest("/", { "x-tok": GOOD })).outcome, "stop");
		assert.equal(run(testRequest("/", { cookie: `a=b; c=${GOOD}` })).outcome, "pass");
		const { stream } = run(testRequest(`/p?z=1&t=${GOOD}&a=x%20y`));
		assert.equal(stream.request.path, "/p?a=x%20y&z=1");
	});

	test("all tokens of a request must be good", () => {
		const { run } = needing(local());
		assert.equal(run(testRequest(`/?access_token=${FORGED}`, bearer(GOOD))).outcome, "stop");
		assert.equal(run(testRequest(`/?access_token=${GOOD}`, bearer(GOOD))).outcome, "pass");
	});

	test("a token that was verified once is not verified again, but its time is checked", () => {
		const { run, deps } = needing(local({ jwt_cache_config: {} }));
		assert.equal(run(testRequest("/", bearer(GOOD))).outcome, "pass");
		assert.equal(run(testRequest("/", bearer(GOOD))).outcome, "pass");
		assert.deepEqual([deps.count("jwt_authn.jwt_cache_hit"), deps.count("jwt_authn.jwt_cache_miss")], [1, 1]);
		deps.clock.advance(200_000);
		assert.equal(run(testRequest("/", bearer(GOOD))).reply[1], "Jwt is expired");
	});

	test("the route is looked up anew when the config asks for it", () => {
		const config = local({ clear_route_cache: true, payload_in_metadata: "p" });
		assert.equal(needing(config).run(testRequest("/", bearer(GOOD))).stream.routeCleared, 1);
		assert.equal(needing(local()).run(testRequest("/", bearer(GOOD))).stream.routeCleared, 0);
	});
});

describe("requirements", () => {
	const providers = {
		a: local(),
		b: { issuer: "https://b", local_jwks: { inline_string: KEYS }, from_params: ["b"] },
	};
	const OF_B = fakeToken({ iss: "https://b" });
	const reason = (requires: JsonObject, path: string, headers: Record<string, string> = {}) => {
		const { run } = setUp({ providers, rules: [{ match: { prefix: "/" }, requires }] });
		const { outcome, reply } = run(testRequest(path, headers));
		return outcome === "pass" ? "ok" : reply[1];
	};
	const any = (...requirements: JsonObject[]) => ({ requires_any: { requirements } });
	const all = (...requirements: JsonObject[]) => ({ requires_all: { requirements } });
	const [a, b, missing] = [{ provider_name: "a" }, { provider_name: "b" }, { allow_missing: {} }];

	test("any: one good token is enough; otherwise the most telling reason", () => {
		assert.equal(reason(any(a, b), `/?b=${OF_B}`), "ok");
		assert.equal(reason(any(b, a), "/", bearer(GOOD)), "ok");
		assert.equal(reason(any(a, b), "/"), "Jwt is missing");
		assert.equal(reason(any(a, b), "/", bearer(FORGED)), "Jwt verification fails");
		assert.equal(reason(any(a, b), `/?b=${GOOD}`), "Jwt issuer is not configured");
	});

	test("all: every provider has its token", () => {
		assert.equal(reason(all(a, b), `/?b=${OF_B}`, bearer(GOOD)), "ok");
		assert.equal(reason(all(a, b), "/", bearer(GOOD)), "Jwt is missing");
	});

	test("missing tokens may be allowed, wrong ones too", () => {
		assert.equal(reason(any(a, missing), "/"), "ok");
		assert.equal(reason(any(a, missing), "/", bearer(FORGED)), "Jwt verification fails");
		assert.equal(reason(missing, "/"), "ok");
		assert.equal(reason(missing, "/", bearer(FORGED)), "Jwt verification fails");
		assert.equal(reason({ allow_missing_or_failed: {} }, "/", bearer(FORGED)), "ok");
		assert.equal(reason(any(a, { allow_missing_or_failed: {} }), "/", bearer("x")), "ok");
	});

	test("audiences of the requirement take the place of the provider's", () => {
		const requires = { provider_and_audiences: { provider_name: "a", audiences: ["other"] } };
		assert.equal(reason(requires, "/", bearer(GOOD)), "Audiences in Jwt are not allowed");
	});

	test("extraction without validation marks what was not verified", () => {
		const config = {
			providers,
			rules: [{ match: { prefix: "/" }, requires: { extract_only_without_validation: {} } }],
		};
		const { stream, outcome } = setUp(config).run(testRequest("/", bearer(FORGED)));
		assert.deepEqual([outcome, stream.request.headers.get("x-jwt-signature-verified")], ["pass", "false"]);
	});
});

describe("which requirement", () => {
	const config: JsonObject = {
		providers: { p: local() },
		requirement_map: { need: { provider_name: "p" } },
		rules: [
			{ match: { path: "/open" } },
			{ match: { prefix: "/named" }, requirement_name: "need" },
			{ match: { prefix: "/h", headers: [{ name: "x", present_match: true }] }, requirement_name: "need" },
		],
		filter_state_rules: { name: "state", requires: { strict: { provider_name: "p" } } },
		bypass_cors_preflight: true,
	};
	const { run, deps } = setUp(config);

	test("the first rule that matches; none: nothing is asked", () => {
		assert.equal(run(testRequest("/open?x")).outcome, "pass");
		assert.equal(run(testRequest("/named")).outcome, "stop");
		assert.equal(run(testRequest("/h")).outcome, "pass");
		assert.equal(run(testRequest("/h", { x: "1" })).outcome, "stop");
		assert.equal(run(testRequest("/else")).outcome, "pass");
	});

	test("the route's own word", () => {
		assert.equal(run(testRequest("/named"), { disabled: true }).outcome, "pass");
		assert.equal(run(testRequest("/open"), { requirement_name: "need" }).reply[1], "Jwt is missing");
		assert.deepEqual(run(testRequest("/open"), { requirement_name: "x" }).reply, [
			403,
			"Failed JWT authentication: Wrong requirement_name: x. It should be one of [need]",
			"jwt_authn_access_denied{Wrong_requirement_name:_x._It_should_be_one_of_[need]}",
		]);
	});

	test("filter state, when no rule matches", () => {
		assert.equal(run(testRequest("/else"), undefined, new Map([["state", "strict"]])).outcome, "stop");
		assert.equal(run(testRequest("/else"), undefined, new Map([["state", "other"]])).outcome, "pass");
	});

	test("preflights pass", () => {
		const headers = { origin: "https://o", "access-control-request-method": "GET" };
		assert.equal(run(testRequest("/named", headers, { method: "OPTIONS" })).outcome, "pass");
		assert.equal(deps.count("jwt_authn.cors_preflight_bypassed"), 1);
	});
});

describe("remote keys", () => {
	const remote = (more: JsonObject = {}): JsonObject => ({
		issuer: "https://a",
		remote_jwks: {
			http_uri: { uri: "https://idp.example:8443/keys?x=1", cluster: "idp", timeout: "2s" },
			cache_duration: "300s",
			...more,
		},
	});
	const prepare = (provider: JsonObject) => {
		const sideCalls = new FakeSideCalls();
		const clock = new ManualClock(NOW_S * 1000);
		const rules = [{ match: { prefix: "/" }, requires: { provider_name: "p" } }];
		const { run, deps } = setUp({ providers: { p: provider }, rules }, testDeps({ clock, sideCalls }));
		return { run, deps, sideCalls, clock };
	};

	test("are fetched once for all who wait, and kept", () => {
		const { run, deps, sideCalls, clock } = prepare(remote());
		const [first, second] = [run(testRequest("/", bearer(GOOD))), run(testRequest("/", bearer(FORGED)))];
		assert.deepEqual([first.outcome, second.outcome, sideCalls.requests.length], ["stop", "stop", 1]);
		const { cluster, authority, path, timeoutMs } = sideCalls.requests[0]!;
		assert.deepEqual([cluster, authority, path, timeoutMs], ["idp", "idp.example:8443", "/keys?x=1", 2000]);
		sideCalls.answerText(200, KEYS);
		assert.deepEqual([first.stream.continued, second.stream.reply?.status], [1, 401]);
		assert.equal(run(testRequest("/", bearer(GOOD))).outcome, "pass");
		clock.advance(300_000);
		assert.equal(run(testRequest("/", bearer(fakeToken({ ...CLAIMS, exp: NOW_S + 999 })))).outcome, "stop");
		assert.equal(sideCalls.requests.length, 2);
		assert.equal(deps.count("jwt_authn.jwks_fetch_success"), 1);
	});

	test("that cannot be had fail the token; a token-less request is not held up", () => {
		const { run, deps, sideCalls } = prepare(remote());
		assert.equal(run(testRequest("/")).reply[1], "Jwt is missing");
		for (const answer of [503, 200] as const) {
			const { stream } = run(testRequest("/", bearer(GOOD)));
			sideCalls.answerText(answer, "{}");
			assert.equal(stream.reply?.body, "Jwks remote fetch is failed");
		}
		assert.equal(deps.count("jwt_authn.jwks_fetch_failed"), 2);
	});

	test("are asked for again as often as the retry policy says", () => {
		const { run, sideCalls, clock } = prepare(remote({ retry_policy: { num_retries: 1 } }));
		const { stream } = run(testRequest("/", bearer(GOOD)));
		sideCalls.answerText(503, "");
		clock.advance(1_000);
		sideCalls.answerText(200, KEYS);
		assert.equal(stream.continued, 1);
	});

	test("a stream that ended is not continued", () => {
		const { run, sideCalls } = prepare(remote());
		const { stream, filter } = run(testRequest("/", bearer(GOOD)));
		filter.onStreamEnd!(stream);
		sideCalls.answerText(200, KEYS);
		assert.deepEqual([stream.continued, stream.reply], [0, undefined]);
	});

	test("fetched ahead, the old set serves until the new one is there", () => {
		const { run, sideCalls, clock } = prepare(remote({ async_fetch: {} }));
		clock.advance(0);
		sideCalls.answerText(200, KEYS);
		const lasting = bearer(fakeToken({ ...CLAIMS, exp: NOW_S + 9999 }));
		assert.equal(run(testRequest("/", lasting)).outcome, "pass");
		clock.advance(296_000);
		assert.equal(run(testRequest("/", lasting)).outcome, "pass");
		assert.equal(sideCalls.requests.length, 2);
	});
});

test("what is wrong in a config is told with its path", () => {
	const config: JsonObject = {
		providers: {
			none: { issuer: "x" },
			bad: local({ local_jwks: { inline_string: '{"keys":[]}' } }),
			uri: { remote_jwks: { http_uri: { uri: "keys", cluster: "c", timeout: "1s" } } },
			claim: local({ claim_to_headers: [{ header_name: "x" }] }),
		},
		rules: [{ match: { prefix: "/" }, requires: { provider_name: "gone" } }, { requirement_name: "gone" }],
	};
	assert.throws(
		() => setUp(config),
		(error: Error) => {
			for (const part of [
				"f.providers[none]:",
				"f.providers[bad].local_jwks: the key set is invalid: Jwks doesn't have any valid public key",
				"f.providers[uri].remote_jwks.http_uri.uri:",
				"f.providers[claim].claim_to_headers[0].claim_name:",
				"f.rules[0].requires.provider_name:",
				"f.rules[1].match:",
				"f.rules[1].requirement_name:",
			])
				assert.ok(error.message.includes(part), `${part} in ${error.message}`);
			return true;
		},
	);
});
