import { RouteStatSet } from "../forward/route-stats.ts";
import { DateHeader } from "./date-header.ts";
import type { HcmConfig } from "./hcm-config.ts";
import type { ConnectionManager, HcmServices, HcmShared } from "./hcm-shared.ts";
import { hcmStats } from "./hcm-stats.ts";
import { Http1Connection } from "./http1-connection.ts";

/** Serves HTTP by `config`; the listener hands it what it accepts. */
export function createConnectionManager(config: HcmConfig, services: HcmServices): ConnectionManager {
	const { clock, random, deadlines, clusters } = services;
	const { suppressEnvoyHeaders } = config;
	const allEjected = (name: string) => clusters.get(name)?.allEjected() ?? false;
	const routeStats = new RouteStatSet(services.metrics);
	const shared: HcmShared = {
		config,
		services,
		forward: { clock, random, deadlines, clusters, routeStats, suppressEnvoyHeaders, allEjected },
		stats: hcmStats(services.metrics, config.statPrefix),
		date: new DateHeader(clock),
		connections: new Set(),
		draining: false,
	};
	return {
		accept: (connection) => {
			shared.connections.add(new Http1Connection(shared, connection));
		},
		drain: () => {
			shared.draining = true;
			for (const connection of [...shared.connections]) connection.drain();
		},
		close: () => {
			for (const connection of [...shared.connections]) connection.destroy();
		},
		get activeConnections() {
			return shared.connections.size;
		},
	};
}
