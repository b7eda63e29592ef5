import { builtinKind } from "../builtin-kind.ts";

/** CertificateSigningRequest of certificates.k8s.io. */
export const CertificateSigningRequest = builtinKind({
	group: "certificates.k8s.io",
	kind: "CertificateSigningRequest",
});
