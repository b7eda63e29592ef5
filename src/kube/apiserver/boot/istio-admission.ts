import { validateIstio } from "../../../kinds/istio/validate-istio.ts";
import type { Problem } from "../../../lib/problem.ts";
import type { AdmissionPlugin } from "../admission.ts";

/** Settings of Istio's validation. */
export interface IstioValidation {
	/** Refuse what Istio refuses though Lateen's default is kinder. */
	readonly strict: boolean;
}

/** Istio's semantic rules as its validation webhook applies them, with its words. */
export function istioAdmission({ strict }: IstioValidation): AdmissionPlugin {
	return {
		name: "validation.istio.io",
		validate({ operation, group, subresource, object }) {
			const isWrite = operation === "CREATE" || operation === "UPDATE";
			if (!object || !isWrite || subresource !== "" || !group.endsWith(".istio.io")) return {};
			const { errors, warnings } = validateIstio(object, { strict });
			return {
				...(errors.length > 0 ? { denied: `configuration is invalid: ${formatErrors(errors.map(describe))}` } : {}),
				warnings: warnings.map(describe),
			};
		},
	};
}

function describe({ path, message, fix }: Problem): string {
	const place = path === "" ? "" : `${path}: `;
	return fix === "" ? `${place}${message}` : `${place}${message} (${fix})`;
}

/** Istio's form of several errors. */
function formatErrors(texts: readonly string[]): string {
	if (texts.length === 1) return texts[0]!;
	return `${texts.length} errors occurred:\n\t* ${texts.join("\n\t* ")}\n\n`;
}
