import { fieldPath } from "../../../lib/field-path.ts";
import { checkSelector } from "./primitives.ts";
import type { Report } from "./report.ts";

interface TargetRef {
	readonly group?: string;
	readonly kind: string;
	readonly name: string;
	readonly namespace?: string;
}

interface Targets {
	readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
	readonly targetRef?: TargetRef;
	readonly targetRefs?: readonly TargetRef[];
}

const ALLOWED = new Set([
	"gateway.networking.k8s.io/Gateway",
	"gateway.networking.k8s.io/GatewayClass",
	"/Service",
	"core/Service",
	"networking.istio.io/ServiceEntry",
]);

/** `selector`, `targetRef` and `targetRefs` of policies (security reference 1.1). */
export function checkPolicyTargets(spec: Targets, report: Report): void {
	const path = fieldPath("spec");
	if (spec.selector) checkSelector(spec.selector.matchLabels, path.field("selector"), report);
	const references = [
		...(spec.targetRef ? [{ reference: spec.targetRef, at: path.field("targetRef") }] : []),
		...(spec.targetRefs ?? []).map((reference, i) => ({ reference, at: path.field("targetRefs").index(i) })),
	];
	for (const { reference, at } of references) {
		if (!ALLOWED.has(`${reference.group ?? ""}/${reference.kind}`))
			report.error(
				"LTN1901",
				at,
				`a policy cannot target ${reference.kind} of ${reference.group || "the core group"}`,
				"target a Gateway, GatewayClass, Service or ServiceEntry",
			);
		if (reference.namespace)
			report.error("LTN1901", at.field("namespace"), "targets lie in the policy's own namespace", "remove namespace");
	}
}
