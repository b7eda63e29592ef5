import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { DnsConfig } from "../cluster-config.ts";
import type { EndpointConfig, EndpointSet } from "../compile/endpoint-config.ts";
import { isSocketPath } from "../compile/endpoint-place.ts";
import type { ResolverConfig } from "../compile/resolver-config.ts";
import { isIpAddress } from "../ip-address.ts";
import type { DnsFamily } from "./dns-family.ts";

export interface DnsAnswer {
	/** Empty when the name exists without addresses, or does not exist. */
	readonly addresses: readonly string[];
	/** Undefined when the resolver does not know it. */
	readonly ttlMs: number | undefined;
}

/** Resolution of names, as a capability; rejects when there was no answer. */
export interface DnsResolver {
	resolve(name: string, family: DnsFamily, by?: ResolveBy): Promise<DnsAnswer>;
}

/** How a name is to be resolved. */
export interface ResolveBy {
	/** Undefined: as the bootstrap says, else the system. */
	readonly resolver?: ResolverConfig | undefined;
	/** Times to live are wanted, which the system's own resolution does not tell. */
	readonly wantsTtl?: boolean;
}

interface DnsDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly resolver: DnsResolver;
	/** The endpoints with addresses for names; called after every answer, even when the look-up failed. */
	onEndpoints(endpoints: EndpointSet): void;
	onFailure(name: string, error: unknown): void;
	/** A look-up ended. */
	onRound(answered: boolean): void;
}

interface Target {
	readonly name: string;
	addresses: readonly string[];
	failures: number;
	cancel: () => void;
}

/**
 * Keeps the names of a DNS cluster resolved, each by itself. A name without addresses loses its endpoints; a failed look-up keeps the
 * addresses known and is tried again with back-off.
 */
export class DnsDiscovery {
	readonly #config: DnsConfig;
	readonly #names: EndpointSet;
	readonly #deps: DnsDeps;
	readonly #targets: ReadonlyMap<string, Target>;
	#waiting: number;
	#closed = false;

	constructor(config: DnsConfig, names: EndpointSet, deps: DnsDeps) {
		this.#config = config;
		this.#names = names;
		this.#deps = deps;
		const hosts = names.endpoints.filter((endpoint) => !isSocketPath(endpoint)).map(({ host }) => host);
		const targets = [...new Set(hosts)].map((name): Target => ({ name, addresses: [], failures: 0, cancel: () => {} }));
		this.#targets = new Map(targets.map((target) => [target.name, target]));
		this.#waiting = targets.length;
		if (targets.length === 0) deps.onEndpoints(names);
		for (const target of targets) void this.#refresh(target, true);
	}

	close(): void {
		this.#closed = true;
		for (const { cancel } of this.#targets.values()) cancel();
	}

	async #refresh(target: Target, first: boolean): Promise<void> {
		const resolved = await this.#resolve(target.name);
		if (this.#closed) return;
		// A logical host cannot be without an address: no address is a failure.
		const answer = this.#config.logical && resolved?.addresses.length === 0 ? undefined : resolved;
		if (first) this.#waiting--;
		this.#deps.onRound(answer !== undefined);
		target.failures = answer ? 0 : target.failures + 1;
		if (answer) target.addresses = answer.addresses;
		// Endpoints appear together, once every name had its first look-up.
		if (this.#waiting === 0) this.#tell();
		const delayMs = answer ? this.#refreshMs(answer) : this.#backoffMs(target.failures);
		target.cancel = this.#deps.clock.after(delayMs, () => void this.#refresh(target, false));
	}

	async #resolve(name: string): Promise<DnsAnswer | undefined> {
		if (isIpAddress(name)) return { addresses: [name], ttlMs: undefined };
		try {
			return await this.#deps.resolver.resolve(name, this.#config.family, {
				resolver: this.#config.resolver,
				wantsTtl: this.#config.respectTtl,
			});
		} catch (error) {
			if (!this.#closed) this.#deps.onFailure(name, error);
			return undefined;
		}
	}

	#tell(): void {
		const endpoints = this.#names.endpoints.flatMap((endpoint) => this.#expand(endpoint));
		this.#deps.onEndpoints({ ...this.#names, endpoints });
	}

	#expand(endpoint: EndpointConfig): EndpointConfig[] {
		if (isSocketPath(endpoint)) return [endpoint];
		const addresses = this.#targets.get(endpoint.host)?.addresses ?? [];
		const named = { ...endpoint, hostname: endpoint.hostname || endpoint.host };
		if (!this.#config.logical) return addresses.map((host) => ({ ...named, host }));
		const [host, ...others] = addresses;
		if (host === undefined) return [];
		return [{ ...named, priority: 0, host, more: others.map((other) => ({ host: other, port: endpoint.port })) }];
	}

	#refreshMs({ addresses, ttlMs }: DnsAnswer): number {
		const { refreshMs, respectTtl, minRefreshMs, jitterMs } = this.#config;
		const byTtl = respectTtl && addresses.length > 0 && ttlMs !== undefined && ttlMs > 0;
		const jitter = jitterMs > 0 ? Math.floor(this.#deps.random.unit() * jitterMs) : 0;
		return (byTtl ? Math.max(minRefreshMs, ttlMs) : refreshMs) + jitter;
	}

	#backoffMs(failures: number): number {
		const { failureBaseMs, failureMaxMs } = this.#config;
		const ceiling = Math.min(failureMaxMs, failureBaseMs * 2 ** Math.min(30, failures - 1));
		return Math.max(1, this.#deps.random.unit() * ceiling);
	}
}
