import { Roster } from "../../lib/roster.ts";
import { RouteStatSet } from "../forward/route-stats.ts";
import { bindHttp2Stats } from "../http/http2/http2-stats.ts";
import { Http1Connection } from "./connection/http1-connection.ts";
import { Http2Connection } from "./connection/http2-connection.ts";
import { DateHeader } from "./fields/date-header.ts";
import type { HcmConfig } from "./hcm-config.ts";
import type { AcceptedSocket, ConnectionManager, HcmServices, HcmShared, LiveConnection } from "./hcm-shared.ts";
import { hcmStats } from "./hcm-stats.ts";

/** Serves HTTP by `config`; the listener hands it what it accepts. */
export function createConnectionManager(config: HcmConfig, services: HcmServices): ConnectionManager {
	const { clock, random, deadlines, clusters } = services;
	const allEjected = (name: string) => clusters.get(name)?.allEjected() ?? false;
	const routeStats = new RouteStatSet(services.metrics);
	const shared: HcmShared = {
		config,
		services,
		forward: {
			clock,
			random,
			deadlines,
			clusters,
			routeStats,
			router: config.router,
			allEjected,
			localAddress: services.localAddress,
		},
		stats: hcmStats(services.metrics, config.statPrefix, services.listenerStatName),
		http2Stats: bindHttp2Stats(services.metrics.scope("http2."), ""),
		date: new DateHeader(clock),
		connections: new Roster(),
		draining: false,
	};
	return {
		accept: (connection) => {
			shared.connections.add(open(shared, connection));
		},
		drain: () => {
			shared.draining = true;
			for (const connection of shared.connections.list()) connection.drain();
		},
		close: () => {
			for (const connection of shared.connections.list()) connection.destroy();
		},
		get activeConnections() {
			return shared.connections.size;
		},
	};
}

/** The protocol by configuration or ALPN; with AUTO and neither, the first bytes tell (`http1-connection.ts`). */
function open(shared: HcmShared, accepted: AcceptedSocket): LiveConnection {
	const { codec } = shared.config;
	const agreed = accepted.connection?.applicationProtocol;
	const http2 = codec === "http2" || (codec === "auto" && agreed === "h2");
	return http2 ? new Http2Connection(shared, accepted) : new Http1Connection(shared, accepted);
}
