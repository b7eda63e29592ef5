import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import type { FieldError } from "../definition.ts";
import { invalid, required } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import { CREATED_AT, listAt } from "../table/columns.ts";

interface PolicyRule {
	readonly verbs?: readonly string[];
	readonly apiGroups?: readonly string[];
	readonly resources?: readonly string[];
	readonly nonResourceURLs?: readonly string[];
}

const GROUP = "rbac.authorization.k8s.io";

/** Role of rbac.authorization.k8s.io/v1. */
export const Role = builtinKind({
	group: GROUP,
	kind: "Role",
	nameFormat: "pathSegment",
	columns: [CREATED_AT],
	validate: (role) => ({ errors: validateRules(role, true), warnings: [] }),
});

/** ClusterRole of rbac.authorization.k8s.io/v1. */
export const ClusterRole = builtinKind({
	group: GROUP,
	kind: "ClusterRole",
	nameFormat: "pathSegment",
	columns: [CREATED_AT],
	validate: (role) => ({ errors: validateRules(role, false), warnings: [] }),
});

function validateRules(role: KubeObject, namespaced: boolean): FieldError[] {
	return listAt<PolicyRule>(role, "rules").flatMap((rule, i) =>
		validateRule(rule, namespaced, fieldPath("rules").index(i)),
	);
}

function validateRule(rule: PolicyRule, namespaced: boolean, path: FieldPath): FieldError[] {
	const { verbs = [], apiGroups = [], resources = [], nonResourceURLs = [] } = rule;
	const errors: FieldError[] = [];
	if (verbs.length === 0) errors.push(required(path.field("verbs"), "verbs must contain at least one value"));
	if (nonResourceURLs.length > 0) {
		if (namespaced)
			errors.push(
				invalid(path.field("nonResourceURLs"), nonResourceURLs, "namespaced rules cannot apply to non-resource URLs"),
			);
		if (apiGroups.length + resources.length > 0)
			errors.push(
				invalid(
					path.field("nonResourceURLs"),
					nonResourceURLs,
					"rules cannot apply to both regular resources and non-resource URLs",
				),
			);
		return errors;
	}
	if (apiGroups.length === 0)
		errors.push(required(path.field("apiGroups"), "resource rules must supply at least one api group"));
	if (resources.length === 0)
		errors.push(required(path.field("resources"), "resource rules must supply at least one resource"));
	return errors;
}
