import type { Clock } from "../../../lib/clock.ts";

/** Settings of a token bucket (Envoy: type.v3.TokenBucket). */
export interface TokenBucketSettings {
	readonly maxTokens: number;
	readonly tokensPerFill: number;
	readonly fillIntervalMs: number;
}

/** A bucket that fills with time; nothing runs while nobody takes. */
export class TokenBucket {
	readonly #settings: TokenBucketSettings;
	readonly #clock: Clock;
	#tokens: number;
	#filledMs: number;

	constructor(settings: TokenBucketSettings, clock: Clock) {
		this.#settings = settings;
		this.#clock = clock;
		this.#tokens = settings.maxTokens;
		this.#filledMs = clock.nowMs();
	}

	/** Takes one token; false when there is none. */
	take(): boolean {
		this.#fill();
		if (this.#tokens < 1) return false;
		this.#tokens--;
		return true;
	}

	#fill(): void {
		const { maxTokens, tokensPerFill, fillIntervalMs } = this.#settings;
		const fills = Math.floor((this.#clock.nowMs() - this.#filledMs) / fillIntervalMs);
		if (fills <= 0) return;
		this.#filledMs += fills * fillIntervalMs;
		this.#tokens = Math.min(maxTokens, this.#tokens + fills * tokensPerFill);
	}
}
