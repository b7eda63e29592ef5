import { builtinKind } from "../builtin-kind.ts";

/** TokenReview of authentication.k8s.io. */
export const TokenReview = builtinKind({
	group: "authentication.k8s.io",
	kind: "TokenReview",
});

/** SelfSubjectReview of authentication.k8s.io. */
export const SelfSubjectReview = builtinKind({
	group: "authentication.k8s.io",
	kind: "SelfSubjectReview",
});

/** SubjectAccessReview of authorization.k8s.io. */
export const SubjectAccessReview = builtinKind({
	group: "authorization.k8s.io",
	kind: "SubjectAccessReview",
});

/** SelfSubjectAccessReview of authorization.k8s.io. */
export const SelfSubjectAccessReview = builtinKind({
	group: "authorization.k8s.io",
	kind: "SelfSubjectAccessReview",
});

/** SelfSubjectRulesReview of authorization.k8s.io. */
export const SelfSubjectRulesReview = builtinKind({
	group: "authorization.k8s.io",
	kind: "SelfSubjectRulesReview",
});

/** LocalSubjectAccessReview of authorization.k8s.io. */
export const LocalSubjectAccessReview = builtinKind({
	group: "authorization.k8s.io",
	kind: "LocalSubjectAccessReview",
});
