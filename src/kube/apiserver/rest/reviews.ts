import type { KubeObject } from "../../../kinds/object.ts";
import type { User } from "../auth/authenticate.ts";
import { notSupportedYet } from "../http/api-error.ts";
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
 * allowed; what asks about another user is refused by name.
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
		default:
			throw notSupportedYet(`${body.kind} (who else may do what: role-based access control)`);
	}
}
