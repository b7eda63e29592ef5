import type { FieldPath } from "../../../lib/field-path.ts";
import type { TrafficPolicy } from "../destination-rule-spec.ts";
import type { Report } from "./report.ts";

type ClientTls = NonNullable<TrafficPolicy["tls"]>;

const FILES = ["clientCertificate", "privateKey", "caCertificates", "caCrl"] as const;

/** `tls` of a destination. */
export function checkClientTls(tls: ClientTls, path: FieldPath, report: Report): void {
	const originates = tls.mode === "SIMPLE" || tls.mode === "MUTUAL";
	if (originates && tls.credentialName) checkSecret(tls, tls.credentialName, path, report);
	else if (tls.mode === "MUTUAL") checkClientFiles(tls, path, report);
	if (tls.insecureSkipVerify) checkSkippedVerification(tls, path, report);
}

function checkSecret(tls: ClientTls, credentialName: string, path: FieldPath, report: Report): void {
	checkCredentialName(credentialName, path.field("credentialName"), report);
	for (const name of FILES.filter((file) => tls[file]))
		report.error("LTN1209", path.field(name), `${name} cannot stand beside credentialName`, "keep one");
}

function checkClientFiles(tls: ClientTls, path: FieldPath, report: Report): void {
	for (const name of ["clientCertificate", "privateKey"] as const)
		if (!tls[name])
			report.error("LTN1209", path.field(name), `MUTUAL needs a ${name}`, "name a file, or a credentialName");
}

function checkSkippedVerification(tls: ClientTls, path: FieldPath, report: Report): void {
	if (tls.mode === "SIMPLE" && tls.credentialName)
		report.error("LTN1209", path, "insecureSkipVerify and credentialName exclude each other in SIMPLE");
	for (const name of ["caCertificates", "subjectAltNames"] as const)
		if (tls[name] && tls[name].length > 0)
			report.error("LTN1209", path.field(name), `${name} has no meaning with insecureSkipVerify`, "remove one");
}

/** `configmap://name` must be of the same namespace: a rule may not read another's. */
function checkCredentialName(name: string, path: FieldPath, report: Report): void {
	if (name.startsWith("configmap://") && name.slice("configmap://".length).includes("/"))
		report.error("LTN1209", path, "a ConfigMap of another namespace cannot be used", "write configmap://name");
}
