import type { X509Certificate } from "node:crypto";
import { DER, readDer } from "./der.ts";

const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
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

/** How many authorities may stand between this one and a leaf; undefined: any number. */
export function pathLengthOf(certificate: X509Certificate): number | undefined {
	const extensions = fieldsOf(certificate).find(({ tag }) => tag === EXTENSIONS);
	if (!extensions) return undefined;
	for (const extension of readDer(readDer(extensions.content)[0]!.content)) {
		const parts = readDer(extension.content);
		if (!parts[0]!.content.equals(BASIC_CONSTRAINTS)) continue;
		const constraints = readDer(readDer(parts.at(-1)!.content)[0]!.content);
		const limit = constraints.find(({ tag }) => tag === DER.integer);
		return limit?.content.readUIntBE(0, limit.content.length);
	}
	return undefined;
}
