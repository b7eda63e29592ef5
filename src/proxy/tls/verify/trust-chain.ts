import type { X509Certificate } from "node:crypto";
import { pathLengthOf } from "./certificate-der.ts";

/** Longer chains are not followed. */
const MAX_CHAIN = 100;

export interface TrustRules {
	readonly authorities: readonly X509Certificate[];
	/** Undefined: dates are not looked at. */
	readonly nowMs: number | undefined;
}

/**
 * Whether `chain` (as the peer sent it, leaf first) leads to an authority: signatures, the right to sign, path length and dates. For what
 * OpenSSL's own verdict cannot tell: it names one error only, and knows one set of authorities.
 */
export function leadsToAuthority(chain: readonly X509Certificate[], rules: TrustRules): boolean {
	let below = 0;
	let current = chain[0];
	while (current && below < MAX_CHAIN) {
		if (!inTime(current, rules.nowMs)) return false;
		if (below > 0 && !maySign(current, below - 1)) return false;
		const subject: X509Certificate = current;
		if (rules.authorities.some((authority) => authority.fingerprint256 === subject.fingerprint256)) return true;
		const anchor = rules.authorities.find((authority) => signed(authority, subject));
		if (anchor) return maySign(anchor, below) && inTime(anchor, rules.nowMs);
		current = chain.find((candidate) => candidate !== subject && signed(candidate, subject));
		below++;
	}
	return false;
}

/** Whether `issuer` signed `subject`. */
export function signed(issuer: X509Certificate, subject: X509Certificate): boolean {
	return subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
}

function inTime(certificate: X509Certificate, nowMs: number | undefined): boolean {
	if (nowMs === undefined) return true;
	return certificate.validFromDate.getTime() <= nowMs && nowMs <= certificate.validToDate.getTime();
}

/** An authority may be limited in how many others stand between it and the leaf. */
function maySign(certificate: X509Certificate, between: number): boolean {
	if (!certificate.ca) return false;
	const limit = pathLengthOf(certificate);
	return limit === undefined || between <= limit;
}
