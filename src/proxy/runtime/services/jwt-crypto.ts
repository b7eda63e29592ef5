import {
	constants,
	createHmac,
	createPublicKey,
	type JsonWebKey,
	type KeyObject,
	timingSafeEqual,
	verify,
	X509Certificate,
} from "node:crypto";
import type { JwtCrypto, JwtKey } from "../../filter/jwt-authn/jwt-crypto.ts";

const HASHES: Readonly<Record<string, string>> = { "256": "sha256", "384": "sha384", "512": "sha512" };

/** Signatures of tokens by OpenSSL; in the request's own turn, since one takes less than handing it to another thread. */
export const jwtCrypto: JwtCrypto = {
	importJwk(jwk) {
		if (jwk.kty === "oct") return typeof jwk.k === "string" ? { handle: Buffer.from(jwk.k, "base64url") } : undefined;
		return keyFrom(() => createPublicKey({ key: jwk as JsonWebKey, format: "jwk" }));
	},
	importCertificate: (pem) => keyFrom(() => new X509Certificate(pem).publicKey),
	verify(alg, { handle }, signedText, signature) {
		const data = Buffer.from(signedText);
		if (handle instanceof Uint8Array) return verifyHmac(alg, handle, data, signature);
		return verifyPublic(alg, handle as KeyObject, data, signature);
	},
};

function keyFrom(read: () => KeyObject): JwtKey | undefined {
	try {
		return { handle: read() };
	} catch {
		// Not a key: the caller says so.
		return undefined;
	}
}

function verifyHmac(alg: string, secret: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
	const hash = alg.startsWith("HS") ? HASHES[alg.slice(2)] : undefined;
	if (!hash) return false;
	const expected = createHmac(hash, secret).update(data).digest();
	return expected.length === signature.length && timingSafeEqual(expected, signature);
}

function verifyPublic(alg: string, key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
	const type = key.asymmetricKeyType;
	if (alg === "EdDSA") return type === "ed25519" && verify(null, data, key, signature);
	const hash = HASHES[alg.slice(2)];
	if (!hash) return false;
	switch (alg.slice(0, 2)) {
		case "RS":
			return type === "rsa" && verify(hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
		case "PS": {
			const saltLength = constants.RSA_PSS_SALTLEN_AUTO;
			return (
				type === "rsa" && verify(hash, data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
			);
		}
		case "ES":
			return type === "ec" && verify(hash, data, { key, dsaEncoding: "ieee-p1363" }, signature);
		default:
			return false;
	}
}
