import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { ProblemError } from "../../../lib/problem.ts";
import { matchOf, tableOfRoutes, testRequest } from "../route-fixture.ts";
import type { InternalRedirects } from "./internal-redirect.ts";

function redirectsOf(internal_redirect_policy: JsonObject): InternalRedirects {
	const table = tableOfRoutes({ match: { prefix: "/" }, route: { cluster: "c", internal_redirect_policy } });
	const { action } = matchOf(table, testRequest("/"))!;
	assert.equal(action.kind, "forward");
	return (action.kind === "forward" && action.forward.internalRedirects) || assert.fail();
}

test("302 by default, once; codes that are no redirects are passed over", () => {
	assert.deepEqual([...redirectsOf({}).statuses], [302]);
	assert.equal(redirectsOf({}).maxRedirects, 1);
	assert.deepEqual([...redirectsOf({ redirect_response_codes: [200, 301, 304] }).statuses], [301]);
});

test("what Envoy does not take is refused with its path", () => {
	const problems = (policy: JsonObject) => {
		try {
			redirectsOf(policy);
			return [];
		} catch (error) {
			if (!(error instanceof ProblemError)) throw error;
			return error.problems.map(({ path }) => path.replace(/^.*internal_redirect_policy\./, ""));
		}
	};
	assert.deepEqual(problems({ redirect_response_codes: [301, 302, 303, 307, 308, 308] }), ["redirect_response_codes"]);
	assert.deepEqual(problems({ response_headers_to_copy: ["x-a", ":path", "Host", "x-a", "a b"] }), [
		"response_headers_to_copy[1]",
		"response_headers_to_copy[2]",
		"response_headers_to_copy[3]",
		"response_headers_to_copy[4]",
	]);
});

test("previous_routes lets each route redirect to another one once", () => {
	const type = "type.googleapis.com/envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig";
	const [accepts] = redirectsOf({ predicates: [{ name: "p", typed_config: { "@type": type } }] }).predicates;
	const history = { count: 0, targets: new Map() };
	const step = (fromRoute: string, toRoute: string) =>
		accepts!({ history, fromRoute, toRoute, fromHttps: false, toHttps: false });
	assert.deepEqual([step("a", "b"), step("b", "a"), step("a", "b"), step("a", "c")], [true, true, false, true]);
});
