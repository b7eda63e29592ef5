import { decodeBase64Url } from "./base64.ts";
import { isStatus, type JsonStruct, type Jwt, parseJsonObject } from "./jwt.ts";
import type { JwtCrypto, JwtKey } from "./jwt-crypto.ts";
import { JWT_STATUS, type JwtStatus } from "./jwt-status.ts";

/** One key of a set. */
interface SetKey {
	/** Empty: not said. */
	readonly kid: string;
	readonly alg: string;
	readonly kty: string;
	readonly key: JwtKey;
}

/** The keys of one provider. */
export interface JwkSet {
	readonly keys: readonly SetKey[];
}

/**
 * Reads a JWK set (RFC 7517), or a map of key ids to PEM certificates. A key that is wrong is passed over, as Envoy does, unless none is
 * left: then its fault is the set's.
 */
export function parseJwks(text: string, crypto: JwtCrypto): JwkSet | JwtStatus {
	const struct = parseJsonObject(text);
	if (!struct) return JWT_STATUS.jwksNotJson;
	if (struct.keys === undefined) return parseCertificates(struct, crypto);
	if (!Array.isArray(struct.keys)) return JWT_STATUS.jwksBadKeys;
	const keys = struct.keys.flatMap((jwk: unknown) =>
		typeof jwk === "object" && jwk !== null ? (parseJwk(jwk as JsonStruct, crypto) ?? []) : [],
	);
	return keys.length > 0 ? { keys } : JWT_STATUS.jwksNoValidKeys;
}

function parseCertificates(struct: JsonStruct, crypto: JwtCrypto): JwkSet | JwtStatus {
	const entries = Object.entries(struct);
	if (entries.length === 0 || entries.some(([kid, pem]) => kid === "" || typeof pem !== "string" || pem === ""))
		return JWT_STATUS.jwksNoKeys;
	const keys = entries.flatMap(([kid, pem]) => {
		const key = crypto.importCertificate(pem as string);
		return key ? [{ kid, alg: "", kty: "RSA", key }] : [];
	});
	return keys.length > 0 ? { keys } : JWT_STATUS.jwksNoValidKeys;
}

/** What a key of each type may be used for. */
const ALGORITHMS_OF_TYPE: Readonly<Record<string, RegExp>> = {
	RSA: /^[RP]S/,
	EC: /^ES/,
	oct: /^HS(256|384|512)$/,
	OKP: /^EdDSA$/,
};
const CURVE_OF_ALG: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
	RSA: ["n", "e"],
	EC: ["x", "y"],
	oct: ["k"],
	OKP: ["x"],
};

function parseJwk(jwk: JsonStruct, crypto: JwtCrypto): SetKey | undefined {
	const kty = textOf(jwk.kty);
	const kid = textOf(jwk.kid);
	const alg = textOf(jwk.alg);
	if (!Object.hasOwn(ALGORITHMS_OF_TYPE, kty)) return undefined;
	if (alg !== "" && !ALGORITHMS_OF_TYPE[kty]!.test(alg)) return undefined;
	const members = MEMBERS[kty]!;
	if (!members.every((name) => decodesTo(jwk[name]))) return undefined;
	const crv = curveOf(kty, alg, textOf(jwk.crv));
	if (crv === undefined) return undefined;
	const material = Object.fromEntries(members.map((name) => [name, jwk[name]]));
	const key = crypto.importJwk({ kty, ...(crv !== "" && { crv }), ...material });
	return key && { kid, alg, kty, key };
}

/** The curve, filled in where the algorithm names it; "" for types without; undefined when it does not fit. */
function curveOf(kty: string, alg: string, crv: string): string | undefined {
	if (kty === "OKP") return crv === "Ed25519" ? crv : undefined;
	if (kty !== "EC") return "";
	const byAlg = alg === "" ? undefined : CURVE_OF_ALG[alg];
	if (alg !== "" && (!byAlg || (crv !== "" && crv !== byAlg))) return undefined;
	const curve = byAlg ?? (crv || "P-256");
	return Object.values(CURVE_OF_ALG).includes(curve) ? curve : undefined;
}

function textOf(value: unknown): string {
	return typeof value === "string" ? value : "";
}

function decodesTo(value: unknown): boolean {
	return typeof value === "string" && (decodeBase64Url(value)?.length ?? 0) > 0;
}

/** Verifies a token's signature: by the key that it names, or, when it names none, by any. */
export function verifySignature(jwt: Jwt, { keys }: JwkSet, crypto: JwtCrypto): JwtStatus {
	let candidates = false;
	for (const { kid, alg, kty, key } of keys) {
		if (jwt.kid !== "" && kid !== "" && kid !== jwt.kid) continue;
		if (alg !== "" && alg !== jwt.alg) continue;
		candidates = true;
		if (kty === "OKP" && jwt.signature.length !== 64) return JWT_STATUS.ed25519Length;
		if (ALGORITHMS_OF_TYPE[kty]!.test(jwt.alg) && crypto.verify(jwt.alg, key, jwt.signedText, jwt.signature))
			return JWT_STATUS.ok;
	}
	return candidates ? JWT_STATUS.verificationFails : JWT_STATUS.kidAlgMismatch;
}

/** Narrowing for `parseJwks`. */
export function isKeySet(value: JwkSet | JwtStatus): value is JwkSet {
	return !isStatus(value);
}
