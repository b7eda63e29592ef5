import { durationMs } from "@bufbuild/protobuf/wkt";
import { fieldPath } from "../../../lib/field-path.ts";
import type { StatScope } from "../../../telemetry/metric-registry.ts";
import { unpackAs } from "../../../xds/any.ts";
import {
	RBAC_EnforcementType as Enforcement,
	type RBAC,
	RBACSchema,
} from "../../../xds/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts";
import { compileRbac, compileRbacMatcher, type RbacDecision, type RbacEngine } from "../../filter/rbac/rbac-engine.ts";
import { type Deadlines, Timer } from "../../http/deadlines.ts";
import { ProblemList } from "../../router/problem-list.ts";
import type { NetworkConnection, NetworkFilter, NetworkFilterDeps, NetworkFilterFactory } from "../network-filter.ts";
import { missing } from "../network-problems.ts";

/** Where results are left for access logs and later filters. */
const METADATA = "envoy.filters.network.rbac";

/** Authorization of connections by rules (Envoy: envoy.filters.network.rbac): decided when the client's first bytes come. */
export function rbacFactory(deps: NetworkFilterDeps): NetworkFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
		parse(config, path, name) {
			const rules = parseRules(unpackAs(config, RBACSchema)!, path, deps);
			return { name, create: () => new NetworkRbac(rules) };
		},
	};
}

interface Rules {
	readonly enforced: RbacEngine | undefined;
	readonly shadow: RbacEngine | undefined;
	readonly shadowPrefix: string;
	/** Decide at every read, not only at the first. */
	readonly continuous: boolean;
	/** A denied connection is kept open for so long. */
	readonly delayDenyMs: number;
	readonly deadlines: Deadlines;
	readonly stats: ReturnType<typeof rbacStats>;
}

function parseRules(message: RBAC, path: string, deps: NetworkFilterDeps): Rules {
	const at = fieldPath(path);
	const problems = new ProblemList();
	const scope = { problems, layer: "network" } as const;
	const { rules, matcher, shadowRules, shadowMatcher } = message;
	if (message.statPrefix === "") problems.problems.push(missing(at.field("stat_prefix")));
	// As in Envoy, the matcher counts where both are there.
	const enforced = matcher
		? compileRbacMatcher(matcher, at.field("matcher"), scope)
		: rules && compileRbac(rules, at.field("rules"), scope);
	const shadow = shadowMatcher
		? compileRbacMatcher(shadowMatcher, at.field("shadow_matcher"), scope)
		: shadowRules && compileRbac(shadowRules, at.field("shadow_rules"), scope);
	problems.throwIfAny();
	return {
		enforced,
		shadow,
		shadowPrefix: message.shadowRulesStatPrefix,
		continuous: message.enforcementType === Enforcement.CONTINUOUS,
		delayDenyMs: message.delayDeny ? durationMs(message.delayDeny) : 0,
		deadlines: deps.deadlines,
		stats: rbacStats(deps.metrics.scope(`${joined(message.statPrefix)}rbac.`), joined(message.shadowRulesStatPrefix)),
	};
}

class NetworkRbac implements NetworkFilter {
	readonly everyRead: boolean;
	readonly #rules: Rules;
	#delay: Timer | undefined = undefined;

	constructor(rules: Rules) {
		this.#rules = rules;
		this.everyRead = rules.continuous;
	}

	onData(on: NetworkConnection): "continue" | "stop" {
		if (this.#delay) return "stop";
		const { enforced, shadow, stats, delayDenyMs, deadlines } = this.#rules;
		if (shadow) this.#leaveShadow(shadow.decide(on), on);
		if (!enforced) return "continue";
		const decision = enforced.decide(on);
		if (decision.log !== undefined) {
			const common = on.info.dynamicMetadata.get("envoy.common");
			on.info.dynamicMetadata.set("envoy.common", { ...common, access_log_hint: decision.log });
		}
		(decision.allowed ? stats.allowed : stats.denied).inc();
		if (decision.allowed) return "continue";
		const policy = (decision.policy ?? "none").replace(/\s/g, "_");
		on.info.connectionTerminationDetails = `rbac_access_denied_matched_policy[${policy}]`;
		if (delayDenyMs > 0) {
			this.#delay = new Timer({ onTimer: () => on.close("rbac_deny_close") });
			deadlines.arm(this.#delay, delayDenyMs);
		} else on.close("rbac_deny_close");
		return "stop";
	}

	onClose(): void {
		this.#delay?.cancel();
	}

	#leaveShadow({ allowed, policy }: RbacDecision, { info }: NetworkConnection): void {
		const { stats, shadowPrefix } = this.#rules;
		(allowed ? stats.shadowAllowed : stats.shadowDenied).inc();
		info.dynamicMetadata.set(METADATA, {
			...info.dynamicMetadata.get(METADATA),
			[`${shadowPrefix}shadow_engine_result`]: allowed ? "allowed" : "denied",
			...(policy !== undefined && { [`${shadowPrefix}shadow_effective_policy_id`]: policy }),
		});
	}
}

function rbacStats(scope: StatScope, shadowPrefix: string) {
	return {
		allowed: scope.counter("allowed"),
		denied: scope.counter("denied"),
		shadowAllowed: scope.counter(`${shadowPrefix}shadow_allowed`),
		shadowDenied: scope.counter(`${shadowPrefix}shadow_denied`),
	};
}

/** A prefix of stats ends with a dot. */
function joined(prefix: string): string {
	return prefix === "" || prefix.endsWith(".") ? prefix : `${prefix}.`;
}
