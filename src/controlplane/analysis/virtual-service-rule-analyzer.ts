import type { HttpMatch, HttpRule, VirtualService } from "../model/virtual-service.ts";
import type { AnalysisMessage, Level } from "./analysis-message.ts";
import type { AnalysisInput } from "./analyzer.ts";

/** IST0130 and IST0131 (rules and matches that nothing reaches), and destinations that share evenly because no weight is written. */
export function virtualServiceRuleAnalyzer({ snapshot }: AnalysisInput): readonly AnalysisMessage[] {
	return snapshot.virtualServices.flatMap((vs) => [...unreachableRules(vs), ...evenShares(vs)]);
}

function unreachableRules(vs: VirtualService): AnalysisMessage[] {
	const messages: AnalysisMessage[] = [];
	const seen: { readonly match: HttpMatch; readonly rule: number }[] = [];
	let catchAll: number | undefined;
	vs.http.forEach((rule, i) => {
		const where = ruleName(rule, i);
		if (catchAll !== undefined) {
			messages.push(
				message(
					vs,
					["IST0130", "Warning"],
					`${where} is never reached: rule #${catchAll} before it matches everything`,
				),
			);
			return;
		}
		if (rule.match.length === 0) catchAll = i;
		const duplicates = rule.match.filter((match) => seen.some((s) => sameMatch(s.match, match)));
		if (rule.match.length > 0 && duplicates.length === rule.match.length)
			messages.push(
				message(vs, ["IST0130", "Warning"], `${where} is never reached: rules before it have all of its matches`),
			);
		else messages.push(...ineffectiveMatches(vs, rule, { where, seen }));
		seen.push(...rule.match.map((match) => ({ match, rule: i })));
	});
	return messages;
}

function ineffectiveMatches(
	vs: VirtualService,
	rule: HttpRule,
	{ where, seen }: { where: string; seen: readonly { readonly match: HttpMatch; readonly rule: number }[] },
): AnalysisMessage[] {
	return rule.match.flatMap((match, j) => {
		const earlier = seen.find((s) => sameMatch(s.match, match) || covers(s.match, match));
		if (!earlier) return [];
		const text = `match #${j} of ${where} is not used: rule #${earlier.rule} takes its requests`;
		return [message(vs, ["IST0131", "Info"], text)];
	});
}

/** Equal apart from the name, which selects nothing. */
function sameMatch(a: HttpMatch, b: HttpMatch): boolean {
	return conditions(a) === conditions(b);
}

/** An earlier prefix that contains a later one, when all other conditions are equal. */
function covers(earlier: HttpMatch, later: HttpMatch): boolean {
	if (earlier.uri?.kind !== "prefix" || later.uri?.kind !== "prefix") return false;
	const rest = (match: HttpMatch) => conditions({ ...match, uri: undefined });
	return later.uri.value.startsWith(earlier.uri.value) && rest(earlier) === rest(later);
}

function conditions(match: HttpMatch): string {
	return JSON.stringify({ ...match, name: "", statPrefix: "" });
}

/** Istio refuses several destinations without weights; Lateen shares evenly and says so (design D1). */
function evenShares(vs: VirtualService): AnalysisMessage[] {
	return vs.http.flatMap((rule, i) => {
		if (rule.route.length < 2 || rule.route.some((d) => d.weight !== undefined)) return [];
		const text = `${ruleName(rule, i)} has ${rule.route.length} destinations and no weights: they share evenly here, but Istio refuses the rule`;
		return [message(vs, ["LTN1521", "Warning"], text)];
	});
}

function ruleName(rule: HttpRule, index: number): string {
	return rule.name === "" ? `http rule #${index}` : `http rule #${index} "${rule.name}"`;
}

function message(vs: VirtualService, [code, level]: readonly [string, Level], text: string): AnalysisMessage {
	const { kind, namespace, name } = vs.meta;
	return { code, level, resource: { kind, namespace, name }, text };
}
