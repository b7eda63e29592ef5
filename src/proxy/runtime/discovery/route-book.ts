import { clone } from "@bufbuild/protobuf";
import type { Clock } from "../../../lib/clock.ts";
import { fieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../../lib/problem.ts";
import { type Discovered, parseConfigSource, sourceKey } from "../../../xds/config-source.ts";
import type { VirtualHost } from "../../../xds/generated/envoy/config/route/v3/route_components_pb.ts";
import {
	type RouteConfiguration,
	RouteConfigurationSchema,
} from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import type { ResourceUpdate, UpdateResult } from "../../xdsclient/resource-update.ts";
import type { Wanted } from "./config-sources.ts";

export interface RouteBookDeps<R> {
	readonly clock: Clock;
	/** Throws ProblemError; paths begin with `path`. */
	compile(message: RouteConfiguration, path: string): R;
	/** Runs a task when clusters are there. */
	whenWarm(task: () => void): void;
	/** A route configuration that was not there is, or nobody waits for it any more. */
	onArrived(): void;
	/** Where virtual hosts come from has changed. */
	onWanted(): void;
	/** Asks for virtual hosts (`<route configuration>/<host>`). */
	demand(owner: string, names: readonly string[]): void;
}

/** Virtual hosts that come on their own (Envoy: RouteConfiguration.vhds). */
interface HostsByDiscovery {
	readonly from: Discovered;
	/** By name of the virtual host. */
	hosts: ReadonlyMap<string, VirtualHost>;
	/** The first have come, or did not come in time. */
	settled: boolean;
	cancelTimeout: () => void;
}

interface Entry<R> {
	readonly message: RouteConfiguration;
	readonly table: R;
	readonly vhds: HostsByDiscovery | undefined;
}

/** The route configurations of RDS, with the virtual hosts that VHDS adds to them, and the requests that wait for some. */
export class RouteBook<R> {
	/** By name; what is in force. */
	readonly tables = new Map<string, R>();
	readonly #deps: RouteBookDeps<R>;
	readonly #entries = new Map<string, Entry<R>>();
	/** By name of the virtual host as it was asked for. */
	readonly #waiting = new Map<string, Set<() => void>>();

	readonly #tableWaits = new Map<string, Set<() => void>>();

	constructor(deps: RouteBookDeps<R>) {
		this.#deps = deps;
	}

	/** Takes a route configuration; throws ProblemError with everything that is wrong. */
	put(name: string, message: RouteConfiguration): void {
		const before = this.#entries.get(name)?.vhds;
		const from = vhdsOf(name, message);
		const stays = from && before && sourceKey(from.source) === sourceKey(before.from.source);
		const vhds = stays ? before : from && waitingFor(from);
		const table = this.#deps.compile(withHosts(message, vhds?.hosts), name);
		this.#entries.set(name, { message, table, vhds });
		if (vhds !== before) {
			before?.cancelTimeout();
			if (vhds && vhds.from.initialFetchMs > 0)
				vhds.cancelTimeout = this.#deps.clock.after(vhds.from.initialFetchMs, () => this.#settle(name, vhds));
			this.#deps.onWanted();
		}
		this.#publish(name);
	}

	remove(name: string): void {
		const entry = this.#entries.get(name);
		if (!entry) return;
		entry.vhds?.cancelTimeout();
		this.#entries.delete(name);
		this.#deps.whenWarm(() => {
			if (!this.#entries.has(name)) this.tables.delete(name);
		});
		if (entry.vhds) this.#deps.onWanted();
	}

	/** Forgets the configurations that have none of these names. */
	keep(names: ReadonlySet<string>): void {
		for (const name of [...this.#entries.keys()]) {
			if (names.has(name)) continue;
			this.tables.delete(name);
			this.remove(name);
		}
	}

	/** The sources of virtual hosts: everything of them, each on a stream of its own. */
	wantedHosts(): Wanted[] {
		return [...this.#entries].flatMap(([owner, { vhds }]) =>
			vhds ? [{ name: "", source: vhds.from.source, owner }] : [],
		);
	}

	/** Takes virtual hosts of `update.owner`, all or none. */
	applyHosts({ owner = "", added, removed, answered = [] }: ResourceUpdate): UpdateResult {
		const entry = this.#entries.get(owner);
		if (!entry?.vhds) return { problems: [], rejected: new Set() };
		const own = added.filter(({ name }) => name.slice(0, name.lastIndexOf("/")) === owner);
		const hosts = new Map(entry.vhds.hosts);
		for (const name of removed) hosts.delete(name);
		for (const { message } of own) hosts.set((message as VirtualHost).name, message as VirtualHost);
		try {
			const table = this.#deps.compile(withHosts(entry.message, hosts), owner);
			entry.vhds.hosts = hosts;
			this.#entries.set(owner, { ...entry, table });
		} catch (error) {
			if (!(error instanceof ProblemError)) throw error;
			return { problems: error.problems, rejected: new Set(added.map(({ name }) => name)) };
		}
		if (entry.vhds.settled) this.#publish(owner);
		else this.#settle(owner, entry.vhds);
		this.#deps.whenWarm(() => this.#wake(answered));
		return { problems: [], rejected: new Set() };
	}

	/** Asks for the virtual host of a request's host and calls `done` when the answer is in force; false: nobody can be asked. */
	demandHost(owner: string, host: string, done: () => void): boolean {
		if (!this.#entries.get(owner)?.vhds) return false;
		const name = `${owner}/${host}`;
		const waiting = this.#waiting.get(name) ?? new Set();
		this.#waiting.set(name, waiting.add(done));
		this.#deps.demand(owner, [name]);
		return true;
	}

	/** Calls back when a table of this name comes. */
	whenTable(name: string, done: () => void): void {
		const waiting = this.#tableWaits.get(name) ?? new Set();
		this.#tableWaits.set(name, waiting.add(done));
	}

	/** Ends waiting for anything. */
	close(): void {
		for (const { vhds } of this.#entries.values()) vhds?.cancelTimeout();
		this.#waiting.clear();
		this.#tableWaits.clear();
	}

	#settle(name: string, vhds: HostsByDiscovery): void {
		vhds.cancelTimeout();
		vhds.settled = true;
		this.#publish(name);
	}

	/** Puts the newest table into force; one whose virtual hosts are still to come waits for them. */
	#publish(name: string): void {
		const { vhds } = this.#entries.get(name)!;
		if (vhds?.settled === false && !this.tables.has(name)) return;
		this.#deps.whenWarm(() => {
			const entry = this.#entries.get(name);
			if (!entry) return;
			this.tables.set(name, entry.table);
			this.#deps.onArrived();
			const waiting = this.#tableWaits.get(name);
			this.#tableWaits.delete(name);
			for (const done of waiting ?? []) done();
		});
	}

	#wake(names: readonly string[]): void {
		for (const name of names) {
			const waiting = this.#waiting.get(name);
			this.#waiting.delete(name);
			for (const done of waiting ?? []) done();
		}
	}
}

function waitingFor(from: Discovered): HostsByDiscovery {
	return { from, hosts: new Map(), settled: false, cancelTimeout: () => {} };
}

function withHosts(message: RouteConfiguration, hosts: HostsByDiscovery["hosts"] = new Map()): RouteConfiguration {
	if (hosts.size === 0) return message;
	const whole = clone(RouteConfigurationSchema, message);
	whole.virtualHosts.push(...hosts.values());
	return whole;
}

/** Envoy takes virtual hosts from delta streams of their own only. */
function vhdsOf(name: string, { vhds }: RouteConfiguration): Discovered | undefined {
	if (!vhds) return undefined;
	const at = fieldPath(name).field("vhds").field("config_source");
	const problems: Problem[] = [];
	const from = parseConfigSource(vhds.configSource, at, problems);
	if (from && (from.source.kind !== "grpc" || from.source.api !== "delta")) {
		const where = at.field("api_config_source").field("api_type").toString();
		problems.push(problem("LTN3550", where, "virtual hosts come by DELTA_GRPC only", "set api_type: DELTA_GRPC"));
	}
	if (problems.length > 0) throw new ProblemError(problems);
	return from;
}
