/** A key that is ready to verify with; what is in it is the implementation's own. */
export interface JwtKey {
	readonly handle: unknown;
}

/** Cryptography as a capability: this room is pure, the runtime hands it in. */
export interface JwtCrypto {
	/** A public key (RSA, EC, Ed25519) or a secret (`oct`) from a JWK; undefined when its numbers are no key. */
	importJwk(jwk: Readonly<Record<string, unknown>>): JwtKey | undefined;
	/** The public key of an X.509 certificate in PEM; undefined when there is none in it. */
	importCertificate(pem: string): JwtKey | undefined;
	/** True when `signature` (JOSE's form) is the key's over `signedText` by `alg`; false too when the algorithm is not the key's. */
	verify(alg: string, key: JwtKey, signedText: string, signature: Uint8Array): boolean;
}
