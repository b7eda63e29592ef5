import { ProblemError, problem } from "../../lib/problem.ts";
import { Timer } from "../http/deadlines.ts";
import { type BindAddress, formatAddress, type ListenerConfig } from "./listener-config.ts";
import type { ListenerDeps } from "./listener-deps.ts";
import { LiveListener } from "./live-listener.ts";

export interface ListenerState {
	readonly config: ListenerConfig;
	/** Where it listens, real ports instead of 0; the configured ones when it has no sockets of its own. */
	readonly addresses: readonly BindAddress[];
	readonly activeConnections: number;
}

const WILDCARDS: Readonly<Record<"4" | "6", string>> = { 4: "0.0.0.0", 6: "::" };

/** The listeners of one worker; each comes and goes without touching the others. */
export class ListenerSet {
	readonly #deps: ListenerDeps;
	readonly #live = new Map<string, LiveListener>();
	/** Removed or replaced, still finishing. */
	readonly #draining = new Set<LiveListener>();
	readonly #stats: ReturnType<typeof managerStats>;

	constructor(deps: ListenerDeps) {
		this.#deps = deps;
		this.#stats = managerStats(deps);
	}

	/**
	 * Adds or replaces by name; rejects with ProblemError when an address cannot be bound, and the old one stays. When nothing but filter
	 * chains differs, only connections of those that are gone are drained.
	 */
	async put(config: ListenerConfig): Promise<void> {
		const old = this.#live.get(config.name);
		if (old?.config.fingerprint === config.fingerprint) {
			old.update(config);
			this.#stats.inPlace.inc();
			return;
		}
		try {
			this.#refuseTwins(config);
			const next = new LiveListener(config, this.#deps, (ip, port) => this.#find(ip, port));
			await next.open(old);
			this.#live.set(config.name, next);
		} catch (error) {
			this.#stats.createFailure.inc();
			throw error;
		}
		this.#stats.createSuccess.inc();
		(old ? this.#stats.modified : this.#stats.added).inc();
		if (old) this.#retire(old);
	}

	remove(name: string): void {
		const old = this.#live.get(name);
		if (!old) return;
		this.#live.delete(name);
		this.#stats.removed.inc();
		this.#retire(old);
	}

	list(): readonly ListenerState[] {
		return [...this.#live.values()].map((listener) => ({
			config: listener.config,
			addresses: listener.sockets.length > 0 ? listener.sockets.map(({ bound }) => bound) : listener.config.addresses,
			activeConnections: listener.activeConnections,
		}));
	}

	/** Ends all gracefully: nothing new is accepted, answers close their connections; what is left after `withinMs` is cut. */
	async drain(withinMs: number): Promise<void> {
		for (const name of [...this.#live.keys()]) this.remove(name);
		const all = [...this.#draining];
		const late = new Timer({
			onTimer: () => {
				for (const listener of all) listener.cut();
			},
		});
		this.#deps.deadlines.arm(late, Math.max(1, withinMs));
		await Promise.all(all.map((listener) => listener.empty()));
		late.cancel();
	}

	/** Ends all at once. */
	async close(): Promise<void> {
		for (const name of [...this.#live.keys()]) this.remove(name);
		const all = [...this.#draining];
		for (const listener of all) listener.cut();
		await Promise.all(all.map((listener) => listener.empty()));
	}

	/** The listener of exactly this address, or else of its port on every address. */
	#find(ip: string, port: number): LiveListener | undefined {
		const wildcard = WILDCARDS[ip.includes(":") ? "6" : "4"];
		return this.#at(ip, port) ?? this.#at(wildcard, port);
	}

	#at(ip: string, port: number): LiveListener | undefined {
		for (const listener of this.#live.values())
			for (const address of listener.config.addresses)
				if (address.kind === "ip" && address.port === port && address.ip === ip) return listener;
		return undefined;
	}

	/** Listeners without sockets cannot be told apart by binding. */
	#refuseTwins(config: ListenerConfig): void {
		for (const address of config.addresses) {
			if (address.kind !== "ip" || address.port === 0) continue;
			const twin = this.#at(address.ip, address.port);
			if (!twin || twin.config.name === config.name || (twin.config.bindToPort && config.bindToPort)) continue;
			const where = formatAddress(address);
			const text = `listener "${config.name}" has the address ${where} of listener "${twin.config.name}"`;
			throw new ProblemError([problem("LTN3115", "address", text, "give it another address")]);
		}
	}

	#retire(listener: LiveListener): void {
		this.#draining.add(listener);
		listener.drain();
		void listener.empty().then(() => {
			this.#draining.delete(listener);
			listener.release();
		});
	}
}

/** What Envoy counts under `listener_manager.` when listeners change. */
function managerStats({ metrics }: ListenerDeps) {
	const scope = metrics.scope("listener_manager.");
	return {
		added: scope.counter("listener_added"),
		modified: scope.counter("listener_modified"),
		removed: scope.counter("listener_removed"),
		inPlace: scope.counter("listener_in_place_updated"),
		createSuccess: scope.counter("listener_create_success"),
		createFailure: scope.counter("listener_create_failure"),
	};
}
