import type { FieldPath } from "../../../lib/field-path.ts";
import type { Counter } from "../../../telemetry/metrics.ts";
import type { RBAC, RBACPerRoute } from "../../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";
import { compileRbac, compileRbacMatcher, type RbacDecision, type RbacEngine } from "./rbac-engine.ts";

const TYPE = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3";

/** Where results are left for access logs and later filters. */
const METADATA = "envoy.filters.http.rbac";

export interface RbacDeps {
	/** A stat of the connection manager: `rbac.allowed` and the like. */
	counter(name: string): Counter;
}

/** The rules of one listener or route. */
interface Rules {
	readonly enforced: RuleSet;
	readonly shadow: RuleSet;
	readonly perRule: boolean;
}

/** One of the two sets, with the names under which its results are left in metadata. */
interface RuleSet {
	/** Undefined: there are no rules of this kind. */
	readonly engine: RbacEngine | undefined;
	/** Begins the names in stats and metadata. */
	readonly prefix: string;
	readonly resultKey: string;
	readonly policyKey: string;
}

/** Authorization by rules (Envoy: HTTP RBAC filter). A route's rules take the place of the listener's; none there turns the filter off. */
export function rbacFilter(deps: RbacDeps): HttpFilterFactory {
	return {
		typeUrl: `${TYPE}.RBAC`,
		routeTypeUrl: `${TYPE}.RBACPerRoute`,
		parse(config, path, name) {
			const rules = readingConfig(path, (at, problems) => parseRules(config as RBAC, at, problems));
			const filter = new RbacFilter(name, rules, deps);
			return { name, create: () => filter };
		},
		parseRoute(config, path) {
			const { rbac } = config as RBACPerRoute;
			return readingConfig(path, (at, problems) => (rbac ? parseRules(rbac, at.field("rbac"), problems) : NO_RULES));
		},
	};
}

function ruleSet(engine: RbacEngine | undefined, prefix: string, mode: "enforced" | "shadow"): RuleSet {
	return {
		engine,
		prefix,
		resultKey: `${prefix}${mode}_engine_result`,
		policyKey: `${prefix}${mode}_effective_policy_id`,
	};
}

const NO_RULES: Rules = {
	enforced: ruleSet(undefined, "", "enforced"),
	shadow: ruleSet(undefined, "", "shadow"),
	perRule: false,
};

function parseRules(config: RBAC, at: FieldPath, problems: ProblemList): Rules {
	const scope = { problems, layer: "http" } as const;
	const { rules, matcher, shadowRules, shadowMatcher } = config;
	// As in Envoy, the matcher counts where both are there.
	const enforced = matcher
		? compileRbacMatcher(matcher, at.field("matcher"), scope)
		: rules && compileRbac(rules, at.field("rules"), scope);
	const shadow = shadowMatcher
		? compileRbacMatcher(shadowMatcher, at.field("shadow_matcher"), scope)
		: shadowRules && compileRbac(shadowRules, at.field("shadow_rules"), scope);
	return {
		enforced: ruleSet(enforced, config.rulesStatPrefix, "enforced"),
		shadow: ruleSet(shadow, config.shadowRulesStatPrefix, "shadow"),
		perRule: config.trackPerRuleStats,
	};
}

/** Holds nothing of a stream, so all streams share it. */
class RbacFilter implements HttpFilter {
	readonly #name: string;
	readonly #rules: Rules;
	readonly #enforced: Outcomes;
	readonly #shadow: Outcomes;

	constructor(name: string, rules: Rules, deps: RbacDeps) {
		this.#name = name;
		this.#rules = rules;
		this.#enforced = new Outcomes(rules.enforced, "", deps);
		this.#shadow = new Outcomes(rules.shadow, "shadow_", deps);
	}

	decodeHeaders(stream: FilterStream): "pass" | "stop" {
		const { enforced, shadow, perRule } = (stream.routeConfig(this.#name) as Rules | undefined) ?? this.#rules;
		if (shadow.engine) this.#shadow.record(shadow.engine.decide(stream), shadow, perRule, stream);
		if (!enforced.engine) return "pass";
		const decision = enforced.engine.decide(stream);
		this.#enforced.record(decision, enforced, perRule, stream);
		if (decision.log !== undefined) leaveLogHint(stream, decision.log);
		if (decision.allowed) return "pass";
		const policy = (decision.policy ?? "none").replace(/\s/g, "_");
		const details = `rbac_access_denied_matched_policy[${policy}]`;
		stream.sendLocalReply({ status: 403, body: "RBAC: access denied", details });
		return "stop";
	}
}

function leaveLogHint({ info }: FilterStream, hint: boolean): void {
	info.dynamicMetadata.set("envoy.common", { ...info.dynamicMetadata.get("envoy.common"), access_log_hint: hint });
}

/** Where one kind of results goes: counters of the listener, metadata of the stream. */
class Outcomes {
	readonly #own: RuleSet;
	readonly #word: string;
	readonly #deps: RbacDeps;
	readonly #statPrefix: string;
	readonly #allowed: Counter;
	readonly #denied: Counter;
	readonly #byPolicy = new Map<string, Counter>();

	constructor(own: RuleSet, word: "" | "shadow_", deps: RbacDeps) {
		this.#own = own;
		this.#word = word;
		this.#deps = deps;
		this.#statPrefix = `rbac.${joined(own.prefix)}`;
		this.#allowed = deps.counter(`${this.#statPrefix}${word}allowed`);
		this.#denied = deps.counter(`${this.#statPrefix}${word}denied`);
	}

	/** Counts under the listener's prefix; what it leaves for others is named by the route's, where it has one. */
	record({ allowed, policy }: RbacDecision, rules: RuleSet, perRule: boolean, { info }: FilterStream): void {
		(allowed ? this.#allowed : this.#denied).inc();
		const result = allowed ? "allowed" : "denied";
		if (perRule && policy !== undefined) this.#countPolicy(policy, result);
		const names = rules.prefix === "" ? this.#own : rules;
		const fields = info.dynamicMetadata.get(METADATA) ?? {};
		fields[names.resultKey] = result;
		if (policy !== undefined) fields[names.policyKey] = policy;
		info.dynamicMetadata.set(METADATA, fields);
	}

	#countPolicy(policy: string, result: string): void {
		const name = `${this.#statPrefix}policy.${policy}.${this.#word}${result}`;
		let counter = this.#byPolicy.get(name);
		if (!counter) {
			counter = this.#deps.counter(name);
			this.#byPolicy.set(name, counter);
		}
		counter.inc();
	}
}

/** A prefix of stats ends with a dot. */
function joined(prefix: string): string {
	return prefix === "" || prefix.endsWith(".") ? prefix : `${prefix}.`;
}
