import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import { ProblemError, problem } from "../../lib/problem.ts";
import type { Random } from "../../lib/random.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { ClusterLookup } from "../cluster/cluster.ts";
import { createConnectionManager } from "../hcm/connection-manager.ts";
import type { HcmConfig } from "../hcm/hcm-config.ts";
import type { ConnectionManager, HcmServices } from "../hcm/hcm-shared.ts";
import { type Deadlines, Timer } from "../http/deadlines.ts";
import type { LoadShedding } from "../overload/overload-manager.ts";
import type { ListenerConfig } from "./listener-config.ts";
import { createTcpProxy, type TcpProxyConfig, type TcpServices } from "./tcp-proxy.ts";

/** What listeners need of the process. */
export interface ListenerDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly deadlines: Deadlines;
	readonly clusters: ClusterLookup;
	readonly metrics: Pick<Metrics, "scope">;
	/** Where an HTTP chain's routes and access log come from. */
	httpServices(
		listener: ListenerConfig,
		hcm: HcmConfig,
	): Pick<HcmServices, "routeTable" | "accessLog" | "localAddress">;
	/** Where a TCP chain's access log comes from. */
	tcpServices(tcp: TcpProxyConfig): Pick<TcpServices, "accessLog">;
	/** Whether load is to be shed; undefined: never. */
	readonly loadShedding?: () => LoadShedding | undefined;
	/** How long connections of a removed or replaced listener may finish (Envoy: --drain-time-s, 600 s). */
	readonly drainTimeMs: number;
}

export interface ListenerState {
	readonly config: ListenerConfig;
	/** Bound address; the real port when the configuration said 0. */
	readonly address: string;
	readonly port: number;
	readonly activeConnections: number;
}

const BACKLOG = 1024;

/** The listeners of one worker; each comes and goes without touching the others. */
export class ListenerSet {
	readonly #deps: ListenerDeps;
	readonly #live = new Map<string, LiveListener>();
	/** Removed or replaced, still finishing. */
	readonly #draining = new Set<LiveListener>();

	constructor(deps: ListenerDeps) {
		this.#deps = deps;
	}

	/** Adds or replaces by name; rejects with ProblemError when the address cannot be bound, and the old one stays. */
	async put(config: ListenerConfig): Promise<void> {
		const old = this.#live.get(config.name);
		const next = new LiveListener(config, this.#deps);
		if (old?.sameAddress(config)) {
			// The socket stays open, so that no connection is refused meanwhile; only what serves it changes.
			next.takeSocket(old);
		} else await next.bind();
		this.#live.set(config.name, next);
		if (old) this.#retire(old);
	}

	remove(name: string): void {
		const old = this.#live.get(name);
		if (!old) return;
		this.#live.delete(name);
		this.#retire(old);
	}

	list(): readonly ListenerState[] {
		return [...this.#live.values()].map((listener) => listener.state());
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

	#retire(listener: LiveListener): void {
		this.#draining.add(listener);
		listener.drain(this.#deps.drainTimeMs);
		void listener.empty().then(() => this.#draining.delete(listener));
	}
}

class LiveListener {
	readonly config: ListenerConfig;
	readonly #deps: ListenerDeps;
	readonly #manager: ConnectionManager;
	readonly #stats: ListenerStats;
	readonly #drainTimer: Timer;
	#socket: ListeningSocket | undefined = undefined;
	#connections = 0;
	#onEmpty: (() => void)[] = [];
	#retired = false;

	constructor(config: ListenerConfig, deps: ListenerDeps) {
		this.config = config;
		this.#deps = deps;
		this.#manager =
			config.chain.kind === "http"
				? createConnectionManager(config.chain.hcm, { ...deps, ...deps.httpServices(config, config.chain.hcm) })
				: createTcpProxy(config.chain.tcp, { ...deps, ...deps.tcpServices(config.chain.tcp) });
		this.#stats = listenerStats(deps.metrics, `${config.address}_${config.port}`);
		this.#drainTimer = new Timer({ onTimer: () => this.cut() });
	}

	sameAddress({ address, port, reusePort }: ListenerConfig): boolean {
		const own = this.config;
		return own.address === address && own.port === port && own.reusePort === reusePort;
	}

	async bind(): Promise<void> {
		this.#socket = await ListeningSocket.open(this.config);
		this.#socket.serve((socket) => this.#accept(socket));
	}

	takeSocket(old: LiveListener): void {
		this.#socket = old.#socket;
		old.#socket = undefined;
		this.#socket!.serve((socket) => this.#accept(socket));
	}

	state(): ListenerState {
		const { address, port } = this.#socket!.bound;
		return { config: this.config, address, port, activeConnections: this.#connections };
	}

	drain(withinMs: number): void {
		this.#socket?.close();
		this.#socket = undefined;
		this.#retired = true;
		this.#manager.drain();
		if (this.#connections > 0) this.#deps.deadlines.arm(this.#drainTimer, Math.max(1, withinMs));
		this.#checkEmpty();
	}

	cut(): void {
		this.#manager.close();
	}

	/** Resolves when it is drained and its last connection is gone. */
	empty(): Promise<void> {
		return new Promise((resolve) => {
			this.#onEmpty.push(resolve);
			this.#checkEmpty();
		});
	}

	#accept(socket: Socket): void {
		const loadShedding = this.#deps.loadShedding?.();
		const verdict = loadShedding?.connectionBegins() ?? "accept";
		if (verdict !== "accept") {
			(verdict === "overflow" ? this.#stats.globalOverflow : this.#stats.overloadReject).inc();
			socket.destroy();
			return;
		}
		this.#connections++;
		this.#stats.total.inc();
		this.#stats.active.add(1);
		this.#manager.accept({
			socket,
			bufferLimitBytes: this.config.perConnectionBufferLimitBytes,
			onClosed: () => {
				this.#connections--;
				loadShedding?.connectionEnded();
				this.#stats.active.add(-1);
				this.#stats.destroy.inc();
				this.#checkEmpty();
			},
		});
	}

	#checkEmpty(): void {
		if (!this.#retired || this.#connections > 0) return;
		this.#drainTimer.cancel();
		for (const resolve of this.#onEmpty.splice(0)) resolve();
	}
}

/** A bound socket; who serves it can change while it listens. */
class ListeningSocket {
	readonly bound: { readonly address: string; readonly port: number };
	readonly #server: Server;
	#serve: (socket: Socket) => void = (socket) => socket.destroy();

	private constructor(server: Server) {
		this.#server = server;
		const { address, port } = server.address() as AddressInfo;
		this.bound = { address, port };
		server.on("connection", (socket) => this.#serve(socket));
	}

	static open({ name, address, port, reusePort }: ListenerConfig): Promise<ListeningSocket> {
		return new Promise((resolve, reject) => {
			const server = createServer({ allowHalfOpen: true, noDelay: true });
			server.once("error", (error) => reject(bindProblem(name, `${address}:${port}`, error)));
			server.listen({ host: address, port, reusePort, backlog: BACKLOG, exclusive: true }, () => {
				server.removeAllListeners("error");
				server.on("error", () => {
					// A failed accept (too many open files) concerns the connection that was not made; listening goes on.
				});
				resolve(new ListeningSocket(server));
			});
		});
	}

	serve(handler: (socket: Socket) => void): void {
		this.#serve = handler;
	}

	close(): void {
		this.#server.close();
	}
}

const BIND_FIX: Readonly<Record<string, string>> = {
	EADDRINUSE: "stop the process that holds the port, or choose another one",
	EACCES: "choose a port above 1023, or allow this process to bind it",
	EADDRNOTAVAIL: "add the address to this machine, or choose one that it has",
};

function bindProblem(listener: string, where: string, error: NodeJS.ErrnoException): ProblemError {
	const message = `listener "${listener}" cannot bind ${where}: ${error.code ?? error.message}`;
	return new ProblemError([problem("LTN3110", "address", message, BIND_FIX[error.code ?? ""] ?? "")], { cause: error });
}

function listenerStats(metrics: Pick<Metrics, "scope">, address: string) {
	const scope = metrics.scope(`listener.${address.replaceAll(":", "_")}.`);
	return {
		total: scope.counter("downstream_cx_total"),
		active: scope.gauge("downstream_cx_active"),
		destroy: scope.counter("downstream_cx_destroy"),
		globalOverflow: scope.counter("downstream_global_cx_overflow"),
		overloadReject: scope.counter("downstream_cx_overload_reject"),
	};
}

type ListenerStats = ReturnType<typeof listenerStats>;
