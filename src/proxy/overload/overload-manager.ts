import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { Gauge } from "../../telemetry/metrics.ts";
import { OVERLOAD_ACTIONS, type OverloadActionName, type OverloadConfig } from "./compile-overload.ts";

export interface OverloadDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly metrics: Pick<Metrics, "scope">;
	/** Bytes of memory that the process holds now. */
	memoryBytes(): number;
	/** Gives memory back to the system as far as it can. */
	shrinkHeap(): void;
}

/** What the request path asks; without an overload manager it asks nobody. */
export interface LoadShedding {
	/** This request is to be refused (503, OM). */
	refusesRequest(): boolean;
	/** This answer is to be the connection's last. */
	endsKeepAlive(): boolean;
	/** A client connection begins; false: close it at once, no `connectionEnded` follows. */
	/** `unlimited`: the limit of connections does not hold for it (`ignore_global_conn_limit`). */
	connectionBegins(unlimited?: boolean): "accept" | "overflow" | "overload";
	connectionEnded(): void;
}

/** Node cannot leave connections in the backlog: while Envoy would stop accepting, they are accepted and closed. */
const REFUSING = ["stop_accepting_connections", "reject_incoming_connections", "tcp_listener_accept"] as const;

/** Reads how much of its resources are in use and says what to do about it (Envoy: configuration, overload manager). */
export class OverloadManager implements LoadShedding {
	readonly #config: OverloadConfig;
	readonly #deps: OverloadDeps;
	/** How far each action is on, 0 to 1. */
	readonly #states = new Map<OverloadActionName, number>(OVERLOAD_ACTIONS.map((name) => [name, 0]));
	readonly #gauges = new Map<string, Gauge>();
	#connections = 0;
	#cancel = () => {};

	constructor(config: OverloadConfig, deps: OverloadDeps) {
		this.#config = config;
		this.#deps = deps;
		this.#refresh();
	}

	refusesRequest(): boolean {
		return this.#happens("stop_accepting_requests") || this.#happens("http_connection_manager_decode_headers");
	}

	endsKeepAlive(): boolean {
		return this.#happens("disable_http_keepalive");
	}

	connectionBegins(unlimited = false): "accept" | "overflow" | "overload" {
		const limit = this.#config.maxConnections?.limit;
		if (!unlimited && limit !== undefined && this.#connections >= limit) return "overflow";
		if (REFUSING.some((action) => this.#happens(action))) return "overload";
		this.#connections++;
		return "accept";
	}

	connectionEnded(): void {
		this.#connections--;
	}

	close(): void {
		this.#cancel();
	}

	#happens(action: OverloadActionName): boolean {
		const state = this.#states.get(action)!;
		return state >= 1 || (state > 0 && this.#deps.random.unit() < state);
	}

	#refresh(): void {
		this.#cancel = this.#deps.clock.after(this.#config.refreshMs, () => this.#refresh());
		const pressure = this.#readPressure();
		for (const action of OVERLOAD_ACTIONS) this.#states.set(action, 0);
		for (const { name, action, triggers } of this.#config.actions) {
			const state = Math.max(0, ...triggers.map(({ resource, from, to }) => scale(pressure.get(resource)!, from, to)));
			this.#states.set(action, Math.max(state, this.#states.get(action)!));
			this.#gauge(`${name}.active`).set(state >= 1 ? 1 : 0);
			this.#gauge(`${name}.scale_percent`).set(Math.round(state * 100));
		}
		if (this.#states.get("shrink_heap")! >= 1) this.#deps.shrinkHeap();
	}

	/** Each resource's part in use: 1 is all of it. */
	#readPressure(): Map<string, number> {
		const { maxHeapBytes, maxConnections } = this.#config;
		const pressure = new Map<string, number>();
		for (const [name, bytes] of maxHeapBytes) pressure.set(name, this.#deps.memoryBytes() / bytes);
		if (maxConnections) pressure.set(maxConnections.resource, this.#connections / maxConnections.limit);
		for (const [name, value] of pressure) this.#gauge(`${name}.pressure`).set(Math.round(value * 100));
		return pressure;
	}

	#gauge(name: string): Gauge {
		let gauge = this.#gauges.get(name);
		if (!gauge) {
			gauge = this.#deps.metrics.scope("overload.").gauge(name);
			this.#gauges.set(name, gauge);
		}
		return gauge;
	}
}

function scale(value: number, from: number, to: number): number {
	if (from === to) return value >= to ? 1 : 0;
	return Math.min(1, Math.max(0, (value - from) / (to - from)));
}
