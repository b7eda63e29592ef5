import type { FieldPath } from "../../../lib/field-path.ts";
import type { GatewayServer } from "../gateway-spec.ts";
import type { Report } from "./report.ts";

type ServerTls = NonNullable<GatewayServer["tls"]>;

const OWN_MATERIAL = [
	"serverCertificate",
	"privateKey",
	"caCertificates",
	"caCrl",
	"credentialName",
	"credentialNames",
	"tlsCertificates",
] as const;

/** TLS of a gateway server (or of a sidecar's ingress port). */
export function checkServerTls(tls: ServerTls, path: FieldPath, report: Report): void {
	const mode = tls.mode ?? "PASSTHROUGH";
	const given = OWN_MATERIAL.filter((name) => isSet(tls[name]));
	if (mode === "ISTIO_MUTUAL") {
		for (const name of given)
			report.error("LTN1406", path.field(name), `ISTIO_MUTUAL uses the mesh's certificates, not ${name}`, "remove it");
	} else if (mode === "PASSTHROUGH" || mode === "AUTO_PASSTHROUGH") {
		for (const name of given)
			report.warn("LTN1406", path.field(name), `${mode} does not end TLS, so ${name} is not used`);
	} else {
		checkTermination(tls, mode, path, report);
	}
	checkVersions(tls, path, report);
}

function isSet(value: unknown): boolean {
	return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== "";
}

function checkTermination(tls: ServerTls, mode: string, path: FieldPath, report: Report): void {
	const hasSecret = isSet(tls.credentialName) || isSet(tls.credentialNames);
	const sources = [tls.credentialName, tls.credentialNames, tls.tlsCertificates, tls.serverCertificate].filter(isSet);
	if (sources.length > 1)
		report.error("LTN1406", path, "there is more than one source of the server certificate", "keep one");
	if (tls.caCrl && (hasSecret || mode === "SIMPLE"))
		report.error("LTN1406", path.field("caCrl"), "caCrl needs MUTUAL with certificate files");
	if (hasSecret) return;
	const pairs = tls.tlsCertificates?.length ? tls.tlsCertificates : [tls];
	for (const pair of pairs) {
		if (!pair.serverCertificate)
			report.error(
				"LTN1406",
				path.field("serverCertificate"),
				`${mode} needs a server certificate`,
				"name a file, or a credentialName",
			);
		if (!pair.privateKey)
			report.error(
				"LTN1406",
				path.field("privateKey"),
				`${mode} needs a private key`,
				"name a file, or a credentialName",
			);
	}
	const needsCa = mode === "MUTUAL" || mode === "OPTIONAL_MUTUAL";
	if (needsCa && !tls.caCertificates && !tls.caCertCredentialName)
		report.error(
			"LTN1406",
			path.field("caCertificates"),
			`${mode} needs authorities to check client certificates with`,
		);
}

function checkVersions(tls: ServerTls, path: FieldPath, report: Report): void {
	const isOld = tls.minProtocolVersion === "TLSV1_0" || tls.minProtocolVersion === "TLSV1_1";
	if (isOld && !isSet(tls.cipherSuites))
		report.warn(
			"LTN1406",
			path.field("minProtocolVersion"),
			"TLS below 1.2 needs cipherSuites that it knows; none of the default ones works",
		);
	const suites = tls.cipherSuites ?? [];
	for (const [i, suite] of suites.entries())
		if (suites.indexOf(suite) < i)
			report.warn("LTN1406", path.field("cipherSuites").index(i), `${suite} is there twice`);
}
