import { builtinKind } from "../builtin-kind.ts";

/** MutatingWebhookConfiguration of admissionregistration.k8s.io. */
export const MutatingWebhookConfiguration = builtinKind({
	group: "admissionregistration.k8s.io",
	kind: "MutatingWebhookConfiguration",
	hasGeneration: true,
});

/** ValidatingWebhookConfiguration of admissionregistration.k8s.io. */
export const ValidatingWebhookConfiguration = builtinKind({
	group: "admissionregistration.k8s.io",
	kind: "ValidatingWebhookConfiguration",
	hasGeneration: true,
});
