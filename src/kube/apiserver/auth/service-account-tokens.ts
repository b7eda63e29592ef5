import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../../../lib/clock.ts";

/** Who a token is for. */
export interface ServiceAccountRef {
	readonly namespace: string;
	readonly name: string;
	readonly uid: string;
}

export interface IssuedToken {
	readonly token: string;
	readonly expiresEpochMs: number;
}

/** What a valid token says. */
export interface TokenClaims extends ServiceAccountRef {
	readonly audiences: readonly string[];
}

/** Issuer and audience of tokens for the API server itself (Kubernetes' default). */
export const API_AUDIENCE = "https://kubernetes.default.svc.cluster.local";

const HEADER = encode({ alg: "HS256", typ: "JWT" });

/** Issues and checks tokens of service accounts: JWTs (RFC 7519) signed with a key that follows from the server's own secret. */
export class ServiceAccountTokens {
	readonly #key: Buffer;
	readonly #clock: Clock;

	constructor(secret: string, clock: Clock) {
		this.#key = createHmac("sha256", secret).update("service account tokens").digest();
		this.#clock = clock;
	}

	issue(account: ServiceAccountRef, audiences: readonly string[], lifetimeMs: number): IssuedToken {
		const { namespace, name, uid } = account;
		const nowS = Math.floor(this.#clock.epochMs() / 1000);
		const exp = nowS + Math.floor(lifetimeMs / 1000);
		const payload = encode({
			aud: audiences,
			exp,
			iat: nowS,
			nbf: nowS,
			iss: API_AUDIENCE,
			sub: `system:serviceaccount:${namespace}:${name}`,
			"kubernetes.io": { namespace, serviceaccount: { name, uid } },
		});
		return { token: `${HEADER}.${payload}.${this.#sign(payload)}`, expiresEpochMs: exp * 1000 };
	}

	/** The claims of a token that this server signed and that has not expired; undefined for any other text. */
	check(token: string): TokenClaims | undefined {
		const [header, payload = "", signature = "", ...rest] = token.split(".");
		if (header !== HEADER || rest.length > 0) return undefined;
		const [theirs, ours] = [Buffer.from(signature), Buffer.from(this.#sign(payload))];
		if (theirs.length !== ours.length || !timingSafeEqual(theirs, ours)) return undefined;
		const claims = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as {
			aud: string[];
			exp: number;
			"kubernetes.io": { namespace: string; serviceaccount: { name: string; uid: string } };
		};
		if (claims.exp * 1000 <= this.#clock.epochMs()) return undefined;
		const { namespace, serviceaccount } = claims["kubernetes.io"];
		return { namespace, ...serviceaccount, audiences: claims.aud };
	}

	#sign(payload: string): string {
		return createHmac("sha256", this.#key).update(`${HEADER}.${payload}`).digest("base64url");
	}
}

function encode(value: object): string {
	return Buffer.from(JSON.stringify(value)).toString("base64url");
}
