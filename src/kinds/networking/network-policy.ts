import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { checkEnum } from "../core/field-rules.ts";
import { objectsIn, setText } from "../core/pod-defaults.ts";
import { formatSelector, type LabelSelector, validateSelector } from "../label-selector.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { AGE, at, text } from "../table/columns.ts";

/** NetworkPolicy of networking.k8s.io/v1. */
export const NetworkPolicy = builtinKind({
	group: "networking.k8s.io",
	kind: "NetworkPolicy",
	hasGeneration: true,
	columns: [text("Pod-Selector", (policy) => formatSelector(at(policy, "spec.podSelector") as LabelSelector)), AGE],
	applyDefaults(policy) {
		if (!isObject(policy.spec)) return;
		const { spec } = policy;
		if (!Array.isArray(spec.policyTypes) || spec.policyTypes.length === 0)
			spec.policyTypes = objectsIn(spec, "egress").length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
		for (const rule of [...objectsIn(spec, "ingress"), ...objectsIn(spec, "egress")])
			for (const port of objectsIn(rule, "ports")) setText(port, "protocol", "TCP");
	},
	validate(policy) {
		const spec = objectIn(policy, "spec");
		const path = fieldPath("spec");
		const types = (Array.isArray(spec.policyTypes) ? spec.policyTypes : []) as string[];
		return {
			errors: [
				...validateSelector(objectIn(spec, "podSelector") as JsonObject & LabelSelector, path.field("podSelector")),
				...types.flatMap((type, i) => checkEnum(type, ["Egress", "Ingress"], path.field("policyTypes").index(i))),
			],
			warnings: [],
		};
	},
});
