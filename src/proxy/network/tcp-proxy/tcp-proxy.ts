import type { Socket } from "node:net";
import { Roster } from "../../../lib/roster.ts";
import { plainConnection } from "../../http/info/connection-info.ts";
import { RequestInfo } from "../../http/info/request-info.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { DataGate } from "../data-gate.ts";
import type { TcpProxyConfig } from "./tcp-proxy-config.ts";
import { tcpProxyStats } from "./tcp-proxy-stats.ts";
import type { TcpDownstream, TcpServices, TcpShared } from "./tcp-services.ts";
import { TcpSession } from "./tcp-session.ts";

/** A tcp_proxy in service. */
export interface TcpProxyRuntime {
	/** Takes the connection; the result begins its session: with the socket that carries plaintext, when the filters before have let it through. */
	accept(connection: TcpDownstream): (socket: Socket, gate: DataGate | undefined) => void;
	drain(): void;
	close(): void;
	readonly activeConnections: number;
}

/** Proxies accepted sockets to a cluster. */
export function createTcpProxy(config: TcpProxyConfig, services: TcpServices): TcpProxyRuntime {
	const stats = tcpProxyStats(services.metrics, config.statPrefix);
	const shared: TcpShared = { config, services, stats, draining: false };
	const sessions = new Roster<TcpSession>();
	return {
		accept(connection) {
			const session = new TcpSession(shared, connection, infoOf(connection, services), () => {
				sessions.delete(session);
				connection.onClosed();
			});
			sessions.add(session);
			return (socket, gate) => session.start(socket, gate);
		},
		// A TCP connection has no message at whose end it could be closed: it lasts until the drain time is over, unless `check_drain_close` says otherwise.
		drain: () => {
			shared.draining = true;
		},
		close: () => {
			for (const session of sessions.list()) session.cut("");
		},
		get activeConnections() {
			return sessions.size;
		},
	};
}

function infoOf({ info, socket, connection }: TcpDownstream, { clock }: TcpServices): StreamInfo {
	if (info) return info;
	const made = new RequestInfo(clock.epochMs(), clock.nowMs());
	made.connection = connection ?? plainConnection(socket);
	return made;
}
