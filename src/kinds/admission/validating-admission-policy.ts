import { builtinKind } from "../builtin-kind.ts";

/** ValidatingAdmissionPolicy of admissionregistration.k8s.io. */
export const ValidatingAdmissionPolicy = builtinKind({
	group: "admissionregistration.k8s.io",
	kind: "ValidatingAdmissionPolicy",
	hasGeneration: true,
});

/** ValidatingAdmissionPolicyBinding of admissionregistration.k8s.io. */
export const ValidatingAdmissionPolicyBinding = builtinKind({
	group: "admissionregistration.k8s.io",
	kind: "ValidatingAdmissionPolicyBinding",
	hasGeneration: true,
});
