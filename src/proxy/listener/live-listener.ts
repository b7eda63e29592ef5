import type { Socket } from "node:net";
import { Roster } from "../../lib/roster.ts";
import { resetSocket } from "../codec/transport.ts";
import { type ConnectionInfo, plainConnection } from "../http/info/connection-info.ts";
import { ConnectionRecord } from "../network/connection-record.ts";
import { cutSocket } from "../network/cut-socket.ts";
import { Inspection, type InspectionEnd } from "./inspect/inspection.ts";
import type { FilterChainConfig, ListenerConfig } from "./listener-config.ts";
import type { ListenerDeps } from "./listener-deps.ts";
import { type ListenerStats, listenerStats } from "./listener-stats.ts";
import { ListeningSocket } from "./listening-socket.ts";
import { type ChainConnection, LiveChain } from "./live-chain.ts";

/** Finds the listener of an address that a redirected connection meant. */
export type FindListener = (ip: string, port: number) => LiveListener | undefined;

/** A listener in service. Its filter chains can be exchanged while it runs; anything else makes another listener. */
export class LiveListener {
	config: ListenerConfig;
	readonly #deps: ListenerDeps;
	readonly #find: FindListener;
	readonly #stats: ListenerStats;
	#log: ReturnType<NonNullable<ListenerDeps["listenerLog"]>>;
	#chains = new Map<FilterChainConfig, LiveChain>();
	/** Left out by an update, or all of a removed listener's; still finishing. */
	readonly #leaving = new Set<LiveChain>();
	readonly #inspections = new Roster<Inspection>();
	#sockets: ListeningSocket[] = [];

	constructor(config: ListenerConfig, deps: ListenerDeps, find: FindListener) {
		this.config = config;
		this.#deps = deps;
		this.#find = find;
		this.#stats = listenerStats(deps.metrics, config.statPrefix, deps.worker ?? 0);
		this.#log = deps.listenerLog?.(config);
		for (const chain of config.chains) this.#chains.set(chain, new LiveChain(chain, config, deps));
	}

	get sockets(): readonly ListeningSocket[] {
		return this.#sockets;
	}

	get activeConnections(): number {
		let sum = this.#inspections.size;
		for (const chain of [...this.#chains.values(), ...this.#leaving]) sum += chain.activeConnections;
		return sum;
	}

	/** Binds its addresses, save those whose sockets it takes over from `old`; when one fails, none is changed. */
	async open(old: LiveListener | undefined): Promise<void> {
		if (!this.config.bindToPort) return;
		const kept = old?.config.bindToPort ? old.sockets : [];
		const opened: ListeningSocket[] = [];
		const taken: ListeningSocket[] = [];
		try {
			for (const address of this.config.addresses) {
				const same = kept.find((socket) => JSON.stringify(socket.address) === JSON.stringify(address));
				if (same) taken.push(same);
				else opened.push(await ListeningSocket.open(address, this.config));
			}
		} catch (error) {
			for (const socket of opened) socket.close();
			throw error;
		}
		// The socket stays open, so that no connection is refused meanwhile; only what serves it changes.
		old?.giveUp(taken);
		this.#sockets = [...taken, ...opened];
		for (const socket of this.#sockets) socket.serve((connection) => this.accept(connection));
	}

	/** Another listener has these sockets now. */
	giveUp(sockets: readonly ListeningSocket[]): void {
		this.#sockets = this.#sockets.filter((socket) => !sockets.includes(socket));
	}

	/** Takes over a configuration that differs in filter chains only: chains that are the same keep their connections. */
	update(config: ListenerConfig): void {
		const before = new Map([...this.#chains.values()].map((chain) => [chain.config.key, chain]));
		const chains = new Map<FilterChainConfig, LiveChain>();
		for (const chain of config.chains) {
			const same = before.get(chain.key);
			before.delete(chain.key);
			chains.set(chain, same ?? new LiveChain(chain, config, this.#deps));
		}
		this.config = config;
		this.#chains = chains;
		for (const chain of before.values()) this.#retire(chain);
	}

	/** Accepts nothing more; connections finish. */
	drain(): void {
		for (const socket of this.#sockets.splice(0)) socket.close();
		for (const inspection of this.#inspections.list()) inspection.cancel();
		for (const chain of this.#chains.values()) this.#retire(chain);
		this.#chains.clear();
	}

	cut(): void {
		for (const chain of this.#leaving) chain.cut();
	}

	/** Resolves when it is drained and its last connection is gone. */
	async empty(): Promise<void> {
		while (this.#leaving.size > 0) await Promise.all([...this.#leaving].map((chain) => chain.empty()));
	}

	/** The listener has gone: its stats go. */
	release(): void {
		this.#stats.release();
	}

	accept(socket: Socket): void {
		const { config } = this;
		const loadShedding = config.bypassesOverloadManager ? undefined : this.#deps.loadShedding?.();
		if (loadShedding !== undefined) {
			const verdict = loadShedding.connectionBegins(config.ignoreGlobalConnectionLimit);
			if (verdict !== "accept") {
				(verdict === "overflow" ? this.#stats.globalOverflow : this.#stats.overloadReject).inc();
				socket.destroy();
				return;
			}
			socket.once("close", () => loadShedding.connectionEnded());
		}
		const { keepAlive } = config;
		if (keepAlive && socket.remoteAddress !== undefined)
			socket.setKeepAlive(true, keepAlive.idleMs, keepAlive.intervalMs, keepAlive.probes);
		this.#inspect(socket, plainConnection(socket));
	}

	/** Runs the listener filters, if there are any, then chooses a chain. A connection that another listener hands over comes here too. */
	#inspect(socket: Socket, connection: ConnectionInfo): void {
		const { listenerFilters, listenerFiltersTimeoutMs: timeoutMs } = this.config;
		if (listenerFilters.length === 0) {
			this.#place(socket, connection, undefined);
			return;
		}
		const { preActive } = this.#stats;
		preActive.add(1);
		const settings = { deadlines: this.#deps.deadlines, timeoutMs };
		const inspection = new Inspection({ socket, connection }, listenerFilters, settings, (end) => {
			preActive.add(-1);
			this.#inspections.delete(inspection);
			this.#inspected(inspection, end);
		});
		this.#inspections.add(inspection);
		inspection.start();
	}

	#inspected(inspection: Inspection, end: InspectionEnd): void {
		const { socket, connection } = inspection;
		if (inspection.transportFailure !== "") connection.transportFailure = inspection.transportFailure;
		if (end === "timeout") this.#stats.preTimeout.inc();
		if (end === "closed-by-client") this.#stats.filterRemoteClose.inc();
		if (end === "passed" || (end === "timeout" && this.config.continueOnTimeout)) {
			this.#place(socket, connection, inspection);
			return;
		}
		this.#logEnd(this.#record(connection));
		socket.on("error", ignore);
		// As the system does for bytes that nobody read.
		if (inspection.hasUnread) resetSocket(socket);
		else cutSocket(socket);
	}

	#place(socket: Socket, connection: ConnectionInfo, inspection: Inspection | undefined): void {
		const { config } = this;
		if (config.useOriginalDst && inspection?.destinationRestored) {
			const other = this.#find(connection.localIp, connection.localPort);
			if (other && other !== this) {
				other.#inspect(socket, connection);
				return;
			}
		}
		const offeredProtocols = inspection?.offeredProtocols ?? NONE;
		const chosen = config.pickChain({ ...connection, offeredProtocols });
		const chain = chosen && this.#chains.get(chosen);
		if (chain) this.#serve({ socket, connection, drained: inspection?.drained ?? 0 }, chain);
		else this.#refuse(socket, connection);
	}

	#serve({ socket, connection, drained }: Placed, chain: LiveChain): void {
		const { clock } = this.#deps;
		const { total, active, workerTotal, workerActive, destroy, lengthMs } = this.#stats;
		const startMs = clock.nowMs();
		total.inc();
		active.add(1);
		workerTotal.inc();
		workerActive.add(1);
		const { config } = chain;
		const looksAtInfo = this.#log || config.terminal.kind !== "http" || config.filters.length > 0;
		const info = looksAtInfo ? this.#record(connection) : undefined;
		const served: ChainConnection = { socket, connection, info };
		chain.serve(served, this.#stats);
		socket.once("close", () => {
			active.add(-1);
			workerActive.add(-1);
			destroy.inc();
			lengthMs.record(clock.nowMs() - startMs);
			if (!info || !this.#log) return;
			if (config.terminal.kind === "http") {
				const { bytesRead, bytesWritten } = payloadOf(served, config.transport !== undefined, drained);
				info.bytesReceived = bytesRead;
				info.bytesSent = bytesWritten;
			}
			// Node tells why a handshake failed after the socket has closed.
			if (config.transport && !connection.tls) setImmediate(() => this.#logEnd(info));
			else this.#logEnd(info);
		});
	}

	#refuse(socket: Socket, connection: ConnectionInfo): void {
		this.#stats.noChain.inc();
		const info = this.#record(connection);
		info.responseFlags.add("NR");
		info.responseCodeDetails = "filter_chain_not_found";
		this.#logEnd(info);
		socket.on("error", ignore);
		cutSocket(socket);
	}

	#record(connection: ConnectionInfo): ConnectionRecord {
		const { clock } = this.#deps;
		return new ConnectionRecord(connection, clock.epochMs(), clock.nowMs());
	}

	#logEnd(info: ConnectionRecord): void {
		if (!this.#log) return;
		info.durationMs ??= this.#deps.clock.nowMs() - info.startMs;
		this.#log(info);
	}

	#retire(chain: LiveChain): void {
		this.#leaving.add(chain);
		chain.drain(this.#deps.drainTimeMs);
		void chain.empty().then(() => this.#leaving.delete(chain));
	}
}

/** A connection whose chain was chosen. */
interface Placed {
	readonly socket: Socket;
	readonly connection: ConnectionInfo;
	/** Bytes that listener filters took off. */
	readonly drained: number;
}

/** What is counted as a connection's own: plaintext, without what listener filters took off. */
function payloadOf({ socket, secure, connection }: ChainConnection, secured: boolean, drained: number) {
	if (secure) return secure;
	if (secured) return { bytesRead: 0, bytesWritten: 0 };
	// Long bodies go out past the socket's own count.
	return { bytesRead: socket.bytesRead - drained, bytesWritten: connection.sentBytes || socket.bytesWritten };
}

const NONE: readonly string[] = [];

function ignore(): void {
	// The connection is being ended; "close" follows.
}
