import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../lib/clock.ts";
import type { ResourceType } from "../../xds/type-urls.ts";

/** Resources that live for a while unless they are heard of again (xDS protocol: TTL). */
export class ResourceTtl {
	readonly #clock: Clock | undefined;
	readonly #expire: (type: ResourceType, name: string) => void;
	readonly #cancels = new Map<string, () => void>();

	/** Without a clock everything lives for ever. */
	constructor(clock: Clock | undefined, expire: (type: ResourceType, name: string) => void) {
		this.#clock = clock;
		this.#expire = expire;
	}

	/** A resource, or a sign of life of one, has come; without `ttl` it stays. */
	heard(type: ResourceType, name: string, ttl: Duration | undefined): void {
		this.forget(type, name);
		if (!ttl || !this.#clock) return;
		const key = keyOf(type, name);
		const cancel = this.#clock.after(durationMs(ttl), () => {
			this.#cancels.delete(key);
			this.#expire(type, name);
		});
		this.#cancels.set(key, cancel);
	}

	forget(type: ResourceType, name: string): void {
		const key = keyOf(type, name);
		this.#cancels.get(key)?.();
		this.#cancels.delete(key);
	}

	close(): void {
		for (const cancel of this.#cancels.values()) cancel();
		this.#cancels.clear();
	}
}

function keyOf(type: ResourceType, name: string): string {
	return `${type} ${name}`;
}
