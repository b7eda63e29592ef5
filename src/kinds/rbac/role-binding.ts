import { builtinKind } from "../builtin-kind.ts";

/** RoleBinding of rbac.authorization.k8s.io. */
export const RoleBinding = builtinKind({
	group: "rbac.authorization.k8s.io",
	kind: "RoleBinding",
	nameFormat: "pathSegment",
});

/** ClusterRoleBinding of rbac.authorization.k8s.io. */
export const ClusterRoleBinding = builtinKind({
	group: "rbac.authorization.k8s.io",
	kind: "ClusterRoleBinding",
	nameFormat: "pathSegment",
});
