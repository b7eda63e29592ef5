import type { Host, HostStats } from "./cluster.ts";
import type { EdsHealth, EndpointConfig } from "./endpoint-config.ts";
import { hostAddress } from "./ip-address.ts";
import { OutlierState } from "./outlier-detector.ts";

/** An endpoint in service; identity is its address, everything else may be updated. */
export class ClusterHost implements Host {
	readonly address: string;
	readonly ip: string;
	readonly port: number;
	readonly outlier: OutlierState;
	readonly stats: HostStats;
	config: EndpointConfig;
	activeRequests = 0;
	removed = false;
	pool: unknown = undefined;
	/** Slow start: the part of its weight that the endpoint has now. */
	warmUp: (() => number) | undefined;

	/** `predecessor`: the host of the same address whose connections may not be taken over, but whose record is. */
	constructor(config: EndpointConfig, predecessor?: ClusterHost) {
		this.config = config;
		this.ip = config.host;
		this.port = config.port;
		this.address = hostAddress(config.host, config.port);
		this.outlier = predecessor?.outlier ?? new OutlierState();
		this.warmUp = predecessor?.warmUp;
		this.stats = predecessor?.stats ?? {
			rqTotal: 0,
			rqSuccess: 0,
			rqError: 0,
			rqTimeout: 0,
			cxTotal: 0,
			cxActive: 0,
			cxConnectFail: 0,
		};
	}

	/** What EDS gave, less while the endpoint is new; read anew at every weighted pick. */
	get weight(): number {
		return this.config.weight * (this.warmUp?.() ?? 1);
	}

	get priority(): number {
		return this.config.priority;
	}

	get locality(): EndpointConfig["locality"] {
		return this.config.locality;
	}

	get metadata(): EndpointConfig["metadata"] {
		return this.config.metadata;
	}

	/** Health that EDS gave, ejection aside. */
	get edsHealth(): EdsHealth {
		return this.config.health;
	}

	get ejected(): boolean {
		return this.outlier.ejected;
	}

	get healthy(): boolean {
		return !this.outlier.ejected && (this.config.health === "HEALTHY" || this.config.health === "UNKNOWN");
	}
}
