import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../telemetry/logger.ts";
import type { DiscoveryPath } from "./files/discovery-file.ts";

/** A compiled listener with what it cannot start without. */
export interface StagedListener<L> {
	readonly name: string;
	readonly config: L;
	/** Route configurations that come by RDS. */
	readonly routeNames: readonly string[];
	/** Where those come from that no control plane gives. */
	readonly routeFiles?: readonly { readonly name: string; readonly file: DiscoveryPath }[];
	/** TLS contexts of its filter chains. */
	readonly transports?: readonly StagedTransport[];
}

/** What may have to wait for secrets. */
export interface StagedTransport {
	open(): void;
	readonly settled: boolean;
	whenSettled(task: () => void): void;
	close(): void;
}

export interface ListenerStageDeps<L> {
	readonly clock: Clock;
	readonly logger: Logger;
	/** How long a listener waits for its routes before it starts without (Envoy: initial fetch timeout, 15 s). */
	readonly routeTimeoutMs: number;
	hasRoutes(name: string): boolean;
	/** Opens or replaces; rejects when the address cannot be bound. */
	open(config: L): Promise<void>;
	close(name: string): void;
	/** The set of route names that listeners want has changed. */
	onRouteNames(names: ReadonlySet<string>): void;
}

interface Waiting<L> {
	readonly listener: StagedListener<L>;
	readonly cancelTimeout: () => void;
}

/** Listener warming: a listener opens when its routes are there; one that it replaces serves until then. */
export class ListenerStage<L> {
	readonly #deps: ListenerStageDeps<L>;
	readonly #open = new Map<string, StagedListener<L>>();
	readonly #waiting = new Map<string, Waiting<L>>();
	/** Listeners that could not be bound, with the reason. */
	readonly failures = new Map<string, string>();
	#opening = 0;
	#onSettled: (() => void)[] = [];

	constructor(deps: ListenerStageDeps<L>) {
		this.#deps = deps;
	}

	/** True when every listener asked for is open (or failed to). */
	get settled(): boolean {
		return this.#waiting.size === 0 && this.#opening === 0;
	}

	/** Resolves when every listener asked for so far is open or has failed. */
	async whenSettled(): Promise<void> {
		if (this.settled) return;
		await new Promise<void>((resolve) => this.#onSettled.push(resolve));
	}

	waitingNames(): string[] {
		return [...this.#waiting.keys()];
	}

	/** Opens the listener now or when its routes and secrets have come. */
	put(listener: StagedListener<L>): void {
		for (const transport of listener.transports ?? []) transport.open();
		this.#stopWaiting(listener.name);
		if (this.#complete(listener)) this.#start(listener);
		else {
			const cancelTimeout = this.#deps.clock.after(this.#deps.routeTimeoutMs, () => {
				this.#deps.logger.warn(
					{ listener: listener.name },
					"no routes or secrets came in time, the listener starts without",
				);
				this.#waiting.delete(listener.name);
				this.#start(listener);
			});
			this.#waiting.set(listener.name, { listener, cancelTimeout });
			for (const transport of listener.transports ?? []) transport.whenSettled(() => this.#arrived());
		}
		this.#deps.onRouteNames(this.routeNames());
	}

	remove(name: string): void {
		this.#stopWaiting(name);
		this.failures.delete(name);
		const open = this.#open.get(name);
		if (this.#open.delete(name)) this.#deps.close(name);
		closeTransports(open);
		this.#deps.onRouteNames(this.routeNames());
	}

	/** A route configuration has come: listeners that waited for it open. */
	routesCame(): void {
		this.#arrived();
	}

	routeNames(): Set<string> {
		const all = [...this.#open.values(), ...[...this.#waiting.values()].map(({ listener }) => listener)];
		return new Set(all.flatMap(({ routeNames }) => routeNames));
	}

	/** Those of them that come from files. */
	routeFiles(): { readonly name: string; readonly file: DiscoveryPath }[] {
		const all = [...this.#open.values(), ...[...this.#waiting.values()].map(({ listener }) => listener)];
		return all.flatMap(({ routeFiles = [] }) => routeFiles);
	}

	/** Stops waiting for anything; open listeners are the caller's. */
	stop(): void {
		for (const name of this.waitingNames()) this.#stopWaiting(name);
	}

	#complete({ routeNames, transports = [] }: StagedListener<L>): boolean {
		return routeNames.every((name) => this.#deps.hasRoutes(name)) && transports.every(({ settled }) => settled);
	}

	#arrived(): void {
		for (const { listener, cancelTimeout } of [...this.#waiting.values()]) {
			if (!this.#complete(listener)) continue;
			cancelTimeout();
			this.#waiting.delete(listener.name);
			this.#start(listener);
		}
	}

	#start(listener: StagedListener<L>): void {
		const before = this.#open.get(listener.name);
		this.#open.set(listener.name, listener);
		this.#opening++;
		this.#deps
			.open(listener.config)
			.then(
				() => {
					this.failures.delete(listener.name);
					closeTransports(before);
				},
				(error: Error) => {
					this.failures.set(listener.name, error.message);
					closeTransports(listener);
					if (before && this.#open.get(listener.name) === listener) this.#open.set(listener.name, before);
					this.#deps.logger.error(
						{ listener: listener.name, reason: error.message },
						"the listener could not be opened",
					);
				},
			)
			.finally(() => {
				this.#opening--;
				this.#deps.onRouteNames(this.routeNames());
				if (this.settled) for (const resolve of this.#onSettled.splice(0)) resolve();
			});
	}

	#stopWaiting(name: string): void {
		const waiting = this.#waiting.get(name);
		if (!waiting) return;
		waiting.cancelTimeout();
		this.#waiting.delete(name);
		closeTransports(waiting.listener);
	}
}

function closeTransports(listener: Pick<StagedListener<unknown>, "transports"> | undefined): void {
	for (const transport of listener?.transports ?? []) transport.close();
}
