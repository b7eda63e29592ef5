import type { Clock } from "../../../lib/clock.ts";
import { type EndpointSet, NO_ENDPOINTS } from "../compile/endpoint-config.ts";

/** The endpoints that EDS gave last, per service name: the server does not repeat them for a cluster that changed. */
export class EndpointAssignments {
	readonly #clock: Clock;
	readonly #onChange: (serviceName: string, endpoints: EndpointSet) => void;
	readonly #known = new Map<string, EndpointSet>();
	/** What takes endpoints away when nothing more is heard of them (`endpoint_stale_after`). */
	readonly #stale = new Map<string, () => void>();

	constructor(clock: Clock, onChange: (serviceName: string, endpoints: EndpointSet) => void) {
		this.#clock = clock;
		this.#onChange = onChange;
	}

	get(serviceName: string): EndpointSet | undefined {
		return this.#known.get(serviceName);
	}

	set(serviceName: string, endpoints: EndpointSet): void {
		this.#stale.get(serviceName)?.();
		this.#stale.delete(serviceName);
		this.#known.set(serviceName, endpoints);
		this.#onChange(serviceName, endpoints);
		if (endpoints.staleAfterMs <= 0) return;
		const cancel = this.#clock.after(endpoints.staleAfterMs, () => this.set(serviceName, NO_ENDPOINTS));
		this.#stale.set(serviceName, cancel);
	}

	/** Forgets all but these names. */
	keep(names: ReadonlySet<string>): void {
		for (const name of this.#known.keys()) {
			if (names.has(name)) continue;
			this.#known.delete(name);
			this.#stale.get(name)?.();
			this.#stale.delete(name);
		}
	}

	close(): void {
		this.keep(new Set());
	}
}
