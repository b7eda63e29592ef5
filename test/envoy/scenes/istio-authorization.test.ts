import type { JsonObject } from "@bufbuild/protobuf";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createTestAuthority } from "../../support/certificates.ts";
import { any, cluster, hcm, httpFilter, listener, stdoutLog, to } from "../harness/bootstrap-parts.ts";
import { type Case, scene } from "../harness/scene.ts";
import { type Answer, http1 } from "../harness/upstream.ts";

/** What RequestAuthentication and AuthorizationPolicy become on a workload: CUSTOM, JWT, DENY, ALLOW, in this order. */

const rsa = await generateKeyPair("RS256", { extractable: true });
const KEYS = JSON.stringify({ keys: [{ ...(await exportJWK(rsa.publicKey)), kid: "k" }] });
const EXPIRES_S = Math.floor(Date.now() / 1000) + 3600;
const token = (claims: object) =>
	new SignJWT({ iss: "https://idp", sub: "ann", exp: EXPIRES_S, ...claims })
		.setProtectedHeader({ alg: "RS256", kid: "k" })
		.sign(rsa.privateKey);
const ANN = { authorization: `Bearer ${await token({ groups: ["admin", "dev"], scope: "read write" })}` };
const BOB = { authorization: `Bearer ${await token({ sub: "bob", groups: "dev" })}` };
const FORGED = { authorization: `${ANN.authorization.slice(0, -8)}AAAAAAAA` };

const ca = await createTestAuthority("CN=mesh-ca");
const identity = (name: string) =>
	ca.issue({ subject: "", sans: [`spiffe://cluster.local/ns/${name.replace("/", "/sa/")}`] });
const [server, productpage, stranger] = await Promise.all(
	["default/details", "default/productpage", "other/x"].map(identity),
);

const ANY = { any: true };
const and = (...rules: JsonObject[]): JsonObject => ({ and_rules: { rules } });
const or = (...rules: JsonObject[]): JsonObject => ({ or_rules: { rules } });
const andIds = (...ids: JsonObject[]): JsonObject => ({ and_ids: { ids } });
const orIds = (...ids: JsonObject[]): JsonObject => ({ or_ids: { ids } });
const method = (exact: string): JsonObject => ({ header: { name: ":method", string_match: { exact } } });
const path = (match: JsonObject): JsonObject => ({ url_path: { path: match } });
const host = (exact: string): JsonObject => ({
	header: { name: ":authority", string_match: { exact, ignore_case: true } },
});
const principal = (match: JsonObject): JsonObject => ({ authenticated: { principal_name: match } });
const claim = (keys: string[], value: JsonObject): JsonObject => ({
	metadata: {
		filter: "envoy.filters.http.jwt_authn",
		path: ["payload", ...keys].map((key) => ({ key })),
		value,
	},
});
const text = (exact: string): JsonObject => ({ string_match: { exact } });
const listed = (exact: string): JsonObject => ({ list_match: { one_of: text(exact) } });
const template = (path_template: string): JsonObject => ({
	uri_template: {
		name: "uri-template",
		typed_config: any("envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig", { path_template }),
	},
});

const CUSTOM_RULES: JsonObject = {
	shadow_rules_stat_prefix: "istio_ext_authz_",
	shadow_rules: {
		action: "DENY",
		policies: {
			"istio-ext-authz-ns[default]-policy[custom]-rule[0]": {
				permissions: [and(or(path({ prefix: "/custom" })))],
				principals: [andIds(ANY)],
			},
		},
	},
};
const CUSTOM_CHECK: JsonObject = {
	http_service: {
		server_uri: { uri: "http://authz.default", cluster: "authz", timeout: "0.3s" },
		authorization_response: {
			allowed_upstream_headers: { patterns: [{ exact: "x-ext-authz" }] },
			allowed_client_headers: { patterns: [{ exact: "x-ext-authz" }] },
		},
	},
	filter_enabled_metadata: {
		filter: "envoy.filters.http.rbac",
		path: [{ key: "istio_ext_authz_shadow_effective_policy_id" }],
		value: { string_match: { prefix: "istio-ext-authz" } },
	},
	status_on_error: { code: 403 },
	transport_api_version: "V3",
};
const JWT: JsonObject = {
	providers: {
		"origins-0": {
			issuer: "https://idp",
			local_jwks: { inline_string: KEYS },
			payload_in_metadata: "payload",
			normalize_payload_in_metadata: { space_delimited_claims: ["scope", "permission"] },
			forward: false,
			clear_route_cache: true,
			claim_to_headers: [{ header_name: "x-jwt-sub", claim_name: "sub" }],
		},
	},
	rules: [
		{
			match: { prefix: "/" },
			requires: { requires_any: { requirements: [{ provider_name: "origins-0" }, { allow_missing: {} }] } },
		},
	],
	bypass_cors_preflight: true,
};
const policy = (permission: JsonObject, id: JsonObject = ANY): JsonObject => ({
	permissions: [and(permission)],
	principals: [andIds(id)],
});
const DENY: JsonObject = {
	rules: {
		action: "DENY",
		policies: {
			"ns[default]-policy[deny]-rule[0]": policy(or(path({ exact: "/admin" }), path({ prefix: "/admin/" })), {
				not_id: claim(["groups"], listed("admin")),
			}),
			"ns[default]-policy[deny]-rule[1]": policy(ANY, principal({ prefix: "spiffe://cluster.local/ns/other/" })),
		},
	},
	shadow_rules_stat_prefix: "istio_dry_run_deny_",
	shadow_rules: { action: "DENY", policies: { "ns[default]-policy[dry]-rule[0]": policy(method("DELETE")) } },
};
const ALLOW: JsonObject = {
	rules: {
		action: "ALLOW",
		policies: {
			"ns[default]-policy[allow]-rule[0]": policy(
				and(or(method("GET"), method("HEAD")), or(path({ prefix: "/info" }), path({ prefix: "/custom" }))),
			),
			"ns[default]-policy[allow]-rule[1]": policy(
				ANY,
				andIds(
					orIds(claim(["iss"], text("https://idp"))),
					orIds(claim(["scope"], listed("write")), claim(["groups"], text("dev"))),
				),
			),
			"ns[default]-policy[allow]-rule[2]": policy(
				and(host("HOST.test"), template("/items/*/detail")),
				orIds(principal({ exact: "spiffe://cluster.local/ns/default/sa/productpage" })),
			),
		},
	},
	shadow_rules_stat_prefix: "istio_dry_run_allow_",
};

const LOG = {
	code: "%RESPONSE_CODE%",
	details: "%RESPONSE_CODE_DETAILS%",
	flags: "%RESPONSE_FLAGS%",
	route: "%ROUTE_NAME%",
	rbac: "%DYNAMIC_METADATA(envoy.filters.http.rbac)%",
	subject: "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%",
};
const byClaim: JsonObject = {
	name: "admins",
	match: {
		prefix: "/info",
		dynamic_metadata: [
			{
				filter: "envoy.filters.http.jwt_authn",
				path: ["payload", "groups"].map((key) => ({ key })),
				value: listed("admin"),
			},
		],
	},
	route: { cluster: "echo" },
};
const tls = any("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", {
	require_client_certificate: true,
	common_tls_context: {
		tls_certificates: [
			{ certificate_chain: { inline_string: server!.chainPem }, private_key: { inline_string: server!.keyPem } },
		],
		validation_context: { trusted_ca: { inline_string: ca.certPem } },
	},
});

const counted = { counters: [/http\.in\.(rbac|jwt_authn|ext_authz)\..*/] };
/** Servers of the mesh have no DNS name that a client could check. */
const as = (who: typeof server) => ({ cert: who!.chainPem, key: who!.keyPem });
const ask = (name: string, send: object, who = productpage, answer?: Answer): Case => ({
	name,
	send: { ...send },
	tls: as(who),
	...counted,
	...(answer && { answers: { authz: [answer] } }),
});

scene("Istio's authorization", {
	upstreams: { echo: http1(), authz: http1() },
	bootstrap: (at) => ({
		static_resources: {
			listeners: [
				listener("in", [], {
					filter_chains: [
						{
							filters: [
								hcm({
									routes: [byClaim, to("echo", "/", {}, { name: "default" })],
									filters: [
										httpFilter("rbac", "http.rbac.v3.RBAC", CUSTOM_RULES),
										httpFilter("ext_authz", "http.ext_authz.v3.ExtAuthz", CUSTOM_CHECK),
										httpFilter("jwt_authn", "http.jwt_authn.v3.JwtAuthentication", JWT),
										httpFilter("rbac", "http.rbac.v3.RBAC", DENY),
										httpFilter("rbac", "http.rbac.v3.RBAC", ALLOW),
									],
									more: { access_log: [stdoutLog({ json_format: LOG })] },
								}),
							],
							transport_socket: { name: "envoy.transport_sockets.tls", typed_config: tls },
						},
					],
				}),
			],
			clusters: [cluster("echo", [at.port("echo")]), cluster("authz", [at.port("authz")])],
		},
	}),
	cases: [
		ask("allowed by path", { path: "/info" }),
		ask("not allowed by anything", { path: "/other" }),
		ask("another method", { method: "POST", path: "/info", body: "x" }),
		ask("allowed by a claim that is split", { path: "/other", headers: ANN }),
		ask("allowed by a claim that is a text", { path: "/other", headers: BOB }),
		ask("a forged token", { path: "/info", headers: FORGED }),
		ask("another route by a claim", { path: "/info", headers: ANN }),
		ask("denied without the group", { path: "/admin/x", headers: BOB }),
		ask("not denied with the group", { path: "/admin/x", headers: ANN }),
		ask("denied by namespace", { path: "/info" }, stranger),
		ask("allowed by identity and template", { path: "/items/1/detail?x", headers: { host: "host.TEST" } }),
		ask("not by template", { path: "/items/1/2/detail", headers: { host: "host.test" } }),
		ask("a dry run changes nothing", { method: "DELETE", path: "/other", headers: ANN }),
		ask("CUSTOM lets pass", { path: "/custom" }, productpage, { headers: { "x-ext-authz": "yes" } }),
		ask("CUSTOM denies", { path: "/custom" }, productpage, {
			status: 403,
			headers: { "x-ext-authz": "no" },
			body: "no",
		}),
		ask("CUSTOM fails", { path: "/custom" }, productpage, { status: 500 }),
		ask("CUSTOM lets pass what DENY does not", { path: "/custom" }, stranger, {}),
	],
});
