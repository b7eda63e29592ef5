import type { X509Certificate } from "node:crypto";

/** A session with the certificate that was verified when it was agreed on; Node does not keep it. */
export interface KnownSession {
	readonly session: Buffer;
	readonly leaf: X509Certificate;
}

interface Entry extends KnownSession {
	readonly key: string;
}

/** The last sessions of an upstream context, by what they may be resumed for (Envoy: max_session_keys). */
export class SessionCache {
	readonly #limit: number;
	readonly #sessions: Entry[] = [];

	constructor(limit: number) {
		this.#limit = limit;
	}

	/** The newest session for `key`; `once` takes it out, as TLS 1.3 wants tickets used once (RFC 8446, C.4). */
	take(key: string, once: boolean): KnownSession | undefined {
		for (let i = this.#sessions.length - 1; i >= 0; i--) {
			const found = this.#sessions[i]!;
			if (found.key !== key) continue;
			if (once) this.#sessions.splice(i, 1);
			return found;
		}
		return undefined;
	}

	put(key: string, { session, leaf }: KnownSession): void {
		if (this.#limit === 0) return;
		if (this.#sessions.length >= this.#limit) this.#sessions.shift();
		this.#sessions.push({ key, session, leaf });
	}
}
