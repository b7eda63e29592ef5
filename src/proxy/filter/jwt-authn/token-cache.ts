import type { JwkSet } from "./jwks.ts";
import type { Jwt } from "./jwt.ts";

const DEFAULT_SIZE = 100;
const DEFAULT_MAX_TOKEN_LENGTH = 4096;

/** Tokens whose signature was good under one key set; the one used longest ago goes first. Bounded. */
export class TokenCache {
	readonly #size: number;
	readonly #maxTokenLength: number;
	readonly #tokens = new Map<string, Jwt>();
	#keys: JwkSet | undefined = undefined;

	constructor(size = DEFAULT_SIZE, maxTokenLength = DEFAULT_MAX_TOKEN_LENGTH) {
		this.#size = size;
		this.#maxTokenLength = maxTokenLength;
	}

	/** The token taken apart, when it was verified with just these keys. */
	get(token: string, keys: JwkSet | undefined): Jwt | undefined {
		if (keys !== this.#keys) {
			this.#tokens.clear();
			this.#keys = keys;
			return undefined;
		}
		const jwt = this.#tokens.get(token);
		if (!jwt) return undefined;
		this.#tokens.delete(token);
		this.#tokens.set(token, jwt);
		return jwt;
	}

	put(token: string, jwt: Jwt, keys: JwkSet): void {
		if (token.length > this.#maxTokenLength) return;
		if (keys !== this.#keys) this.#tokens.clear();
		this.#keys = keys;
		if (this.#tokens.size >= this.#size) this.#tokens.delete(this.#tokens.keys().next().value!);
		this.#tokens.set(token, jwt);
	}
}
