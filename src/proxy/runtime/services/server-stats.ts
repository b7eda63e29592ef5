import type { MetricRegistry } from "../../../telemetry/metric-registry.ts";
import type { ServerState } from "../../admin/admin-context.ts";

/** What the gauges of `server.`, `cluster_manager.` and `listener_manager.` are read from. */
export interface ServerFigures {
	readonly state: ServerState;
	readonly uptimeMs: number;
	readonly clusters: number;
	readonly warmingClusters: number;
	readonly listeners: number;
	readonly warmingListeners: number;
	readonly threads: number;
	/** Until the first certificate of a TLS context ends; undefined: there is none. */
	readonly certificateLeftMs: number | undefined;
}

const STATE_NUMBERS: Readonly<Record<ServerState, number>> = {
	LIVE: 0,
	DRAINING: 1,
	PRE_INITIALIZING: 2,
	INITIALIZING: 3,
};

const DAY_MS = 86_400_000;
/** Envoy's figure where nothing can expire. */
const NO_CERTIFICATE = 0xffff_ffff;

/** Binds Envoy's process-wide gauges; they are filled when stats are read. */
export function bindServerStats(registry: MetricRegistry, read: () => ServerFigures): void {
	const server = registry.scope("server.");
	const clusters = registry.scope("cluster_manager.");
	const listeners = registry.scope("listener_manager.");
	registry.onRead(() => {
		const figures = read();
		const { heapUsed, rss } = process.memoryUsage();
		server.gauge("state").set(STATE_NUMBERS[figures.state]);
		server.gauge("live").set(figures.state === "LIVE" ? 1 : 0);
		server.gauge("uptime").set(Math.floor(figures.uptimeMs / 1000));
		server.gauge("concurrency").set(figures.threads);
		const { certificateLeftMs: leftMs } = figures;
		const days = leftMs === undefined ? NO_CERTIFICATE : Math.max(0, Math.floor(leftMs / DAY_MS));
		server.gauge("days_until_first_cert_expiring").set(days);
		server.gauge("memory_allocated").set(heapUsed);
		server.gauge("memory_physical_size").set(rss);
		clusters.gauge("active_clusters").set(figures.clusters);
		clusters.gauge("warming_clusters").set(figures.warmingClusters);
		listeners.gauge("total_listeners_active").set(figures.listeners);
		listeners.gauge("total_listeners_warming").set(figures.warmingListeners);
		listeners.gauge("workers_started").set(figures.state === "PRE_INITIALIZING" ? 0 : 1);
	});
}
