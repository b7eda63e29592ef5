import { defineKind } from "../define-kind.ts";
import { authorizationPolicySpec } from "./authorization-policy-spec.ts";
import { checkAuthorizationPolicy } from "./check/authorization-policy-check.ts";

/** Who may call what. */
export const AuthorizationPolicy = defineKind({
	group: "security.istio.io",
	versions: ["v1", "v1beta1"],
	kind: "AuthorizationPolicy",
	plural: "authorizationpolicies",
	shortNames: ["ap"],
	categories: ["istio-io", "security-istio-io"],
	doc: "Allows, denies or audits requests to workloads.",
	spec: authorizationPolicySpec,
	columns: [{ name: "Action", type: "string", jsonPath: ".spec.action", description: "What a match means." }],
	check: checkAuthorizationPolicy,
});
