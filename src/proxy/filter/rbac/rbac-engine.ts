import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import {
	type Action,
	ActionSchema,
	type Policy,
	type RBAC,
	RBAC_Action as RbacAction,
} from "../../../xds/generated/envoy/config/rbac/v3/rbac_pb.ts";
import type { Matcher } from "../../../xds/generated/xds/type/matcher/v3/matcher_pb.ts";
import { compilePermission } from "./permission.ts";
import { compilePrincipal } from "./principal.ts";
import { allOf, anyOf, type RbacSubject, type RbacTest } from "./rbac-subject.ts";
import type { RuleScope } from "./shared-rules.ts";
import { compileXdsMatcher } from "./xds-matcher.ts";

/** What an engine says of a subject. */
export interface RbacDecision {
	readonly allowed: boolean;
	/** Name of the policy that decided; undefined when none matched. */
	readonly policy: string | undefined;
	/** What a LOG rule says should be logged; undefined without one. */
	readonly log: boolean | undefined;
}

/** Compiled rules: ALLOW lets through what matches, DENY what does not, LOG everything. */
export interface RbacEngine {
	decide(subject: RbacSubject): RbacDecision;
}

/** Compiles `envoy.config.rbac.v3.RBAC`. Policies are tried in the order of their names, as in Envoy. */
export function compileRbac(rules: RBAC, at: FieldPath, scope: RuleScope): RbacEngine {
	const names = Object.keys(rules.policies).sort((a, b) => (a < b ? -1 : 1));
	const tests = names.map((name) => compilePolicy(rules.policies[name]!, at.field("policies").key(name), scope));
	const decisions = decisionsOf(rules.action, at.field("action"), scope);
	const matched = names.map((name) => decisions.matched(name));
	return {
		decide(subject) {
			for (let i = 0; i < tests.length; i++) if (tests[i]!(subject)) return matched[i]!;
			return decisions.none;
		},
	};
}

/** The decisions are made once: nothing is allocated per request. */
function decisionsOf(
	action: RbacAction,
	at: FieldPath,
	{ problems }: RuleScope,
): { matched(policy: string): RbacDecision; none: RbacDecision } {
	switch (action) {
		case RbacAction.ALLOW:
		case RbacAction.DENY: {
			const allows = action === RbacAction.ALLOW;
			return {
				matched: (policy) => ({ allowed: allows, policy, log: undefined }),
				none: { allowed: !allows, policy: undefined, log: undefined },
			};
		}
		default:
			if (action !== RbacAction.LOG) problems.add("invalid", at, `${action as number} is no action`);
			return {
				matched: (policy) => ({ allowed: true, policy, log: true }),
				none: { allowed: true, policy: undefined, log: false },
			};
	}
}

function compilePolicy(policy: Policy, at: FieldPath, scope: RuleScope): RbacTest {
	const { permissions, principals } = policy;
	if (permissions.length === 0) scope.problems.add("missing", at.field("permissions"), "the policy has no permissions");
	if (principals.length === 0) scope.problems.add("missing", at.field("principals"), "the policy has no principals");
	if (policy.condition) scope.problems.notImplemented(at.field("condition"), "a CEL condition");
	if (policy.checkedCondition) scope.problems.notImplemented(at.field("checked_condition"), "a CEL condition");
	return allOf([
		anyOf(permissions.map((rule, i) => compilePermission(rule, at.field("permissions").index(i), scope))),
		anyOf(principals.map((id, i) => compilePrincipal(id, at.field("principals").index(i), scope))),
	]);
}

/** Compiles the `matcher` form: a tree whose leaves are `envoy.config.rbac.v3.Action`; no leaf means denied. */
export function compileRbacMatcher(matcher: Matcher, at: FieldPath, scope: RuleScope): RbacEngine {
	const leaves: MatchedAction[] = [];
	const find = compileXdsMatcher(matcher, at, {
		...scope,
		compileAction(any, actionAt) {
			const action = any && unpackAs(any, ActionSchema);
			if (!action) {
				scope.problems.notImplemented(actionAt, "an action other than envoy.config.rbac.v3.Action");
				return undefined;
			}
			const leaf = { logs: action.action === RbacAction.LOG, decision: decisionOf(action, actionAt, scope) };
			leaves.push(leaf);
			return leaf;
		},
	});
	// One LOG action in the tree makes every match leave a hint.
	if (leaves.some(({ logs }) => logs)) for (const leaf of leaves) leaf.decision = { ...leaf.decision, log: leaf.logs };
	const none: RbacDecision = { allowed: false, policy: undefined, log: undefined };
	return { decide: (subject) => find(subject)?.decision ?? none };
}

interface MatchedAction {
	readonly logs: boolean;
	decision: RbacDecision;
}

function decisionOf({ name, action }: Action, at: FieldPath, { problems }: RuleScope): RbacDecision {
	if (name === "") problems.add("missing", at.field("name"), "the action has no name");
	return { allowed: action !== RbacAction.DENY, policy: name, log: undefined };
}
