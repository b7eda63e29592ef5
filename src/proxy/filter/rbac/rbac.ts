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

/** The rules of one listener or route; undefined: none of that kind. */
interface Rules {
	readonly enforced: RbacEngine | undefined;
	readonly shadow: RbacEngine | undefined;
	/** Begin the names in stats and metadata. */
	readonly prefix: string;
	readonly shadowPrefix: string;
	readonly perRule: boolean;
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

const NO_RULES: Rules = { enforced: undefined, shadow: undefined, prefix: "", shadowPrefix: "", perRule: false };

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
		enforced,
		shadow,
		prefix: config.rulesStatPrefix,
		shadowPrefix: config.shadowRulesStatPrefix,
		perRule: config.trackPerRuleStats,
	};
}

type Mode = "enforced" | "shadow";
const PREFIX_OF = { enforced: "prefix", shadow: "shadowPrefix" } as const;

/** Holds nothing of a stream, so all streams share it. */
class RbacFilter implements HttpFilter {
	readonly #name: string;
	readonly #rules: Rules;
	readonly #deps: RbacDeps;
	readonly #counters = new Map<string, Counter>();

	constructor(name: string, rules: Rules, deps: RbacDeps) {
		this.#name = name;
		this.#rules = rules;
		this.#deps = deps;
		for (const word of ["allowed", "denied"]) {
			this.#counter(`${joined(rules.prefix)}${word}`);
			this.#counter(`${joined(rules.shadowPrefix)}shadow_${word}`);
		}
	}

	decodeHeaders(stream: FilterStream): "pass" | "stop" {
		const rules = (stream.routeConfig(this.#name) as Rules | undefined) ?? this.#rules;
		if (rules.shadow) this.#evaluate(rules.shadow.decide(stream), stream, rules, "shadow");
		if (!rules.enforced) return "pass";
		const decision = rules.enforced.decide(stream);
		this.#evaluate(decision, stream, rules, "enforced");
		if (decision.allowed) return "pass";
		const policy = (decision.policy ?? "none").replace(/\s/g, "_");
		const details = `rbac_access_denied_matched_policy[${policy}]`;
		stream.sendLocalReply({ status: 403, body: "RBAC: access denied", details });
		return "stop";
	}

	/** Counts under the listener's prefixes; what it leaves for others is named by the route's, where it has one. */
	#evaluate(decision: RbacDecision, { info }: FilterStream, rules: Rules, mode: Mode): void {
		const { allowed, policy, log } = decision;
		const result = allowed ? "allowed" : "denied";
		const statPrefix = joined(this.#rules[PREFIX_OF[mode]]);
		const word = mode === "shadow" ? `shadow_${result}` : result;
		this.#counter(`${statPrefix}${word}`).inc();
		if (rules.perRule && policy !== undefined) this.#counter(`${statPrefix}policy.${policy}.${word}`).inc();
		const prefix = rules[PREFIX_OF[mode]] || this.#rules[PREFIX_OF[mode]];
		const fields = info.dynamicMetadata.get(METADATA) ?? {};
		fields[`${prefix}${mode}_engine_result`] = result;
		if (policy !== undefined) fields[`${prefix}${mode}_effective_policy_id`] = policy;
		info.dynamicMetadata.set(METADATA, fields);
		if (mode === "shadow" || log === undefined) return;
		info.dynamicMetadata.set("envoy.common", { ...info.dynamicMetadata.get("envoy.common"), access_log_hint: log });
	}

	#counter(name: string): Counter {
		let counter = this.#counters.get(name);
		if (!counter) {
			counter = this.#deps.counter(`rbac.${name}`);
			this.#counters.set(name, counter);
		}
		return counter;
	}
}

/** A prefix of stats ends with a dot. */
function joined(prefix: string): string {
	return prefix === "" || prefix.endsWith(".") ? prefix : `${prefix}.`;
}
