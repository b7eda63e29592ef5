import type { X509Certificate } from "node:crypto";
import { DER, readDer } from "./der.ts";

const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** id-pe-tlsfeature with status_request in it (RFC 7633 6). */
const TLS_FEATURE = Buffer.from("2b06010505070118", "hex");
const STATUS_REQUEST = 5;
const KEY_USAGE_OID = Buffer.from([0x55, 0x1d, 0x0f]);
const BASIC_CONSTRAINTS = Buffer.from([0x55, 0x1d, 0x13]);

/** TBSCertificate's elements from the serial number on (RFC 5280 4.1): serial, signature, issuer, validity, subject... */
function fieldsOf(certificate: X509Certificate) {
	const [outer] = readDer(certificate.raw);
	const fields = readDer(readDer(outer!.content)[0]!.content);
	return fields[0]?.tag === VERSION ? fields.slice(1) : fields;
}

/** The subject as it stands in the certificate. */
export function subjectDer(certificate: X509Certificate): Buffer {
	return fieldsOf(certificate)[4]!.whole;
}

/** The content of an extension (RFC 5280 4.2); undefined: the certificate has none of the kind. */
function extensionOf(certificate: X509Certificate, oid: Buffer): Buffer | undefined {
	const extensions = fieldsOf(certificate).find(({ tag }) => tag === EXTENSIONS);
	if (!extensions) return undefined;
	for (const extension of readDer(readDer(extensions.content)[0]!.content)) {
		const parts = readDer(extension.content);
		if (parts[0]!.content.equals(oid)) return parts.at(-1)!.content;
	}
	return undefined;
}

/** How many authorities may stand between this one and a leaf; undefined: any number. */
export function pathLengthOf(certificate: X509Certificate): number | undefined {
	const content = extensionOf(certificate, BASIC_CONSTRAINTS);
	if (!content) return undefined;
	const limit = readDer(readDer(content)[0]!.content).find(({ tag }) => tag === DER.integer);
	return limit?.content.readUIntBE(0, limit.content.length);
}

/** Bits of the key usage extension, counted from the most significant one (RFC 5280 4.2.1.3). */
export const KEY_USAGE = { certificateSign: 5, crlSign: 6 } as const;

/** Whether the key usage extension names a use; false without one. */
export function mayAct(certificate: X509Certificate, bit: number): boolean {
	const content = extensionOf(certificate, KEY_USAGE_OID);
	// A bit string begins with the number of its unused bits.
	const bits = content && readDer(content)[0]!.content.subarray(1);
	return bits !== undefined && bits.length > 0 && (bits[0]! & (0x80 >> bit)) !== 0;
}

/** Whether the certificate may be shown with an OCSP staple only (RFC 7633). */
export function demandsStaple(certificate: X509Certificate): boolean {
	const content = extensionOf(certificate, TLS_FEATURE);
	return (
		content !== undefined &&
		readDer(readDer(content)[0]!.content).some((feature) => feature.content.at(-1) === STATUS_REQUEST)
	);
}
