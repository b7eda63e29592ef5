import assert from "node:assert/strict";
import { test } from "node:test";
import { base64url, CompactSign, type CryptoKey, exportJWK, generateKeyPair } from "jose";
import { isKeySet, parseJwks, verifySignature } from "../../filter/jwt-authn/jwks.ts";
import { isStatus, parseJwt } from "../../filter/jwt-authn/jwt.ts";
import { JWT_STATUS } from "../../filter/jwt-authn/jwt-status.ts";
import { jwtCrypto } from "./jwt-crypto.ts";

/** A token as `jose` signs it. */
async function sign(alg: string, key: CryptoKey | Uint8Array, kid?: string): Promise<string> {
	const payload = new TextEncoder().encode(JSON.stringify({ iss: "a" }));
	return new CompactSign(payload).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) }).sign(key);
}

function verified(token: string, keys: readonly object[]): string {
	const jwt = parseJwt(token);
	assert.ok(!isStatus(jwt));
	const set = parseJwks(JSON.stringify({ keys }), jwtCrypto);
	assert.ok(isKeySet(set));
	return verifySignature(jwt, set, jwtCrypto).text;
}

for (const alg of ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]) {
	test(`${alg}: the signer's key verifies, another one does not`, async () => {
		const [own, other] = [await generateKeyPair(alg), await generateKeyPair(alg)];
		const [ownJwk, otherJwk] = [await exportJWK(own.publicKey), await exportJWK(other.publicKey)];
		const token = await sign(alg, own.privateKey, "k");
		assert.equal(verified(token, [ownJwk]), JWT_STATUS.ok.text);
		assert.equal(verified(token, [otherJwk, { ...ownJwk, alg }]), JWT_STATUS.ok.text);
		assert.equal(verified(token, [otherJwk]), JWT_STATUS.verificationFails.text);
		assert.equal(verified(token, [{ ...ownJwk, kid: "x" }]), JWT_STATUS.kidAlgMismatch.text);
		const changed = token.replace(/\.[^.]+\./, `.${base64url.encode(JSON.stringify({ iss: "b" }))}.`);
		assert.equal(verified(changed, [ownJwk]), JWT_STATUS.verificationFails.text);
	});
}

for (const alg of ["HS256", "HS384", "HS512"]) {
	test(`${alg}: the secret verifies, another one does not`, async () => {
		const secret = new TextEncoder().encode("0123456789abcdef".repeat(4));
		const token = await sign(alg, secret);
		const jwk = { kty: "oct", k: base64url.encode(secret) };
		assert.equal(verified(token, [jwk]), JWT_STATUS.ok.text);
		assert.equal(verified(token, [{ kty: "oct", k: "AAAA" }]), JWT_STATUS.verificationFails.text);
	});
}

test("a public key is never taken for a secret", async () => {
	const { publicKey } = await generateKeyPair("RS256");
	const jwk = await exportJWK(publicKey);
	const token = await sign("HS256", new TextEncoder().encode(jwk.n!.padEnd(64)));
	assert.equal(verified(token, [jwk]), JWT_STATUS.verificationFails.text);
});

test("keys that do not fit together are no keys", async () => {
	const { publicKey } = await generateKeyPair("ES256");
	const jwk = await exportJWK(publicKey);
	for (const wrong of [
		{ ...jwk, alg: "ES384" },
		{ ...jwk, alg: "RS256" },
		{ ...jwk, crv: "P-999" },
		{ ...jwk, x: "AAAA" },
		{ kty: "RSA", n: "AQAB" },
		{},
	])
		assert.ok(!isKeySet(parseJwks(JSON.stringify({ keys: [wrong] }), jwtCrypto)), JSON.stringify(wrong));
	assert.ok(isKeySet(parseJwks(JSON.stringify({ keys: [{}, jwk] }), jwtCrypto)));
});
