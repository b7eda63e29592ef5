import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { RBACSchema } from "../../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts";
import { xdsRegistry } from "../../../xds/registry.ts";
import { testRequest } from "../../router/route-fixture.ts";
import { routeWith, TestStream, testDeps } from "../filter-fixture.ts";
import { rbacFilter } from "./rbac.ts";
import { testConnection } from "./rbac-fixture.ts";

const NAME = "envoy.filters.http.rbac";
const onPath = (prefix: string) => ({ permissions: [{ url_path: { path: { prefix } } }], principals: [{ any: true }] });

function run(config: JsonObject, perRoute: JsonObject | undefined, path: string) {
	const deps = testDeps();
	const factory = rbacFilter(deps);
	const filter = factory.parse(fromJson(RBACSchema, config, { registry: xdsRegistry() }), "f", NAME).create();
	const route = routeWith(NAME, perRoute && { "@type": factory.routeTypeUrl!, ...perRoute }, factory);
	const stream = new TestStream(testRequest(path), route, { connection: testConnection() });
	const answer = filter.decodeHeaders!(stream, true);
	const { status, body, details } = stream.reply ?? {};
	const metadata = Object.fromEntries(stream.info.dynamicMetadata);
	return { answer, reply: stream.reply && [status, body, details], metadata, count: deps.count };
}

test("what the rules do not allow is answered with 403", () => {
	const config = { rules: { action: "DENY", policies: { "a b": onPath("/deny") } }, track_per_rule_stats: true };
	const { answer, reply, metadata, count } = run(config, undefined, "/deny/x");
	assert.equal(answer, "stop");
	assert.deepEqual(reply, [403, "RBAC: access denied", "rbac_access_denied_matched_policy[a_b]"]);
	assert.deepEqual(metadata, { [NAME]: { enforced_engine_result: "denied", enforced_effective_policy_id: "a b" } });
	assert.deepEqual([count("rbac.denied"), count("rbac.policy.a b.denied"), count("rbac.allowed")], [1, 1, 0]);
	assert.equal(run(config, undefined, "/").answer, "pass");
	assert.equal(run({ rules: {} }, undefined, "/").reply![2], "rbac_access_denied_matched_policy[none]");
});

test("shadow rules change nothing but stats and metadata", () => {
	const config = {
		shadow_rules: { action: "ALLOW", policies: { p: onPath("/only") } },
		shadow_rules_stat_prefix: "istio_dry_run_allow_",
	};
	const { answer, metadata, count } = run(config, undefined, "/");
	assert.equal(answer, "pass");
	assert.deepEqual(metadata, { [NAME]: { istio_dry_run_allow_shadow_engine_result: "denied" } });
	assert.equal(count("rbac.istio_dry_run_allow_.shadow_denied"), 1);
});

test("a route's rules take the place of the listener's; an empty config turns the filter off", () => {
	const config = { rules: { action: "ALLOW", policies: {} }, rules_stat_prefix: "s" };
	assert.equal(run(config, undefined, "/").answer, "stop");
	assert.equal(run(config, {}, "/").answer, "pass");
	const open = { rbac: { rules: { action: "ALLOW", policies: { p: onPath("/") } } } };
	const { answer, metadata, count } = run(config, open, "/");
	assert.equal(answer, "pass");
	assert.deepEqual(metadata, { [NAME]: { senforced_engine_result: "allowed", senforced_effective_policy_id: "p" } });
	assert.equal(count("rbac.s.allowed"), 1);
});

test("LOG leaves a hint for access logs", () => {
	const { answer, metadata } = run({ rules: { action: "LOG", policies: { p: onPath("/") } } }, undefined, "/");
	assert.equal(answer, "pass");
	assert.deepEqual(metadata["envoy.common"], { access_log_hint: true });
});
