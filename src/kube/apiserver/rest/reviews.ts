import type { KubeObject } from "../../../kinds/object.ts";
import type { User } from "../auth/authenticate.ts";
import { notSupportedYet } from "../http/api-error.ts";
import { type AccessRequest, isAllowed } from "./access-rules.ts";
import { type ApiContext, timestamp } from "./api-context.ts";
import type { ServedResource } from "./served-resource.ts";
import { reviewToken } from "./token-reviews.ts";

/** Groups whose kinds are questions: a POST is answered and nothing is stored. */
export function isReview({ kind }: ServedResource): boolean {
	return kind.group === "authorization.k8s.io" || kind.group === "authentication.k8s.io";
}

const ADMIN_GROUP = "system:masters";
const ALL_RULES = [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }];

/**
 * Answers an access or identity review. Everyone who can authenticate is an administrator (there is no RBAC yet), so what asks about oneself is
 * allowed; what asks about another user is answered by the roles and bindings that are there. What asks about other things is refused by name.
 */
export function answerReview(context: ApiContext, user: User, body: KubeObject): KubeObject {
	const review = { ...body, metadata: { creationTimestamp: null } as KubeObject["metadata"] };
	switch (body.kind) {
		case "SelfSubjectReview":
			review.metadata = { creationTimestamp: timestamp(context) };
			return { ...review, status: { userInfo: { username: user.name, groups: user.groups } } };
		case "SelfSubjectAccessReview":
			return { ...review, status: { allowed: user.groups.includes(ADMIN_GROUP) } };
		case "SelfSubjectRulesReview": {
			const nonResourceRules = [{ verbs: ["*"], nonResourceURLs: ["*"] }];
			return { ...review, status: { resourceRules: ALL_RULES, nonResourceRules, incomplete: false } };
		}
		case "TokenReview":
			return reviewToken(context, review);
		case "SubjectAccessReview":
		case "LocalSubjectAccessReview":
			return { ...review, status: reviewAccess(context, body) };
		default:
			throw notSupportedYet(`${body.kind} (who else may do what: role-based access control)`);
	}
}

function reviewAccess({ store }: ApiContext, body: KubeObject): { allowed: boolean; reason?: string } {
	const { spec = {} } = body as {
		spec?: { user?: string; groups?: string[]; resourceAttributes?: AccessRequest };
	};
	if (!spec.resourceAttributes) throw notSupportedYet(`${body.kind} about paths (nonResourceAttributes)`);
	const user = { name: spec.user ?? "", groups: spec.groups ?? [] };
	const allowed = isAllowed(store, user, spec.resourceAttributes);
	return allowed ? { allowed } : { allowed, reason: "no role binding of the user permits it" };
}
