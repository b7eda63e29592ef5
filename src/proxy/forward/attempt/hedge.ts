import type { HeaderMap } from "../../http/header-map.ts";
import type { ForwardAction } from "../../router/route-match.ts";
import type { Attempt } from "./attempt.ts";

const CLIENT_FIELD = "x-envoy-hedge-on-per-try-timeout";

/** Whether a try that takes too long goes on beside the next one: the route's word, or an internal client's; takes the client's field off. */
export function hedges(headers: HeaderMap, { hedgesOnTimeout }: ForwardAction): boolean {
	const asked = headers.get(CLIENT_FIELD);
	if (asked === undefined) return hedgesOnTimeout;
	headers.remove(CLIENT_FIELD);
	// As Envoy: a client can turn it on, not off.
	return asked === "true" || hedgesOnTimeout;
}

/** The attempts of one request that run beside its newest one, since they took longer than one try may (Envoy: hedging). */
export class SlowAttempts {
	readonly #attempts = new Set<Attempt>();

	/** How many may still answer. */
	get size(): number {
		return this.#attempts.size;
	}

	has(attempt: Attempt): boolean {
		return this.#attempts.has(attempt);
	}

	add(attempt: Attempt): void {
		this.#attempts.add(attempt);
	}

	remove(attempt: Attempt): void {
		this.#attempts.delete(attempt);
	}

	cancel(): void {
		for (const attempt of this.#attempts) attempt.cancel();
		this.#attempts.clear();
	}
}
