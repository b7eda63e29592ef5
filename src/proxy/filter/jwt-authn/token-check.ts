import { isKeySet, type JwkSet } from "./jwks.ts";
import { isStatus, type Jwt, parseJwt } from "./jwt.ts";
import { JWT_STATUS, type JwtStatus } from "./jwt-status.ts";
import type { Audiences, Provider } from "./provider.ts";
import type { FoundToken, TokenLocations } from "./token-locations.ts";
import type { Verification } from "./verification.ts";

/** How the tokens of a request are judged. */
export interface TokenPolicy {
	/** Undefined: the provider of the token's issuer. */
	readonly provider?: Provider;
	readonly audiences?: Audiences | undefined;
	readonly allowMissing: boolean;
	readonly allowFailed: boolean;
	/** Header that tells the upstream that a token was not verified. */
	readonly statusHeader?: string;
}

type Done = (status: JwtStatus) => void;

/**
 * Checks all tokens at some places, the last one found first. Unless failure is allowed all must be good: an upstream that looks at another
 * one than the proxy did must not be fooled.
 */
export function checkTokens(on: Verification, locations: TokenLocations, policy: TokenPolicy, done: Done): void {
	const { request } = on;
	for (const name of locations.ownHeaders) request.headers.remove(name);
	new TokenCheck(on, policy, locations.find(request), done).start();
}

class TokenCheck {
	readonly #on: Verification;
	readonly #policy: TokenPolicy;
	readonly #tokens: FoundToken[];
	readonly #done: Done;
	/** Of the token at hand. */
	#provider: Provider | undefined;

	constructor(on: Verification, policy: TokenPolicy, tokens: FoundToken[], done: Done) {
		this.#on = on;
		this.#policy = policy;
		this.#tokens = tokens;
		this.#done = done;
	}

	start(): void {
		const token = this.#tokens.pop();
		if (token) this.#check(token);
		else this.#finish(JWT_STATUS.missing);
	}

	#check(token: FoundToken): void {
		const { provider } = this.#policy;
		this.#provider = provider;
		const known = provider && this.#cached(provider, token.text);
		const jwt = known ?? parseJwt(token.text);
		if (isStatus(jwt)) this.#finish(jwt);
		else this.#checkParsed(token, jwt, known !== undefined);
	}

	#cached(provider: Provider, token: string): Jwt | undefined {
		const { cacheHit, cacheMiss } = this.#on.shared;
		const jwt = provider.verified.get(token, provider.keys.current());
		(jwt && provider.countsCache ? cacheHit : cacheMiss).inc();
		return jwt;
	}

	#checkParsed(token: FoundToken, jwt: Jwt, verified: boolean): void {
		const { byIssuer, nowMs } = this.#on.shared;
		if (token.issuers && !token.issuers.has(jwt.issuer)) {
			this.#finish(JWT_STATUS.unknownIssuer);
			return;
		}
		this.#provider ??= byIssuer.get(jwt.issuer) ?? byIssuer.get("");
		const provider = this.#provider;
		if (!provider) {
			this.#finish(JWT_STATUS.unknownIssuer);
			return;
		}
		const status = provider.checkClaims(jwt, Math.floor(nowMs() / 1000), this.#policy.audiences);
		if (status !== JWT_STATUS.ok) this.#finish(status);
		else if (verified) this.#accept(token, jwt, provider);
		else this.#withKeys(provider, (keys) => this.#verify(token, jwt, provider, keys));
	}

	#withKeys(provider: Provider, next: (keys: JwkSet) => void): void {
		const keys = provider.keys.current();
		if (keys) {
			next(keys);
			return;
		}
		this.#on.stopWaiting = provider.keys.fetch((fetched) => {
			this.#on.stopWaiting = undefined;
			if (isKeySet(fetched)) next(fetched);
			else this.#finish(fetched);
		});
	}

	#verify(token: FoundToken, jwt: Jwt, provider: Provider, keys: JwkSet): void {
		const status = provider.verifySignature(jwt, keys);
		if (status !== JWT_STATUS.ok) {
			this.#finish(status);
			return;
		}
		if (this.#policy.provider) provider.verified.put(token.text, jwt, keys);
		this.#accept(token, jwt, provider);
	}

	#accept(token: FoundToken, jwt: Jwt, provider: Provider): void {
		const { request, extracted } = this.#on;
		for (const [name, value] of provider.headersFor(jwt)) request.headers.append(name, value);
		if (!provider.forward) token.remove(request);
		for (const [key, struct] of provider.metadataFor(jwt)) extracted[key] = struct;
		if (provider.clearsRoute) this.#on.clearsRoute = true;
		this.#finish(JWT_STATUS.ok);
	}

	/** One token is done: the next one, or the outcome. */
	#finish(status: JwtStatus): void {
		const { allowFailed, allowMissing, statusHeader } = this.#policy;
		if (status !== JWT_STATUS.ok) {
			const key = (this.#provider ?? this.#on.shared.only)?.failedStatusKey;
			if (key) this.#on.extracted[key] = { code: status.code, message: status.text };
			if (statusHeader && status !== JWT_STATUS.missing) this.#on.request.headers.set(statusHeader, "false");
		}
		const goesOn = status === JWT_STATUS.ok || allowFailed || allowMissing;
		if (goesOn && this.#tokens.length > 0) this.start();
		else if (allowFailed || (allowMissing && status === JWT_STATUS.missing)) this.#done(JWT_STATUS.ok);
		else this.#done(status);
	}
}
