import { builtinKind } from "../builtin-kind.ts";
import { setDefault, setText } from "../core/pod-defaults.ts";
import { isObject } from "../schema/schema-path.ts";
import { AGE, at, integer, listAt, text, textAt } from "../table/columns.ts";

/** ValidatingAdmissionPolicy of admissionregistration.k8s.io/v1. */
export const ValidatingAdmissionPolicy = builtinKind({
	group: "admissionregistration.k8s.io",
	kind: "ValidatingAdmissionPolicy",
	hasGeneration: true,
	columns: [
		integer("Validations", (policy) => listAt(policy, "spec.validations").length),
		text("ParamKind", (policy) => {
			const kind = at(policy, "spec.paramKind");
			return isObject(kind) ? `${kind.apiVersion}/${kind.kind}` : "<unset>";
		}),
		AGE,
	],
	applyDefaults(policy) {
		if (!isObject(policy.spec)) return;
		setText(policy.spec, "failurePolicy", "Fail");
		const constraints = policy.spec.matchConstraints;
		if (!isObject(constraints)) return;
		setText(constraints, "matchPolicy", "Equivalent");
		setDefault(constraints, "namespaceSelector", {});
		setDefault(constraints, "objectSelector", {});
	},
});

/** ValidatingAdmissionPolicyBinding of admissionregistration.k8s.io/v1. */
export const ValidatingAdmissionPolicyBinding = builtinKind({
	group: "admissionregistration.k8s.io",
	kind: "ValidatingAdmissionPolicyBinding",
	hasGeneration: true,
	columns: [
		text("PolicyName", (binding) => textAt(binding, "spec.policyName")),
		text("ParamRef", (binding) => {
			const reference = at(binding, "spec.paramRef");
			if (!isObject(reference)) return "<unset>";
			return reference.namespace ? `${reference.namespace}/${reference.name ?? "*"}` : String(reference.name ?? "*");
		}),
		AGE,
	],
});
