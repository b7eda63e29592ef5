import { createHash, type X509Certificate } from "node:crypto";
import { KEY_USAGE, mayAct } from "./certificate-der.ts";
import { alternativeNames, chainOf, plainHex } from "./certificate-info.ts";
import { LeafRevocation } from "./leaf-revocation.ts";
import { hasOneOfNames } from "./san-matcher.ts";
import { bundleFor } from "./spiffe-domains.ts";
import { leadsToAuthority } from "./trust-chain.ts";
import type { ValidationMaterial } from "./validation-material.ts";

/** Which of Envoy's counters a refusal belongs to. */
export type RefusalKind = "fail_verify_no_cert" | "fail_verify_error" | "fail_verify_san" | "fail_verify_cert_hash";

/** What was found of a peer. */
export type Verdict =
	/** `doubt`: it would have been refused, were untrusted peers not accepted. */
	| { readonly ok: true; readonly validated: boolean; readonly doubt?: RefusalKind }
	/** `detail`: Envoy's words behind "verify cert failed: ". */
	| { readonly ok: false; readonly kind: RefusalKind; readonly detail: string };

export interface PeerEvidence {
	/** Undefined: it showed no certificate. */
	readonly leaf: X509Certificate | undefined;
	/** OpenSSL's verdict on the chain: the name of an error, undefined when there was none. */
	readonly chainError: string | undefined;
	/** One of these names must be in it, in place of the configured matchers (`auto_san_validation`). */
	readonly names?: readonly string[] | undefined;
}

type Refusal = Extract<Verdict, { ok: false }>;

const NOT_VALIDATED = { ok: true, validated: false } as const;
const VALIDATED: Verdict = { ok: true, validated: true };
const ISSUER_ERRORS = new Set(["UNABLE_TO_GET_ISSUER_CERT", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"]);
const DATE_ERRORS = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);

/** Decides about peers by one validation context, in the order of Envoy's default validator: chain, names, digests. */
export class PeerVerifier {
	readonly material: ValidationMaterial;
	readonly #nowMs: () => number;
	readonly #revocation: LeafRevocation | undefined;

	/** Throws when the revocation list of the material cannot be read. */
	constructor(material: ValidationMaterial, nowEpochMs: () => number) {
		this.material = material;
		this.#nowMs = nowEpochMs;
		this.#revocation = material.crl && material.leafCrlOnly ? new LeafRevocation(material.crl) : undefined;
	}

	/** OpenSSL alone decides about chains: what it finds wrong is wrong. */
	get chainErrorsAreFinal(): boolean {
		const { ca, allowExpired, acceptUntrusted, spiffe } = this.material;
		return ca !== undefined && !allowExpired && !acceptUntrusted && !spiffe;
	}

	/** A resumed session does not bring the peer's chain along, which the rules that go beyond OpenSSL's need. */
	get needsChain(): boolean {
		const { allowExpired, spiffe, maxDepth } = this.material;
		return allowExpired || spiffe !== undefined || maxDepth !== undefined || this.#revocation !== undefined;
	}

	verify({ leaf, chainError, names }: PeerEvidence): Verdict {
		if (!leaf) return NOT_VALIDATED;
		const refused = this.#refusal(leaf, chainError, names);
		if (!refused) return this.#checksAnything(names) ? VALIDATED : NOT_VALIDATED;
		return this.material.acceptUntrusted ? { ...NOT_VALIDATED, doubt: refused.kind } : refused;
	}

	#checksAnything(names: readonly string[] | undefined): boolean {
		const { ca, certHashes, spkiPins } = this.material;
		return ca !== undefined || certHashes.size > 0 || spkiPins.size > 0 || names !== undefined;
	}

	#refusal(
		leaf: X509Certificate,
		chainError: string | undefined,
		names: readonly string[] | undefined,
	): Refusal | undefined {
		const { sans } = this.material;
		const wrong = this.#chainFault(leaf, chainError);
		if (wrong) return refusal("fail_verify_error", wrong);
		const own = alternativeNames(leaf);
		if (names) {
			const found = own.all.join(", ");
			if (!hasOneOfNames(own, names))
				return refusal(
					"fail_verify_san",
					`verify SAN list, expected SANs: [${names.join(", ")}], certificate SANs: [${found}]`,
				);
		} else if (sans.length > 0 && !sans.some((matches) => matches(own)))
			return refusal(
				"fail_verify_san",
				this.material.spiffe ? "SAN match" : `SAN matcher, certificate SANs are [${own.all.join(", ")}]`,
			);
		if (!this.#digestFits(leaf)) return refusal("fail_verify_cert_hash", "cert hash and spki");
		return undefined;
	}

	/** What is wrong with the chain in Envoy's words; undefined: nothing, or nobody asked. */
	#chainFault(leaf: X509Certificate, chainError: string | undefined): string | undefined {
		const { ca, allowExpired, spiffe, maxDepth } = this.material;
		if (!ca) return undefined;
		if (spiffe) return this.#spiffeFault(leaf);
		const ignorable = allowExpired && chainError !== undefined && DATE_ERRORS.has(chainError);
		if (chainError !== undefined && !ignorable) return opensslWords(chainError, this.#depthOf(chainError, leaf));
		// The one error that OpenSSL names may hide others.
		if (ignorable && !leadsToAuthority(chainOf(leaf), { authorities: ca, nowMs: undefined }))
			return opensslWords("UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
		if (maxDepth !== undefined && this.#depth(leaf, ca) > maxDepth) return opensslWords("CERT_CHAIN_TOO_LONG");
		const revoked = this.#revocation?.check(leaf, [...chainOf(leaf).slice(1), ...ca], this.#nowMs());
		return revoked && opensslWords(revoked);
	}

	/** Envoy: SPIFFEValidator. A workload's certificate is no authority, and is held to the authorities of its own trust domain. */
	#spiffeFault(leaf: X509Certificate): string | undefined {
		const { spiffe, allowExpired } = this.material;
		if (leaf.ca || mayAct(leaf, KEY_USAGE.certificateSign) || mayAct(leaf, KEY_USAGE.crlSign)) return "cert precheck";
		const authorities = bundleFor(alternativeNames(leaf), spiffe!);
		if (!authorities) return "no trust bundle store";
		const chain = chainOf(leaf);
		const nowMs = allowExpired ? undefined : this.#nowMs();
		if (leadsToAuthority(chain, { authorities, nowMs })) return undefined;
		if (!leadsToAuthority(chain, { authorities, nowMs: undefined }))
			return opensslWords("UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
		const early = leaf.validFromDate.getTime() > this.#nowMs();
		return opensslWords(early ? "CERT_NOT_YET_VALID" : "CERT_HAS_EXPIRED");
	}

	/** Where in the chain the error is that OpenSSL names: 0 is the leaf. */
	#depthOf(chainError: string, leaf: X509Certificate): number {
		const chain = chainOf(leaf);
		if (ISSUER_ERRORS.has(chainError)) return chain.length - 1;
		if (!DATE_ERRORS.has(chainError)) return 0;
		const nowMs = this.#nowMs();
		const wrong = chain.findLastIndex(
			({ validFromDate, validToDate }) => nowMs < validFromDate.getTime() || validToDate.getTime() < nowMs,
		);
		return Math.max(0, wrong);
	}

	/** Authorities between the leaf and the trust anchor, neither counted (BoringSSL). */
	#depth(leaf: X509Certificate, ca: readonly X509Certificate[]): number {
		const chain = chainOf(leaf);
		const anchored = chain.findIndex(({ fingerprint256 }) => ca.some((own) => own.fingerprint256 === fingerprint256));
		return anchored >= 0 ? Math.max(0, anchored - 1) : chain.length - 1;
	}

	#digestFits(leaf: X509Certificate): boolean {
		const { certHashes, spkiPins } = this.material;
		if (certHashes.size === 0 && spkiPins.size === 0) return true;
		if (certHashes.has(plainHex(leaf.fingerprint256))) return true;
		if (spkiPins.size === 0) return false;
		const spki = leaf.publicKey.export({ type: "spki", format: "der" });
		return spkiPins.has(createHash("sha256").update(spki).digest("base64"));
	}
}

function refusal(kind: RefusalKind, detail: string): Refusal {
	return { ok: false, kind, detail };
}

/** BoringSSL's words for what OpenSSL calls by these names; where the chain has no anchor BoringSSL says one thing for all cases. */
const WORDS: Readonly<Record<string, string>> = {
	UNABLE_TO_GET_ISSUER_CERT: "unable to get issuer certificate",
	UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unable to get local issuer certificate",
	DEPTH_ZERO_SELF_SIGNED_CERT: "unable to get local issuer certificate",
	SELF_SIGNED_CERT_IN_CHAIN: "unable to get local issuer certificate",
	UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unable to get local issuer certificate",
	CERT_NOT_YET_VALID: "certificate is not yet valid",
	CERT_HAS_EXPIRED: "certificate has expired",
	CERT_SIGNATURE_FAILURE: "certificate signature failure",
	CERT_REVOKED: "certificate revocation check against provided CRLs failed: certificate revoked",
	UNABLE_TO_GET_CRL: "certificate revocation check against provided CRLs failed: unable to get certificate CRL",
	CRL_HAS_EXPIRED: "certificate revocation check against provided CRLs failed: CRL has expired",
	CRL_SIGNATURE_FAILURE: "certificate revocation check against provided CRLs failed: CRL signature failure",
	CERT_CHAIN_TOO_LONG: "certificate chain too long",
	INVALID_CA: "invalid CA certificate",
	INVALID_PURPOSE: "unsupported certificate purpose",
	PATH_LENGTH_EXCEEDED: "path length constraint exceeded",
};

function opensslWords(error: string, depth = 0): string {
	const words = WORDS[error] ?? error.toLowerCase().replaceAll("_", " ");
	return `X509_verify_cert: certificate verification error at depth ${depth}: ${words}`;
}
