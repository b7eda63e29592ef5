import type { JwtCrypto } from "./jwt-crypto.ts";

/** For tests: a signature is the key's `k` and the length of what is signed. Anything but `oct` keys is no key. */
export const fakeJwtCrypto: JwtCrypto = {
	importJwk: (jwk) => (jwk.kty === "oct" ? { handle: jwk.k } : undefined),
	importCertificate: (pem) => (pem.startsWith("-----BEGIN") ? { handle: "certificate" } : undefined),
	verify: (_alg, { handle }, signedText, signature) =>
		new TextDecoder().decode(signature) === `${String(handle)}:${signedText.length}`,
};

const encode = (text: string) => btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/** For tests: a token that `fakeJwtCrypto` finds good with the JWK `{kty: "oct", k: key}`. */
export function fakeToken(claims: object, header: object = {}, key = "a2V5"): string {
	const signed = `${encode(JSON.stringify({ alg: "HS256", ...header }))}.${encode(JSON.stringify(claims))}`;
	return `${signed}.${encode(`${key}:${signed.length}`)}`;
}
