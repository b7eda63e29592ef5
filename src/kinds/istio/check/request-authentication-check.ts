import { type FieldPath, fieldPath } from "../../../lib/field-path.ts";
import type { Findings } from "../../define-kind.ts";
import type { RequestAuthenticationSpec } from "../request-authentication-spec.ts";
import { checkPolicyTargets } from "./policy-target-check.ts";
import { checkDuration } from "./primitives.ts";
import { Report } from "./report.ts";

type JwtRule = NonNullable<RequestAuthenticationSpec["jwtRules"]>[number];

/** Istio's semantic rules for RequestAuthentications (security reference 1.7). */
export function checkRequestAuthentication(spec: RequestAuthenticationSpec): Findings {
	const report = new Report();
	checkPolicyTargets(spec, report);
	for (const [i, rule] of (spec.jwtRules ?? []).entries())
		checkJwtRule(rule, fieldPath("spec").field("jwtRules").index(i), report);
	return report;
}

function checkJwtRule(rule: JwtRule, path: FieldPath, report: Report): void {
	if (!rule.issuer && !rule.jwksUri)
		report.error("LTN1903", path.field("issuer"), "the rule has neither issuer nor jwksUri");
	if (rule.jwksUri && !isWebUrl(rule.jwksUri))
		report.error("LTN1903", path.field("jwksUri"), `${JSON.stringify(rule.jwksUri)} is no http or https address`);
	if (rule.jwks) checkKeys(rule.jwks, path.field("jwks"), report);
	for (const [i, { header }] of (rule.outputClaimToHeaders ?? []).entries())
		if (!/^[-_A-Za-z0-9]+$/.test(header))
			report.error(
				"LTN1109",
				path.field("outputClaimToHeaders").index(i).field("header"),
				`${JSON.stringify(header)} is no header name`,
			);
	checkDuration(rule.timeout, path.field("timeout"), report);
}

function isWebUrl(text: string): boolean {
	return /^https?:\/\//.test(text) && URL.canParse(text);
}

interface JsonWebKey {
	readonly kty?: string;
	readonly d?: string;
	readonly k?: string;
}

function checkKeys(text: string, path: FieldPath, report: Report): void {
	let keys: readonly JsonWebKey[];
	try {
		const parsed = JSON.parse(text) as { readonly keys?: readonly JsonWebKey[] };
		keys = Array.isArray(parsed.keys) ? parsed.keys : [];
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		report.error("LTN1903", path, `the keys are no JSON: ${reason}`);
		return;
	}
	if (keys.length === 0) report.error("LTN1903", path, "there are no keys");
	if (keys.some(({ kty, d, k }) => d !== undefined || k !== undefined || kty === "oct"))
		report.warn("LTN1903", path, "the keys hold private or symmetric material", "publish public keys only");
}
