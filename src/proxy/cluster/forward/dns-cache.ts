import type { Clock } from "../../../lib/clock.ts";
import type { Random } from "../../../lib/random.ts";
import type { StatScope } from "../../../telemetry/metric-registry.ts";
import type { DnsAnswer, DnsResolver } from "../discovery/dns-discovery.ts";
import { isIpAddress } from "../ip-address.ts";
import type { DnsCacheConfig } from "./dns-cache-config.ts";

export interface DnsCacheDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly resolver: DnsResolver;
	/** The scope `dns_cache.<name>.`. */
	readonly scope: StatScope;
}

/** A host that somebody asked for. */
export interface CachedHost {
	/** `name:port`, as it was asked for. */
	readonly key: string;
	readonly name: string;
	readonly port: number;
	/** Empty: the name could not be resolved, `failure` says why. */
	readonly addresses: readonly string[];
	/** In Envoy's words, without blanks. */
	readonly failure: string;
}

interface Entry {
	readonly key: string;
	readonly name: string;
	readonly port: number;
	addresses: readonly string[];
	failure: string;
	resolved: boolean;
	usedMs: number;
	failures: number;
	waiting: Set<() => void>;
	cancel: () => void;
}

/** What becomes of a wish: the host is known, is being resolved (the function ends the wait), or there is no room for it. */
export type Loading = "known" | "overflow" | (() => void);

const NO_RECORDS = "cares_norecords:Domain_name_not_found";
const FAILED = "cares_failure:DNS_server_returned_general_failure";
const TIMED_OUT = "cares_failure:Timeout_while_contacting_DNS_servers";

/** Names that requests asked for, resolved and kept up to date while somebody asks (Envoy: DnsCacheImpl). */
export class DnsCache {
	readonly config: DnsCacheConfig;
	readonly #deps: DnsCacheDeps;
	readonly #entries = new Map<string, Entry>();
	readonly #listeners = new Set<() => void>();
	#pending = 0;

	constructor(config: DnsCacheConfig, deps: DnsCacheDeps) {
		this.config = config;
		this.#deps = deps;
		for (const name of COUNTERS) deps.scope.counter(name);
		for (const host of config.preresolved) this.load(host, 0, () => {});
	}

	/** Asks for a host; `onLoaded` is called once when it was being resolved. */
	load(host: string, defaultPort: number, onLoaded: () => void): Loading {
		const key = hostKey(host, defaultPort);
		let entry = this.#entries.get(key);
		if (entry?.resolved) {
			entry.usedMs = this.#deps.clock.nowMs();
			return "known";
		}
		entry ??= this.#add(key);
		if (!entry) return "overflow";
		const { waiting } = entry;
		waiting.add(onLoaded);
		return () => void waiting.delete(onLoaded);
	}

	/** A place among the requests that wait; false when there is none. Each true is paired with `releasePending`. */
	tryPending(): boolean {
		if (this.#pending >= this.config.maxPending) {
			this.#count("dns_rq_pending_overflow");
			return false;
		}
		this.#pending++;
		return true;
	}

	releasePending(): void {
		this.#pending--;
	}

	/** A host that was loaded; it is in use. */
	use(host: string, defaultPort: number): CachedHost | undefined {
		const entry = this.#entries.get(hostKey(host, defaultPort));
		if (!entry?.resolved) return undefined;
		entry.usedMs = this.#deps.clock.nowMs();
		return entry;
	}

	/** Every host that has an address. */
	hosts(): readonly CachedHost[] {
		return [...this.#entries.values()].filter(({ addresses }) => addresses.length > 0);
	}

	/** Calls `onChange` when hosts came, went or moved, until the answer is called. */
	follow(onChange: () => void): () => void {
		this.#listeners.add(onChange);
		return () => void this.#listeners.delete(onChange);
	}

	close(): void {
		for (const { cancel } of this.#entries.values()) cancel();
		this.#entries.clear();
	}

	#add(key: string): Entry | undefined {
		if (this.#entries.size >= this.config.maxHosts) {
			this.#count("host_overflow");
			return undefined;
		}
		const colon = key.lastIndexOf(":");
		const entry: Entry = {
			key,
			name: key.slice(0, colon).replace(/^\[|\]$/g, ""),
			port: Number(key.slice(colon + 1)),
			addresses: [],
			failure: "",
			resolved: false,
			usedMs: this.#deps.clock.nowMs(),
			failures: 0,
			waiting: new Set(),
			cancel: () => {},
		};
		this.#entries.set(key, entry);
		this.#count("host_added");
		this.#deps.scope.gauge("num_hosts").set(this.#entries.size);
		void this.#resolve(entry);
		return entry;
	}

	async #resolve(entry: Entry): Promise<void> {
		this.#count("dns_query_attempt");
		const answer = await this.#ask(entry.name);
		if (this.#entries.get(entry.key) !== entry) return;
		this.#count(outcomeOf(answer));
		const first = !entry.resolved;
		const moved = take(entry, answer);
		if (moved) {
			this.#count("host_address_changed");
			this.#tell();
		}
		if (first) for (const wake of [...entry.waiting]) wake();
		entry.waiting.clear();
		if (typeof answer === "string" && entry.addresses.length === 0 && this.config.forgetsFailures) this.#forget(entry);
		else this.#schedule(entry, entry.failure !== "" || typeof answer === "string" ? undefined : answer);
	}

	/** An answer, or what went wrong. */
	async #ask(name: string): Promise<DnsAnswer | string> {
		if (isIpAddress(name)) return { addresses: [name], ttlMs: undefined };
		const { resolver, clock } = this.#deps;
		const { family, queryTimeoutMs } = this.config;
		const asked = resolver.resolve(name, family).catch(() => FAILED);
		if (queryTimeoutMs === 0) return asked;
		let cancel = () => {};
		const late = new Promise<string>((resolve) => {
			cancel = clock.after(queryTimeoutMs, () => resolve(TIMED_OUT));
		});
		const answer = await Promise.race([asked, late]);
		cancel();
		return answer;
	}

	#schedule(entry: Entry, answer: DnsAnswer | undefined): void {
		const { refreshMs, minRefreshMs, failureBaseMs, failureMaxMs } = this.config;
		const ceiling = Math.min(failureMaxMs, failureBaseMs * 2 ** Math.min(30, entry.failures - 1));
		const byTtl = answer?.ttlMs ? Math.max(minRefreshMs, answer.ttlMs) : refreshMs;
		const delayMs = answer ? byTtl : Math.max(1, this.#deps.random.unit() * ceiling);
		entry.cancel = this.#deps.clock.after(delayMs, () => this.#refresh(entry));
	}

	#refresh(entry: Entry): void {
		if (this.#deps.clock.nowMs() - entry.usedMs >= this.config.hostTtlMs) this.#forget(entry);
		else void this.#resolve(entry);
	}

	#forget(entry: Entry): void {
		this.#entries.delete(entry.key);
		this.#count("host_removed");
		this.#deps.scope.gauge("num_hosts").set(this.#entries.size);
		if (entry.addresses.length > 0) this.#tell();
	}

	#tell(): void {
		for (const onChange of [...this.#listeners]) onChange();
	}

	#count(name: (typeof COUNTERS)[number]): void {
		this.#deps.scope.counter(name).inc();
	}
}

function outcomeOf(answer: DnsAnswer | string): "dns_query_success" | "dns_query_timeout" | "dns_query_failure" {
	if (typeof answer !== "string") return "dns_query_success";
	return answer === TIMED_OUT ? "dns_query_timeout" : "dns_query_failure";
}

/** True when the host has moved. Addresses that worked stay while the resolver fails. */
function take(entry: Entry, answer: DnsAnswer | string): boolean {
	entry.resolved = true;
	if (typeof answer === "string" || answer.addresses.length === 0) {
		entry.failures++;
		entry.failure = typeof answer === "string" ? answer : NO_RECORDS;
		return false;
	}
	entry.failures = 0;
	entry.failure = "";
	const moved = answer.addresses.join() !== entry.addresses.join();
	entry.addresses = answer.addresses;
	return moved;
}

const COUNTERS = [
	"dns_query_attempt",
	"dns_query_failure",
	"dns_query_success",
	"dns_query_timeout",
	"dns_rq_pending_overflow",
	"host_added",
	"host_address_changed",
	"host_overflow",
	"host_removed",
] as const;

/** `name:port`, letter by letter as it was asked for. */
export function hostKey(host: string, defaultPort: number): string {
	const hasPort = /(?:^[^:]*|\]):\d+$/.test(host);
	if (hasPort) return host;
	return host.includes(":") && !host.startsWith("[") ? `[${host}]:${defaultPort}` : `${host}:${defaultPort}`;
}
