import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { DnsConfig, DnsFamily } from "./cluster-config.ts";
import type { EndpointConfig, EndpointSet } from "./endpoint-config.ts";
import { isIpAddress } from "./ip-address.ts";

export interface DnsAnswer {
	/** Never empty; a name without addresses is a rejection. */
	readonly addresses: readonly string[];
	/** Undefined when the resolver does not know it. */
	readonly ttlMs: number | undefined;
}

/** Resolution of names, as a capability. */
export interface DnsResolver {
	resolve(name: string, family: DnsFamily): Promise<DnsAnswer>;
}

interface DnsDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly resolver: DnsResolver;
	/** The endpoints with addresses for names; called after every round, even when every look-up failed. */
	onEndpoints(endpoints: EndpointSet): void;
	onFailure(name: string, error: unknown): void;
}

/** Keeps the names of a DNS cluster resolved. A failed look-up keeps the addresses known and is tried again with back-off. */
export class DnsDiscovery {
	readonly #config: DnsConfig;
	readonly #names: EndpointSet;
	readonly #deps: DnsDeps;
	readonly #known = new Map<string, readonly string[]>();
	#failures = 0;
	#closed = false;
	#cancel = () => {};

	constructor(config: DnsConfig, names: EndpointSet, deps: DnsDeps) {
		this.#config = config;
		this.#names = names;
		this.#deps = deps;
		void this.#round();
	}

	close(): void {
		this.#closed = true;
		this.#cancel();
	}

	async #round(): Promise<void> {
		const names = [...new Set(this.#names.endpoints.map(({ host }) => host))];
		const answers = await Promise.all(names.map((name) => this.#resolve(name)));
		if (this.#closed) return;
		const failed = answers.some((answer) => answer === undefined);
		this.#failures = failed ? this.#failures + 1 : 0;
		this.#deps.onEndpoints({ ...this.#names, endpoints: this.#names.endpoints.flatMap((e) => this.#expand(e)) });
		const ttls = answers.flatMap((answer) => answer?.ttlMs ?? []);
		this.#cancel = this.#deps.clock.after(failed ? this.#backoffMs() : this.#refreshMs(ttls), () => void this.#round());
	}

	async #resolve(name: string): Promise<DnsAnswer | undefined> {
		if (isIpAddress(name)) {
			this.#known.set(name, [name]);
			return { addresses: [name], ttlMs: undefined };
		}
		try {
			const answer = await this.#deps.resolver.resolve(name, this.#config.family);
			this.#known.set(name, this.#config.logical ? answer.addresses.slice(0, 1) : answer.addresses);
			return answer;
		} catch (error) {
			if (!this.#closed) this.#deps.onFailure(name, error);
			return undefined;
		}
	}

	#expand(endpoint: EndpointConfig): EndpointConfig[] {
		return (this.#known.get(endpoint.host) ?? []).map((host) => ({
			...endpoint,
			host,
			hostname: endpoint.hostname || endpoint.host,
		}));
	}

	#refreshMs(ttls: readonly number[]): number {
		if (!this.#config.respectTtl || ttls.length === 0) return this.#config.refreshMs;
		return Math.max(1000, Math.min(...ttls));
	}

	#backoffMs(): number {
		const { failureBaseMs, failureMaxMs } = this.#config;
		const ceiling = Math.min(failureMaxMs, failureBaseMs * 2 ** Math.min(30, this.#failures - 1));
		return Math.max(1, this.#deps.random.unit() * ceiling);
	}
}
