import { verify, type X509Certificate } from "node:crypto";
import { subjectDer } from "./certificate-der.ts";
import { DER, type DerElement, GENERALIZED_TIME, readDer, readTime, UTC_TIME } from "./der.ts";
import { signed } from "./trust-chain.ts";

/** A CertificateList (RFC 5280 5.1). */
interface RevocationList {
	/** What the signature covers. */
	readonly signedPart: Buffer;
	readonly signature: Buffer;
	readonly hash: string;
	/** The authority's name as DER. */
	readonly issuer: Buffer;
	/** Undefined: not said. */
	readonly nextUpdateMs: number | undefined;
	/** Serial numbers in lower-case hex without leading zeros. */
	readonly revoked: ReadonlySet<string>;
}

/** Why a leaf does not pass its issuer's revocation list, by OpenSSL's names; undefined: it passes. */
export type RevocationError = "CERT_REVOKED" | "UNABLE_TO_GET_CRL" | "CRL_HAS_EXPIRED" | "CRL_SIGNATURE_FAILURE";

const BLOCK = /-----BEGIN X509 CRL-----([\s\S]*?)-----END X509 CRL-----/g;

/** Revocation lists held against leaves only (`only_verify_leaf_cert_crl`): OpenSSL in Node would want a list of every authority. */
export class LeafRevocation {
	readonly #lists: readonly RevocationList[];

	/** Throws when the text holds no readable list. */
	constructor(pem: Buffer) {
		this.#lists = [...pem.toString("latin1").matchAll(BLOCK)].map(([, base64]) =>
			readList(Buffer.from(base64!, "base64")),
		);
		if (this.#lists.length === 0) throw new Error("there is no revocation list in it");
	}

	/** `candidates`: who may have issued the leaf. */
	check(leaf: X509Certificate, candidates: readonly X509Certificate[], nowMs: number): RevocationError | undefined {
		const issuer = candidates.find((candidate) => signed(candidate, leaf));
		if (!issuer) return "UNABLE_TO_GET_CRL";
		const name = subjectDer(issuer);
		const own = this.#lists.find((list) => list.issuer.equals(name));
		if (!own) return "UNABLE_TO_GET_CRL";
		if (!verify(own.hash, own.signedPart, issuer.publicKey, own.signature)) return "CRL_SIGNATURE_FAILURE";
		if (own.nextUpdateMs !== undefined && own.nextUpdateMs < nowMs) return "CRL_HAS_EXPIRED";
		return own.revoked.has(plainSerial(leaf.serialNumber)) ? "CERT_REVOKED" : undefined;
	}
}

function readList(der: Buffer): RevocationList {
	const [outer] = readDer(der);
	const [signedPart, algorithm, signature] = readDer(outer!.content);
	const fields = readDer(signedPart!.content);
	if (fields[0]?.tag === DER.integer) fields.shift();
	const [, issuer, , ...rest] = fields as [DerElement, DerElement, DerElement, ...DerElement[]];
	const next = rest[0]?.tag === UTC_TIME || rest[0]?.tag === GENERALIZED_TIME ? rest.shift() : undefined;
	const entries = rest[0]?.tag === DER.sequence ? readDer(rest[0].content) : [];
	return {
		signedPart: signedPart!.whole,
		signature: signature!.content.subarray(1), // the first byte counts unused bits: none
		hash: hashOf(readDer(algorithm!.content)[0]!.content.toString("hex")),
		issuer: issuer.whole,
		nextUpdateMs: next && readTime(next),
		revoked: new Set(entries.map((entry) => plainSerial(readDer(entry.content)[0]!.content.toString("hex")))),
	};
}

/** Hash of a signature algorithm by its OID in hex. */
const HASHES: Readonly<Record<string, string>> = {
	"2a864886f70d010105": "sha1",
	"2a864886f70d01010b": "sha256",
	"2a864886f70d01010c": "sha384",
	"2a864886f70d01010d": "sha512",
	"2a8648ce3d0401": "sha1",
	"2a8648ce3d040302": "sha256",
	"2a8648ce3d040303": "sha384",
	"2a8648ce3d040304": "sha512",
};

function hashOf(oid: string): string {
	const hash = HASHES[oid];
	if (!hash) throw new Error("the revocation list is signed by an unknown algorithm");
	return hash;
}

function plainSerial(hex: string): string {
	return hex.toLowerCase().replace(/^0+/, "");
}
