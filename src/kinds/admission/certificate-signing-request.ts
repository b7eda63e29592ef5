import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import type { FieldError } from "../definition.ts";
import { required } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import { objectIn } from "../schema/schema-path.ts";
import { AGE, at, listAt, text, textAt } from "../table/columns.ts";
import { humanDuration } from "../table/human-duration.ts";

function condition(request: KubeObject): string {
	const conditions = listAt<{ type: string }>(request, "status.conditions").map(({ type }) => type);
	const decided = ["Denied", "Approved"].find((type) => conditions.includes(type)) ?? "Pending";
	const failed = conditions.includes("Failed") ? ",Failed" : "";
	return `${decided}${failed}${at(request, "status.certificate") ? ",Issued" : ""}`;
}

/** CertificateSigningRequest of certificates.k8s.io/v1. */
export const CertificateSigningRequest = builtinKind({
	group: "certificates.k8s.io",
	kind: "CertificateSigningRequest",
	columns: [
		AGE,
		text("SignerName", (request) => textAt(request, "spec.signerName", "<none>")),
		text("Requestor", (request) => textAt(request, "spec.username")),
		text("RequestedDuration", (request) => {
			const seconds = at(request, "spec.expirationSeconds");
			return typeof seconds === "number" ? humanDuration(seconds * 1000) : "<none>";
		}),
		text("Condition", condition),
	],
	validate(request) {
		const spec = objectIn(request, "spec");
		const path = fieldPath("spec");
		const errors: FieldError[] = [];
		for (const name of ["signerName", "usages"]) if (!spec[name]) errors.push(required(path.field(name)));
		return { errors, warnings: [] };
	},
});
