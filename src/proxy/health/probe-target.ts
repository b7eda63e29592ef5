import type { Counter, Gauge, Histogram } from "../../telemetry/metrics.ts";
import type {
	CircuitBreakers,
	ClusterInfo,
	ClusterStats,
	DialAddress,
	Host,
	HostStats,
	UpstreamCluster,
} from "../cluster/cluster.ts";
import type { ClusterHost } from "../cluster/cluster-host.ts";
import { clusterStats } from "../cluster/cluster-stat-set.ts";
import { isSocketPath, placeKey } from "../cluster/compile/endpoint-place.ts";
import { newHostStats } from "../cluster/host-stats.ts";

/** A host as its health checks reach it: its own address and port may differ, its connections are other ones. */
export class ProbeHost implements Host {
	readonly address: string;
	readonly ip: string;
	readonly port: number;
	readonly addresses: readonly DialAddress[];
	readonly stats: HostStats = newHostStats();
	readonly metadata: Host["metadata"];
	readonly weight = 1;
	readonly ejected = false;
	readonly healthy = true;
	activeRequests = 0;
	removed = false;
	pool: unknown = undefined;
	onRetired: ((how: "left" | "cut") => void) | undefined = undefined;
	readonly #host: ClusterHost;

	/** `socketMatch`: what chooses the transport socket in place of the endpoint's own metadata. */
	constructor(host: ClusterHost, socketMatch: Readonly<Record<string, unknown>> | undefined) {
		this.#host = host;
		this.metadata = socketMatch ? { "envoy.transport_socket_match": socketMatch } : host.metadata;
		const { check } = host.config;
		const place = check?.place ?? { host: host.config.host, port: check?.port || host.config.port };
		this.address = placeKey(place);
		this.ip = isSocketPath(place) ? "" : place.host;
		this.port = place.port;
		this.addresses = [isSocketPath(place) ? { path: place.host } : { ip: place.host, port: place.port }];
	}

	get hostname(): string {
		return this.#host.hostname;
	}

	get canary(): boolean {
		return this.#host.canary;
	}

	get priority(): number {
		return this.#host.priority;
	}

	get locality(): Host["locality"] {
		return this.#host.locality;
	}

	/** Closes its connections. */
	close(): void {
		this.removed = true;
		this.onRetired?.("cut");
	}
}

/** A cluster as its health checks see it: no limits, nothing counted, the connections that checks need. */
export class ProbeCluster implements UpstreamCluster {
	readonly name: string;
	readonly info: ClusterInfo;
	readonly stats: ClusterStats = UNCOUNTED;
	readonly breakers: CircuitBreakers = UNLIMITED;

	constructor(cluster: UpstreamCluster, info: Partial<ClusterInfo>) {
		this.name = cluster.name;
		this.info = { ...cluster.info, ...info };
	}

	get highPriority(): UpstreamCluster {
		return this;
	}

	pick(): undefined {
		return undefined;
	}

	memberOf(): UpstreamCluster {
		return this;
	}

	mayOverride(): boolean {
		return false;
	}

	dropsRequest(): "no" {
		return "no";
	}

	allEjected(): boolean {
		return false;
	}

	hosts(): readonly Host[] {
		return [];
	}

	reportStatus(): void {
		// The check itself says what its answer means.
	}

	reportLocalFailure(): void {
		// As above.
	}

	reportImmediateFailure(): void {
		// As above.
	}
}

const UNLIMITED: CircuitBreakers = {
	tryConnection: () => true,
	releaseConnection: () => {},
	tryPending: () => true,
	releasePending: () => {},
	tryRequest: () => true,
	releaseRequest: () => {},
	tryRetry: () => true,
	releaseRetry: () => {},
};

const NO_INSTRUMENT: Counter & Gauge & Histogram = {
	value: 0,
	inc: () => {},
	set: () => {},
	add: () => {},
	record: () => {},
};

const UNCOUNTED = clusterStats({
	prefix: "",
	counter: () => NO_INSTRUMENT,
	gauge: () => NO_INSTRUMENT,
	histogram: () => NO_INSTRUMENT,
	release: () => {},
});
