import { verify, type X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { signed } from "./trust-chain.ts";

/** A revocation list with what its signature covers. */
interface RevocationList {
	readonly list: x509.X509Crl;
	readonly signedPart: Buffer;
	readonly signature: Buffer;
	readonly hash: string;
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
		const name = new x509.X509Certificate(issuer.raw).subject;
		const own = this.#lists.find(({ list }) => list.issuer === name);
		if (!own) return "UNABLE_TO_GET_CRL";
		if (!verify(own.hash, own.signedPart, issuer.publicKey, own.signature)) return "CRL_SIGNATURE_FAILURE";
		if (own.list.nextUpdate && own.list.nextUpdate.getTime() < nowMs) return "CRL_HAS_EXPIRED";
		return own.list.findRevoked(leaf.serialNumber) ? "CERT_REVOKED" : undefined;
	}
}

/** CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signature BIT STRING } (RFC 5280, 5.1). */
function readList(der: Buffer): RevocationList {
	const outer = element(der, 0);
	const signedPart = element(der, outer.contentAt);
	const algorithm = element(der, signedPart.end);
	const signature = element(der, algorithm.end);
	const list = new x509.X509Crl(der);
	const { hash } = list.signatureAlgorithm;
	return {
		list,
		signedPart: der.subarray(outer.contentAt, signedPart.end),
		signature: der.subarray(signature.contentAt + 1, signature.end), // the first byte counts unused bits: none
		hash: typeof hash === "string" ? hash : hash.name,
	};
}

/** One DER element at `at`. */
function element(der: Buffer, at: number): { readonly contentAt: number; readonly end: number } {
	const first = der[at + 1] ?? 0;
	if (first < 0x80) return { contentAt: at + 2, end: at + 2 + first };
	const lengthBytes = first & 0x7f;
	if (lengthBytes === 0 || lengthBytes > 4 || at + 2 + lengthBytes > der.length)
		throw new Error("the revocation list is not DER");
	const contentAt = at + 2 + lengthBytes;
	const end = contentAt + der.readUIntBE(at + 2, lengthBytes);
	if (end > der.length) throw new Error("the revocation list is cut short");
	return { contentAt, end };
}
