/** `envoy.type.v3.TokenBucket`, read. */
export interface BucketSettings {
	readonly maxTokens: number;
	readonly tokensPerFill: number;
	readonly fillIntervalMs: number;
}

/**
 * Tokens that come back steadily, `tokensPerFill` per interval (Envoy: AtomicTokenBucketImpl); full at first. Only whole tokens are
 * given out.
 */
export class TokenBucket {
	readonly maxTokens: number;
	readonly tokensPerMs: number;
	#tokens: number;
	#atMs: number;

	constructor({ maxTokens, tokensPerFill, fillIntervalMs }: BucketSettings, nowMs: number) {
		this.maxTokens = maxTokens;
		this.tokensPerMs = tokensPerFill / fillIntervalMs;
		this.#tokens = maxTokens;
		this.#atMs = nowMs;
	}

	/** Takes that many tokens, all or none; a negative number gives some back. */
	take(tokens: number, nowMs: number): boolean {
		this.#refill(nowMs);
		if (this.#tokens < tokens) return false;
		this.#tokens = Math.min(this.maxTokens, this.#tokens - tokens);
		return true;
	}

	remaining(nowMs: number): number {
		this.#refill(nowMs);
		return Math.floor(this.#tokens);
	}

	/** Whole seconds, rounded up, until there is a token; 0 when there is one. */
	secondsToNext(nowMs: number): number {
		this.#refill(nowMs);
		if (this.#tokens >= 1) return 0;
		return Math.ceil((1 - this.#tokens) / this.tokensPerMs / 1000);
	}

	#refill(nowMs: number): void {
		this.#tokens = Math.min(this.maxTokens, this.#tokens + (nowMs - this.#atMs) * this.tokensPerMs);
		this.#atMs = nowMs;
	}
}
