import type { Socket } from "node:net";
import { Roster, type RosterMember } from "../../lib/roster.ts";
import { createConnectionManager } from "../hcm/connection-manager.ts";
import { Timer } from "../http/deadlines.ts";
import type { ConnectionInfo } from "../http/info/connection-info.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import { cutSocket } from "../network/cut-socket.ts";
import type { DataGate } from "../network/data-gate.ts";
import { FilterRun } from "../network/filter-run.ts";
import { createTcpProxy } from "../network/tcp-proxy/tcp-proxy.ts";
import type { PlainTerminal } from "../network/terminal/plain-terminal.ts";
import type { FilterChainConfig, ListenerConfig } from "./listener-config.ts";
import type { ListenerDeps } from "./listener-deps.ts";
import type { ListenerStats } from "./listener-stats.ts";

/** A connection on its way through a filter chain. */
export interface ChainConnection {
	readonly socket: Socket;
	readonly connection: ConnectionInfo;
	/** Undefined where nothing looks at it. */
	readonly info: StreamInfo | undefined;
	/** What carries the plaintext, once hands have been shaken. */
	secure?: Socket;
}

/** With the socket that carries plaintext, and the filters that want to be asked about it. */
type Begin = (socket: Socket, gate: DataGate | undefined) => void;

interface Waiting extends RosterMember {
	/** As it was accepted. */
	readonly socket: Socket;
}

interface Terminal {
	/** Takes the connection; the result begins to serve it, when the filters before have let it through. */
	accept(on: ChainConnection): Begin;
	drain(): void;
	close(): void;
}

const NOTHING = () => {};

/** A filter chain in service: handshake, network filters, then the connection manager or tcp_proxy. */
export class LiveChain {
	readonly config: FilterChainConfig;
	readonly #deps: ListenerDeps;
	readonly #terminal: Terminal;
	readonly #shown: ListenerConfig["shown"];
	/** Those that the terminal filter does not have yet. */
	readonly #waiting = new Roster<Waiting>();
	#connections = 0;
	#onEmpty: (() => void)[] = [];
	readonly #drainTimer: Timer;

	constructor(config: FilterChainConfig, listener: ListenerConfig, deps: ListenerDeps) {
		this.config = config;
		this.#shown = listener.shown;
		this.#deps = deps;
		this.#terminal = terminalOf(config, listener, deps);
		this.#drainTimer = new Timer({ onTimer: () => this.cut() });
	}

	get activeConnections(): number {
		return this.#connections;
	}

	serve(on: ChainConnection, stats: ListenerStats): void {
		this.#connections++;
		const { transport } = this.config;
		on.connection.filterChainName = this.config.name;
		on.connection.filterChainMetadata = this.config.metadata;
		on.connection.listener = this.#shown;
		const waiting = { socket: on.socket, rosterPlace: -1 };
		on.socket.once("close", () => this.#closed(waiting));
		// Known to the terminal filter from here on: it counts and logs what fails before it begins, too.
		const begin = this.#terminal.accept(on);
		if (!transport) {
			this.#filter(on, begin, waiting);
			return;
		}
		this.#waiting.add(waiting);
		const timer = this.#handshakeTimer(on, stats);
		transport.accept(on.socket, on.connection, {
			onSecure: (socket) => {
				timer?.cancel();
				on.secure = socket;
				if (!socket.destroyed) this.#filter({ ...on, socket }, begin, waiting);
			},
			onFailure: (reason) => {
				timer?.cancel();
				on.connection.transportFailure = reason;
				on.socket.destroy();
			},
		});
	}

	/** Connections at rest are closed, the others at their next end; what is left after `withinMs` is cut. */
	drain(withinMs: number): void {
		this.#terminal.drain();
		if (this.#connections > 0) this.#deps.deadlines.arm(this.#drainTimer, Math.max(1, withinMs));
	}

	cut(): void {
		for (const { socket } of this.#waiting.list()) socket.destroy();
		this.#terminal.close();
	}

	/** Resolves when it has no connection. */
	empty(): Promise<void> {
		if (this.#connections === 0) return Promise.resolve();
		return new Promise((resolve) => this.#onEmpty.push(resolve));
	}

	#handshakeTimer(on: ChainConnection, stats: ListenerStats): Timer | undefined {
		const { transportConnectTimeoutMs: timeoutMs } = this.config;
		if (timeoutMs <= 0) return undefined;
		const timer = new Timer({
			onTimer: () => {
				stats.handshakeTimeout.inc();
				on.connection.localCloseReason = "transport_socket_timeout";
				if (on.info) on.info.connectionTerminationDetails = "transport socket timeout was reached";
				on.socket.destroy();
			},
		});
		this.#deps.deadlines.arm(timer, timeoutMs);
		on.socket.once("close", () => timer.cancel());
		return timer;
	}

	#filter(on: ChainConnection, begin: Begin, waiting: Waiting): void {
		const { filters } = this.config;
		if (filters.length === 0 || !on.info) {
			this.#waiting.delete(waiting);
			begin(on.socket, undefined);
			return;
		}
		this.#waiting.add(waiting);
		on.socket.on("error", NOTHING);
		const run = new FilterRun({ ...on, info: on.info }, filters, (gate) => {
			this.#waiting.delete(waiting);
			begin(on.socket, gate);
		});
		run.start();
	}

	#closed(waiting: Waiting): void {
		this.#waiting.delete(waiting);
		this.#connections--;
		if (this.#connections > 0) return;
		this.#drainTimer.cancel();
		for (const resolve of this.#onEmpty.splice(0)) resolve();
	}
}

function terminalOf({ terminal }: FilterChainConfig, listener: ListenerConfig, deps: ListenerDeps): Terminal {
	const { perConnectionBufferLimitBytes: bufferLimitBytes } = listener;
	if (terminal.kind === "tcp") {
		const tcp = createTcpProxy(terminal.tcp, { ...deps, ...deps.tcpServices(terminal.tcp) });
		return {
			accept: (on) => tcp.accept({ ...on, bufferLimitBytes, onClosed: NOTHING }),
			drain: () => tcp.drain(),
			close: () => tcp.close(),
		};
	}
	if (terminal.kind === "plain") return plainTerminal(terminal.plain);
	const manager = createConnectionManager(terminal.hcm, {
		...deps,
		...deps.httpServices(listener, terminal.hcm),
		...(listener.bypassesOverloadManager ? { loadShedding: () => undefined } : {}),
		listenerStatName: listener.statPrefix,
	});
	return {
		accept:
			({ connection }) =>
			(socket, gate) => {
				const accept = () => manager.accept({ socket, connection, bufferLimitBytes, onClosed: NOTHING });
				if (gate?.asks) afterFirstBytes(socket, gate, accept);
				else accept();
			},
		drain: () => manager.drain(),
		close: () => manager.close(),
	};
}

function plainTerminal(plain: PlainTerminal): Terminal {
	const sockets = new Set<Socket>();
	return {
		accept: (on) => {
			sockets.add(on.socket);
			on.socket.once("close", () => sockets.delete(on.socket));
			return (socket) => plain.serve(socket, on.info!);
		},
		drain: NOTHING,
		close: () => {
			for (const socket of [...sockets]) socket.destroy();
		},
	};
}

/** Network filters are asked when the first bytes are there; the connection manager gets the connection with these bytes unread. */
function afterFirstBytes(socket: Socket, gate: DataGate, then: () => void): void {
	const onReadable = () => {
		if (socket.readableLength === 0) return;
		socket.off("readable", onReadable);
		socket.off("end", onEnd);
		if (gate.admit(then) === "continue") then();
	};
	const onEnd = () => cutSocket(socket);
	socket.on("readable", onReadable);
	socket.on("end", onEnd);
}
