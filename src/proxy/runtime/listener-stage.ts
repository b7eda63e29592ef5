import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../telemetry/logger.ts";
import { ADS_SOURCE, type Discovered, INITIAL_FETCH_MS } from "../../xds/config-source.ts";

/** A compiled listener with what it cannot start without. */
export interface StagedListener<L> {
	readonly name: string;
	readonly config: L;
	/** Route configurations that come by RDS. */
	readonly routeNames: readonly string[];
	/** Where those come from that do not come by ADS within the usual time. */
	readonly routes?: readonly RouteWant[];
	/** TLS contexts of its filter chains, filters and scopes that are discovered. */
	readonly dependencies?: readonly StagedDependency[];
}

/** A route configuration, and where it comes from. */
export interface RouteWant extends Partial<Discovered> {
	readonly name: string;
	/** Of the connection manager that wants it. */
	readonly statPrefix?: string;
}

/** What may have to wait for secrets or other discovered configuration; `open` and `close` come once each. */
export interface StagedDependency {
	open(): void;
	readonly settled: boolean;
	whenSettled(task: () => void): void;
	close(): void;
	/** Route configurations that it wants now. */
	routes?(): readonly RouteWant[];
}

export interface ListenerStageDeps<L> {
	readonly clock: Clock;
	readonly logger: Logger;
	hasRoutes(name: string): boolean;
	/** Opens or replaces; rejects when the address cannot be bound. */
	open(config: L): Promise<void>;
	close(name: string): void;
	/** The set of route names that listeners want has changed. */
	onRouteNames(): void;
	/** A route configuration did not come in time. */
	onRouteTimeout?(name: string): void;
}

interface Waiting<L> {
	readonly listener: StagedListener<L>;
	/** Route configurations that did not come in time. */
	readonly givenUp: Set<string>;
	readonly cancels: (() => void)[];
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

	/** No listener waits for routes, secrets or other discovered configuration. */
	get nothingAwaited(): boolean {
		return this.#waiting.size === 0;
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
		for (const dependency of listener.dependencies ?? []) dependency.open();
		this.#stopWaiting(listener.name);
		const waiting: Waiting<L> = { listener, givenUp: new Set(), cancels: [] };
		if (this.#complete(waiting)) this.#start(listener);
		else {
			this.#waiting.set(listener.name, waiting);
			for (const route of wantsOf(listener)) this.#limitWait(waiting, route);
			for (const dependency of listener.dependencies ?? []) dependency.whenSettled(() => this.#arrived());
		}
		this.#deps.onRouteNames();
	}

	#limitWait(waiting: Waiting<L>, { name, initialFetchMs = INITIAL_FETCH_MS }: RouteWant): void {
		if (initialFetchMs === 0 || this.#deps.hasRoutes(name)) return;
		const cancel = this.#deps.clock.after(initialFetchMs, () => {
			const { listener } = waiting;
			this.#deps.logger.warn({ listener: listener.name, route: name }, "no routes came in time, it starts without");
			waiting.givenUp.add(name);
			this.#deps.onRouteTimeout?.(name);
			this.#arrived();
		});
		waiting.cancels.push(cancel);
	}

	remove(name: string): void {
		this.#stopWaiting(name);
		this.failures.delete(name);
		const open = this.#open.get(name);
		if (this.#open.delete(name)) this.#deps.close(name);
		closeDependencies(open);
		this.#deps.onRouteNames();
	}

	/** A route configuration has come: listeners that waited for it open. */
	routesCame(): void {
		this.#arrived();
	}

	/** The route configurations that all listeners want, and from where. */
	routeWants(): (RouteWant & Pick<Discovered, "source">)[] {
		const all = [...this.#open.values(), ...[...this.#waiting.values()].map(({ listener }) => listener)];
		return all
			.flatMap((listener) => [
				...wantsOf(listener),
				...(listener.dependencies ?? []).flatMap((one) => one.routes?.() ?? []),
			])
			.map((want) => ({ ...want, source: want.source ?? ADS_SOURCE }));
	}

	/** Stops waiting for anything; open listeners are the caller's. */
	stop(): void {
		for (const name of this.waitingNames()) this.#stopWaiting(name);
	}

	#complete({ listener, givenUp }: Waiting<L>): boolean {
		const { routeNames, dependencies = [] } = listener;
		return (
			routeNames.every((name) => givenUp.has(name) || this.#deps.hasRoutes(name)) &&
			dependencies.every(({ settled }) => settled)
		);
	}

	#arrived(): void {
		for (const waiting of [...this.#waiting.values()]) {
			const { listener, cancels } = waiting;
			if (!this.#complete(waiting)) continue;
			for (const cancel of cancels) cancel();
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
					closeDependencies(before);
				},
				(error: Error) => {
					this.failures.set(listener.name, error.message);
					closeDependencies(listener);
					if (before && this.#open.get(listener.name) === listener) this.#open.set(listener.name, before);
					this.#deps.logger.error(
						{ listener: listener.name, reason: error.message },
						"the listener could not be opened",
					);
				},
			)
			.finally(() => {
				this.#opening--;
				this.#deps.onRouteNames();
				if (this.settled) for (const resolve of this.#onSettled.splice(0)) resolve();
			});
	}

	#stopWaiting(name: string): void {
		const waiting = this.#waiting.get(name);
		if (!waiting) return;
		for (const cancel of waiting.cancels) cancel();
		this.#waiting.delete(name);
		closeDependencies(waiting.listener);
	}
}

function closeDependencies(listener: Pick<StagedListener<unknown>, "dependencies"> | undefined): void {
	for (const dependency of listener?.dependencies ?? []) dependency.close();
}

function wantsOf({ routeNames, routes = [] }: StagedListener<unknown>): RouteWant[] {
	return routeNames.map((name) => routes.find((route) => route.name === name) ?? { name });
}
