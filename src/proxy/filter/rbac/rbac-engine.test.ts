import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { fieldPath } from "../../../lib/field-path.ts";
import { RBACSchema } from "../../../xds/generated/envoy/config/rbac/v3/rbac_pb.ts";
import { MatcherSchema } from "../../../xds/generated/xds/type/matcher/v3/matcher_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { ProblemList } from "../../router/problem-list.ts";
import { testInfo, testRequest } from "../../router/route-fixture.ts";
import { compileRbac, compileRbacMatcher } from "./rbac-engine.ts";
import { testConnection, testTls } from "./rbac-fixture.ts";
import type { RbacSubject } from "./rbac-subject.ts";

const ANY = { any: true };

function engineOf(json: JsonObject, layer: "http" | "network" = "http") {
	const problems = new ProblemList();
	const rbac = compileRbac(fromJson(RBACSchema, json, { registry: xdsRegistry() }), fieldPath("r"), {
		problems,
		layer,
	});
	problems.throwIfAny();
	return rbac;
}

function subject(path = "/", headers: Record<string, string> = {}, connection = testConnection()): RbacSubject {
	const info = testInfo({ connection, downstreamRemoteAddress: "192.168.7.7:0" });
	return { info, request: testRequest(path, headers), route: () => ({ metadata: { r: { k: "v" } } }) };
}

/** Whether one permission, or one principal, matches. */
function permits(permission: JsonObject, who = subject()): boolean {
	return engineOf({ policies: { p: { permissions: [permission], principals: [ANY] } } }).decide(who).allowed;
}
function identifies(principal: JsonObject, who = subject()): boolean {
	return engineOf({ policies: { p: { permissions: [ANY], principals: [principal] } } }).decide(who).allowed;
}

describe("decisions", () => {
	const policies = {
		b: { permissions: [ANY], principals: [ANY] },
		a: { permissions: [{ url_path: { path: { exact: "/a" } } }], principals: [ANY] },
	};

	test("policies are tried in the order of their names", () => {
		const allow = engineOf({ action: "ALLOW", policies });
		assert.deepEqual(allow.decide(subject("/a")), { allowed: true, policy: "a", log: undefined });
		assert.deepEqual(allow.decide(subject("/x")), { allowed: true, policy: "b", log: undefined });
	});

	test("ALLOW without a match denies, DENY lets through, LOG lets everything through and says what matched", () => {
		const only = { a: policies.a };
		const outcome = (action: string, path: string) => engineOf({ action, policies: only }).decide(subject(path));
		assert.deepEqual(outcome("ALLOW", "/x"), { allowed: false, policy: undefined, log: undefined });
		assert.deepEqual(outcome("DENY", "/x"), { allowed: true, policy: undefined, log: undefined });
		assert.deepEqual(outcome("DENY", "/a"), { allowed: false, policy: "a", log: undefined });
		assert.deepEqual(outcome("LOG", "/x"), { allowed: true, policy: undefined, log: false });
		assert.deepEqual(outcome("LOG", "/a"), { allowed: true, policy: "a", log: true });
		assert.equal(engineOf({}).decide(subject()).allowed, false);
	});
});

describe("permissions", () => {
	test("request", () => {
		assert.ok(permits({ url_path: { path: { prefix: "/a" } } }, subject("/a?b#c")));
		assert.ok(!permits({ url_path: { path: { exact: "/a?b" } } }, subject("/a?b")));
		assert.ok(permits({ header: { name: ":method", string_match: { exact: "GET" } } }));
		assert.ok(permits({ header: { name: "x", present_match: false } }));
		assert.ok(permits({ not_rule: { header: { name: "x", present_match: true } } }));
		assert.ok(permits({ and_rules: { rules: [ANY, ANY] } }));
		assert.ok(!permits({ and_rules: { rules: [ANY, { not_rule: ANY }] } }));
		assert.ok(permits({ or_rules: { rules: [{ not_rule: ANY }, ANY] } }));
		const typed_config = {
			"@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
			path_template: "/a/*",
		};
		assert.ok(permits({ uri_template: { name: "t", typed_config } }, subject("/a/b?c")));
	});

	test("connection", () => {
		const here = subject("/", {}, testConnection({ requestedServerName: "a.example" }));
		assert.ok(permits({ destination_port: 8080 }));
		assert.ok(!permits({ destination_port: 80 }));
		assert.ok(permits({ destination_port_range: { start: 8080, end: 8081 } }));
		assert.ok(!permits({ destination_port_range: { start: 8000, end: 8080 } }));
		assert.ok(permits({ destination_ip: { address_prefix: "10.0.0.0", prefix_len: 8 } }));
		assert.ok(!permits({ destination_ip: { address_prefix: "::", prefix_len: 0 } }));
		assert.ok(permits({ requested_server_name: { suffix: ".example" } }, here));
		assert.ok(permits({ requested_server_name: { exact: "" } }));
	});

	test("metadata", () => {
		const claim = { filter: "jwt", path: [{ key: "iss" }], value: { string_match: { exact: "me" } } };
		const who = subject();
		who.info.dynamicMetadata.set("jwt", { iss: "me" });
		assert.ok(permits({ metadata: claim }, who));
		assert.ok(!permits({ metadata: claim }));
		const ofRoute = { filter: "r", path: [{ key: "k" }], value: { string_match: { exact: "v" } } };
		assert.ok(permits({ sourced_metadata: { metadata_matcher: ofRoute, metadata_source: "ROUTE" } }));
		assert.ok(!permits({ sourced_metadata: { metadata_matcher: ofRoute } }));
	});
});

describe("principals", () => {
	test("addresses: the peer, what the PROXY protocol said, what x-forwarded-for says", () => {
		const who = subject("/", {}, testConnection({ remoteIp: "10.0.0.9", sourceIp: "172.16.0.5" }));
		const is = (kind: string, ip: string) => identifies({ [kind]: { address_prefix: ip, prefix_len: 32 } }, who);
		assert.ok(is("direct_remote_ip", "10.0.0.9"));
		assert.ok(is("source_ip", "172.16.0.5"));
		assert.ok(is("remote_ip", "192.168.7.7"));
		assert.ok(!is("remote_ip", "10.0.0.9"));
	});

	test("certificates: URI names, then DNS names, then the subject", () => {
		const spiffe = "spiffe://cluster.local/ns/a/sa/b";
		const withPeer = (peer: object | undefined) => subject("/", {}, testConnection({ tls: testTls(peer) }));
		const named = (exact: string) => ({ authenticated: { principal_name: { exact } } });
		const who = withPeer({ uriSans: [spiffe], dnsSans: ["a.example"], subject: "CN=a" });
		for (const name of [spiffe, "a.example", "CN=a"]) assert.ok(identifies(named(name), who), name);
		assert.ok(!identifies(named("other"), who));
		assert.ok(!identifies({ authenticated: {} }));
		assert.ok(identifies({ authenticated: {} }, withPeer(undefined)));
		assert.ok(!identifies(named(spiffe), withPeer(undefined)));
	});

	test("certificates that were verified", () => {
		const type = "type.googleapis.com/envoy.extensions.rbac.principals.mtls_authenticated.v3.Config";
		const custom = (config: JsonObject) => ({ custom: { name: "m", typed_config: { "@type": type, ...config } } });
		const who = (validated: boolean) => {
			const tls = testTls({ dnsSans: ["a.example"] }, { peerValidated: validated });
			return subject("/", {}, testConnection({ tls }));
		};
		const dns = custom({ san_matcher: { san_type: "DNS", matcher: { suffix: ".example" } } });
		assert.ok(identifies(dns, who(true)));
		assert.ok(!identifies(dns, who(false)));
		assert.ok(!identifies(custom({ san_matcher: { san_type: "URI", matcher: { prefix: "" } } }), who(true)));
		assert.ok(identifies(custom({ any_validated_client_certificate: true }), who(true)));
		assert.ok(!identifies(custom({ any_validated_client_certificate: true }), who(false)));
	});

	test("filter state, of the stream or of its connection", () => {
		const state = { filter_state: { key: "io.istio.peer_principal", string_match: { prefix: "spiffe://" } } };
		const connection = testConnection();
		connection.filterState.set("io.istio.peer_principal", "spiffe://x");
		assert.ok(identifies(state, subject("/", {}, connection)));
		assert.ok(!identifies(state));
		const who = subject();
		who.info.filterState.set("ip", "10.1.2.3");
		const ranges = [{ address_prefix: "10.0.0.0", prefix_len: 8 }];
		assert.ok(identifies({ filter_state: { key: "ip", address_match: { ranges } } }, who));
		assert.ok(!identifies({ filter_state: { key: "ip", address_match: { ranges, invert_match: true } } }, who));
	});
});

describe("a connection alone", () => {
	const alone: RbacSubject = { info: testInfo({ connection: testConnection() }) };

	test("nothing of a request matches", () => {
		const policies = { p: { permissions: [{ url_path: { path: { prefix: "/" } } }], principals: [ANY] } };
		assert.equal(engineOf({ policies }, "network").decide(alone).allowed, false);
	});

	test("header rules are refused", () => {
		const policies = { p: { permissions: [ANY], principals: [{ header: { name: "x", present_match: true } }] } };
		assert.throws(() => engineOf({ policies }, "network"), /r\.policies\[p\]\.principals\[0\]\.header/);
	});
});

describe("the matcher form", () => {
	const input = (name: string) => ({
		name: "i",
		typed_config: {
			"@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
			header_name: name,
		},
	});
	const action = (name: string, act: string) => ({
		action: { name, typed_config: { "@type": "type.googleapis.com/envoy.config.rbac.v3.Action", name, action: act } },
	});
	const decide = (json: JsonObject, who: RbacSubject) => {
		const problems = new ProblemList();
		const message = fromJson(MatcherSchema, json, { registry: xdsRegistry() });
		const engine = compileRbacMatcher(message, fieldPath("m"), { problems, layer: "http" });
		problems.throwIfAny();
		const { allowed, policy } = engine.decide(who);
		return [allowed, policy];
	};

	test("lists with nested matchers, maps, and what holds when nothing matches", () => {
		const has = (name: string, value: string) => ({
			single_predicate: { input: input(name), value_match: { exact: value } },
		});
		const tree = {
			matcher_tree: {
				input: input(":path"),
				prefix_match_map: { map: { "/a": action("short", "DENY"), "/a/b": action("long", "ALLOW") } },
			},
		};
		const json: JsonObject = {
			matcher_list: {
				matchers: [
					{ predicate: { and_matcher: { predicate: [has("x", "1"), has("y", "1")] } }, on_match: action("xy", "DENY") },
					{ predicate: { not_matcher: has("z", "1") }, on_match: { matcher: tree } },
				],
			},
			on_no_match: action("rest", "ALLOW"),
		};
		assert.deepEqual(decide(json, subject("/", { x: "1", y: "1" })), [false, "xy"]);
		assert.deepEqual(decide(json, subject("/a/b/c", { x: "1" })), [true, "long"]);
		assert.deepEqual(decide(json, subject("/a/c")), [false, "short"]);
		assert.deepEqual(decide(json, subject("/other")), [true, "rest"]);
		assert.deepEqual(decide({ matcher_list: json.matcher_list! }, subject("/other")), [false, undefined]);
	});

	test("addresses by ranges", () => {
		const network = "type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.DirectSourceIPInput";
		const ip = {
			"@type": "type.googleapis.com/envoy.extensions.matching.input_matchers.ip.v3.Ip",
			stat_prefix: "s",
			cidr_ranges: [{ address_prefix: "10.0.0.0", prefix_len: 8 }],
		};
		const single_predicate = {
			input: { name: "i", typed_config: { "@type": network } },
			custom_match: { name: "ip", typed_config: ip },
		};
		const json = { matcher_list: { matchers: [{ predicate: { single_predicate }, on_match: action("in", "ALLOW") }] } };
		assert.deepEqual(decide(json, subject()), [true, "in"]);
	});
});

test("everything that is wrong is told with its path", () => {
	const policies: JsonObject = {
		p: {
			permissions: [{}, { destination_port_range: { start: 9, end: 9 } }, { and_rules: {} }],
			principals: [{ source_ip: { address_prefix: "nowhere", prefix_len: 8 } }],
		},
		q: {},
	};
	assert.throws(
		() => engineOf({ policies }),
		(error: Error) => {
			for (const path of [
				"permissions[0]",
				"permissions[1].destination_port_range",
				"permissions[2].and_rules.rules",
				"principals[0].source_ip",
			])
				assert.ok(error.message.includes(`r.policies[p].${path}:`), path);
			assert.ok(error.message.includes("r.policies[q].permissions:"));
			return true;
		},
	);
});
