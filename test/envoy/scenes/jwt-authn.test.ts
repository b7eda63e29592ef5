import type { JsonObject } from "@bufbuild/protobuf";
import { base64url, type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";
import { any, cluster, hcm, httpFilter, listener, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import { type Case, get, scene } from "../harness/scene.ts";
import { http1 } from "../harness/upstream.ts";

const JWT = "envoy.filters.http.jwt_authn";
const NOW_S = Math.floor(Date.now() / 1000);
const [rsa, ec, ed, stranger] = await Promise.all(
	["RS256", "ES256", "EdDSA", "RS256"].map((alg) => generateKeyPair(alg, { extractable: true })),
);
const secret = new TextEncoder().encode("0123456789abcdef".repeat(2));
const KEYS = JSON.stringify({
	keys: [
		{ ...(await exportJWK(rsa!.publicKey)), kid: "rsa", alg: "RS256" },
		{ ...(await exportJWK(ec!.publicKey)), kid: "ec" },
		{ ...(await exportJWK(ed!.publicKey)), kid: "ed", alg: "EdDSA" },
		{ kty: "oct", k: base64url.encode(secret), kid: "oct", alg: "HS256" },
	],
});

const CLAIMS = {
	iss: "https://a.example",
	sub: "me",
	aud: "api",
	exp: NOW_S + 3600,
	groups: ["x", "y"],
	n: 3,
	half: 1.5,
	yes: true,
	nested: { a: { b: "deep" } },
	scope: " read  write ",
	"a.b": "dotted",
	empty: "",
};
interface Signer {
	readonly key?: CryptoKey | Uint8Array;
	readonly alg?: string;
	readonly kid?: string;
}
const sign = (claims: object, { key = rsa!.privateKey, alg = "RS256", kid = "rsa" }: Signer = {}) =>
	new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ alg, ...(kid !== "" && { kid }) }).sign(key);
const encode = (value: unknown) => base64url.encode(typeof value === "string" ? value : JSON.stringify(value));

const GOOD = await sign({});
const [HEADER, , SIGNATURE] = GOOD.split(".");
const FORGED = `${HEADER}.${encode({ ...CLAIMS, sub: "evil" })}.${SIGNATURE}`;
const OF_B = await sign({ iss: "https://b.example" });
/** A token that does not get as far as its signature. */
const unsigned = (payload: unknown, header: unknown = { alg: "RS256" }) => `${encode(header)}.${encode(payload)}.cccc`;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const local = (more: JsonObject = {}): JsonObject => ({
	issuer: "https://a.example",
	local_jwks: { inline_string: KEYS },
	...more,
});
const remote = (path: string): JsonObject => ({
	issuer: "https://a.example",
	remote_jwks: {
		http_uri: { uri: `http://keys.example${path}`, cluster: "keys", timeout: "0.3s" },
		cache_duration: "300s",
	},
});
const PROVIDERS: Record<string, JsonObject> = {
	full: local({
		audiences: ["api", "https://svc/"],
		payload_in_metadata: "payload",
		header_in_metadata: "header",
		failed_status_in_metadata: "failed",
		normalize_payload_in_metadata: { space_delimited_claims: ["scope"] },
		forward_payload_header: "x-payload",
		claim_to_headers: [
			...["sub", "n", "half", "yes", "groups", "nested.a.b", "nested", "empty", "gone"].map((claim_name) => ({
				header_name: `x-${claim_name.replaceAll(".", "-")}`,
				claim_name,
			})),
			{ header_name: "x-dotted", claim_path: [{ key: "a.b" }] },
		],
	}),
	places: local({
		forward: true,
		forward_payload_header: "x-payload",
		pad_forward_payload_header: true,
		from_headers: [{ name: "x-tok", value_prefix: "T " }],
		from_params: ["tok"],
		from_cookies: ["ck"],
	}),
	remote: remote("/jwks"),
	"remote-fails": remote("/gone"),
	"remote-bad": remote("/bad"),
	expires: local({ require_expiration: true }),
	short: local({ max_lifetime: "100s" }),
	subject: local({ subjects: { prefix: "spiffe:" } }),
	skewed: local({ clock_skew_seconds: 1000 }),
	cached: local({ jwt_cache_config: { jwt_cache_size: 10 } }),
	b: { issuer: "https://b.example", local_jwks: { inline_string: KEYS }, from_params: ["b"] },
};
const need = (provider_name: string): JsonObject => ({ provider_name });
const anyOf = (...requirements: JsonObject[]): JsonObject => ({ requires_any: { requirements } });
const allOf = (...requirements: JsonObject[]): JsonObject => ({ requires_all: { requirements } });
const MISSING = { allow_missing: {} };
/** As Istio asks for several providers, none of which must be there. */
const ISTIO = anyOf(need("full"), need("b"), allOf(anyOf(need("full"), MISSING), anyOf(need("b"), MISSING)));
const RULES: JsonObject[] = [
	...Object.keys(PROVIDERS).map((name) => ({ match: { prefix: `/${name}/` }, requires: need(name) })),
	{ match: { prefix: "/open" } },
	{ match: { path: "/path" }, requires: need("full") },
	{ match: { safe_regex: { regex: "/regex/.*" } }, requires: need("full") },
	{ match: { prefix: "/header", headers: [{ name: "x", present_match: true }] }, requires: need("full") },
	{ match: { prefix: "/named" }, requirement_name: "need" },
	{ match: { prefix: "/audience" }, requires: { provider_and_audiences: { provider_name: "full", audiences: ["z"] } } },
	{ match: { prefix: "/any" }, requires: anyOf(need("b"), need("full")) },
	{ match: { prefix: "/all" }, requires: allOf(need("b"), need("full")) },
	{ match: { prefix: "/optional" }, requires: anyOf(need("full"), MISSING) },
	{ match: { prefix: "/lenient" }, requires: anyOf(need("full"), { allow_missing_or_failed: {} }) },
	{ match: { prefix: "/istio" }, requires: ISTIO },
];
const own = (config: JsonObject) => ({
	typed_per_filter_config: { [JWT]: any("http.jwt_authn.v3.PerRouteConfig", config) },
});
const ROUTES: JsonObject[] = [
	to("echo", "/route/off", {}, own({ disabled: true })),
	to("echo", "/route/need", {}, own({ requirement_name: "need" })),
	to("echo", "/route/unknown", {}, own({ requirement_name: "unknown" })),
	to("echo"),
];

const LOG = {
	code: "%RESPONSE_CODE%",
	details: "%RESPONSE_CODE_DETAILS%",
	flags: "%RESPONSE_FLAGS%",
	jwt: `%DYNAMIC_METADATA(${JWT})%`,
};
const manager = (config: JsonObject) =>
	hcm({
		routes: ROUTES,
		filters: [httpFilter("jwt_authn", "http.jwt_authn.v3.JwtAuthentication", config)],
		more: { access_log: [stdoutLog({ json_format: LOG })] },
	});

const counted = { counters: [/http\.in\.jwt_authn\..*/] };
const wrong = (name: string, token: string): Case => get(name, "/full/", bearer(token), counted);
const keysAnswer = { keys: [{ body: KEYS }] };

scene("jwt_authn", {
	upstreams: { echo: http1(), keys: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [
					manager({
						providers: PROVIDERS,
						rules: RULES,
						requirement_map: { need: need("full") },
						bypass_cors_preflight: true,
					}),
				]),
				listener("one", [
					manager({
						providers: { only: local({ payload_in_metadata: "payload", failed_status_in_metadata: "failed" }) },
						rules: [
							{ match: { prefix: "/missing" }, requires: MISSING },
							{ match: { prefix: "/failed" }, requires: { allow_missing_or_failed: {} } },
							{ match: { prefix: "/extract" }, requires: { extract_only_without_validation: {} } },
							{ match: { prefix: "/" }, requires: need("only") },
						],
						strip_failure_response: true,
						stat_prefix: "sp",
					}),
				]),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("keys", [at.port("keys")])],
		},
	}),
	cases: [
		get("no token", "/full/x?y=1", {}, counted),
		get("a good token, with what it says", "/full/", bearer(GOOD), counted),
		get("headers of the client that the filter owns", "/full/", { ...bearer(GOOD), "x-sub": "a", "x-gone": "b" }),
		get("a token in the query", `/full/?access_token=${GOOD}&z=1`),
		{ ...get("beside it an escaped blank", `/full/?access_token=${GOOD}&z=b%20c`), differs: "query-escapes" },
		get("another scheme", "/full/", { authorization: `Basic ${GOOD}` }),
		get("the scheme in lower case", "/full/", { authorization: `bearer ${GOOD}` }),
		get("two blanks", "/full/", { authorization: `Bearer  ${GOOD}` }),
		get("something in front", "/full/", { authorization: `x Bearer ${GOOD}` }),
		{
			name: "two credentials",
			send: {
				path: "/full/",
				headers: [
					["Authorization", `Bearer ${GOOD}`],
					["Authorization", `Bearer ${FORGED}`],
				],
			},
		},
		get("a good and a bad one", "/full/?access_token=x.y.z", bearer(GOOD)),
		{ name: "with a body", send: { method: "POST", path: "/full/", headers: bearer(GOOD), body: "abc" } },
		{ name: "denied with a body", send: { method: "POST", path: "/full/", body: "abc" } },
		get("a gRPC client", "/full/", { "content-type": "application/grpc" }),
		wrong("a forged payload", FORGED),
		wrong("no sections", "abc"),
		wrong("an empty section", "a..b"),
		wrong("a header that is no base64url", "!!.e30.cccc"),
		wrong("a header that is no JSON", `${encode("{")}.e30.cccc`),
		wrong("no algorithm", unsigned({}, {})),
		wrong("no algorithm at all", unsigned({}, { alg: "none" })),
		wrong("a key id that is no text", unsigned({}, { alg: "RS256", kid: 1 })),
		wrong("a payload that is no base64url", `${HEADER}.!!.cccc`),
		wrong("a payload that is a list", unsigned([])),
		wrong("an issuer that is no text", unsigned({ iss: 1 })),
		wrong("a time that is no number", unsigned({ nbf: "x" })),
		wrong("a time before time", unsigned({ exp: -1 })),
		wrong("an audience that is no text", unsigned({ aud: 1 })),
		wrong("a signature that is no base64url", `${HEADER}.${encode(CLAIMS)}.!!`),
		wrong("another issuer", OF_B),
		wrong("expired", await sign({ exp: NOW_S - 3600 })),
		wrong("expired just now", await sign({ exp: NOW_S - 20 })),
		wrong("not yet valid", await sign({ nbf: NOW_S + 3600 })),
		wrong("another audience", await sign({ aud: "x" })),
		wrong("one of the audiences", await sign({ aud: ["x", "http://api/"] })),
		wrong("no audience", await sign({ aud: undefined })),
		wrong("ES256", await sign({}, { key: ec!.privateKey, alg: "ES256", kid: "ec" })),
		wrong("EdDSA", await sign({}, { key: ed!.privateKey, alg: "EdDSA", kid: "ed" })),
		wrong("HS256", await sign({}, { key: secret, alg: "HS256", kid: "oct" })),
		wrong("no key id", await sign({}, { kid: "" })),
		wrong("another key id", await sign({}, { kid: "z" })),
		wrong("the key of another algorithm", await sign({}, { key: ec!.privateKey, alg: "ES256", kid: "rsa" })),
		wrong("a stranger's key", await sign({}, { key: stranger!.privateKey })),
		{
			name: "a preflight passes",
			send: { method: "OPTIONS", path: "/full/", headers: { origin: "o", "access-control-request-method": "GET" } },
			...counted,
		},
		get("a named header", "/places/", { "x-tok": `T ${GOOD}` }),
		get("without its prefix", "/places/", { "x-tok": GOOD }),
		get("a parameter", `/places/?tok=${GOOD}`),
		get("a cookie", "/places/", { cookie: `z=1; ck=${GOOD}` }),
		get("not in the usual place", "/places/", bearer(GOOD)),
		get("keys from elsewhere", "/remote/", bearer(GOOD), { ...counted, answers: keysAnswer }),
		get("which are kept", "/remote/", bearer(GOOD), counted),
		get("and tell forged tokens", "/remote/", bearer(FORGED), counted),
		get("keys that are not there", "/remote-fails/", bearer(GOOD), {
			...counted,
			answers: { keys: [{ status: 500 }] },
		}),
		get("keys that are none", "/remote-bad/", bearer(GOOD), { ...counted, answers: { keys: [{ body: "{}" }] } }),
		get("an expiry that must be there", "/expires/", bearer(await sign({ exp: undefined }))),
		get("a life that is too long", "/short/", bearer(GOOD)),
		get("a short life", "/short/", bearer(await sign({ exp: NOW_S + 60 }))),
		get("another subject", "/subject/", bearer(GOOD)),
		get("a subject", "/subject/", bearer(await sign({ sub: "spiffe://x" }))),
		get("a clock that differs", "/skewed/", bearer(await sign({ exp: NOW_S - 500 }))),
		{ name: "a cache", send: [1, 2].map(() => ({ path: "/cached/", headers: bearer(GOOD) })), ...counted },
		get("a rule without requirement", "/open", {}, counted),
		get("no rule", "/else", {}, counted),
		get("an exact path", "/path?q"),
		get("not the exact path", "/path/x"),
		get("a regex", "/regex/x?q"),
		get("a header", "/header", { x: "1" }),
		get("no header", "/header"),
		get("a named requirement", "/named"),
		get("other audiences", "/audience", bearer(GOOD)),
		get("any, by the second", "/any", bearer(GOOD)),
		get("any, by the first", `/any?b=${OF_B}`),
		get("none of any", "/any"),
		get("the most telling of any", "/any", bearer(FORGED)),
		get("one of all", "/all", bearer(GOOD)),
		get("all", `/all?b=${OF_B}`, bearer(GOOD)),
		get("optional, missing", "/optional"),
		get("optional, forged", "/optional", bearer(FORGED)),
		get("lenient, forged", "/lenient", bearer(FORGED)),
		get("as Istio asks, nothing", "/istio"),
		get("as Istio asks, one", "/istio", bearer(GOOD)),
		get("as Istio asks, forged", "/istio", bearer(FORGED)),
		get("off by route", "/route/off/full/"),
		get("the route's requirement", "/route/need"),
		get("a requirement that is not there", "/route/unknown", {}, counted),
		get("one provider: missing is allowed", "/missing", {}, { to: "one", counters: [/http\.in\.jwt_authn\..*/] }),
		get("one provider: missing is allowed, expired is not", "/missing", bearer(await sign({ exp: 1 })), { to: "one" }),
		get("one provider: failed is allowed", "/failed", bearer(FORGED), { to: "one" }),
		get("one provider: extract, forged", "/extract", bearer(FORGED), { to: "one" }),
		get("one provider: extract, good", "/extract", bearer(GOOD), { to: "one" }),
		get("one provider: no reason is told", "/", bearer(FORGED), { to: "one", counters: [/http\.in\.jwt_authn\..*/] }),
	],
});
