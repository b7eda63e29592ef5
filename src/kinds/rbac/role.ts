import { builtinKind } from "../builtin-kind.ts";

/** Role of rbac.authorization.k8s.io. */
export const Role = builtinKind({
	group: "rbac.authorization.k8s.io",
	kind: "Role",
	nameFormat: "pathSegment",
});

/** ClusterRole of rbac.authorization.k8s.io. */
export const ClusterRole = builtinKind({
	group: "rbac.authorization.k8s.io",
	kind: "ClusterRole",
	nameFormat: "pathSegment",
});
