import type { HeaderMap } from "../http/header-map.ts";
import type { LbHost } from "../lb/balancer.ts";
import type { HostHealth } from "../lb/host-level.ts";
import type { DialAddress, Host, HostStats } from "./cluster.ts";
import type { EndpointConfig } from "./compile/endpoint-config.ts";
import { type EndpointPlace, isSocketPath, placeKey } from "./compile/endpoint-place.ts";
import { newHostStats } from "./host-stats.ts";
import { OutlierState } from "./outlier/outlier-detector.ts";

/** What active health checks say of a host. */
export interface CheckState {
	/** Out of service by its checks; so from the start until the first one passes. */
	failed: boolean;
	/** The last failure was a timeout. */
	timedOut: boolean;
	/** No check has ended yet and new hosts are to wait for it. */
	pending: boolean;
	/** The endpoint said that it is degraded. */
	degraded: boolean;
	/** The endpoint said that it is to be taken out at once. */
	excluded: boolean;
}

/** An endpoint in service; identity is its address, everything else may be updated. */
export class ClusterHost implements Host, LbHost {
	readonly address: string;
	readonly stats: HostStats;
	config: EndpointConfig;
	activeRequests = 0;
	removed = false;
	pool: unknown = undefined;
	/** Undefined: not checked. */
	check: CheckState | undefined = undefined;
	/** Has left the endpoints, but stays while its checks pass. */
	leaving = false;
	/** Slow start: the part of its weight that the endpoint has now; undefined once it has all of it. */
	warmUp: (() => number) | undefined;
	onRetired: ((how: "left" | "cut") => void) | undefined = undefined;
	/** By what it reports of its load; undefined: as configured. */
	reportedWeight: number | undefined = undefined;
	onDegraded: (() => void) | undefined = undefined;
	onLoadReport: ((headers: HeaderMap) => void) | undefined = undefined;
	#outlier: OutlierState | undefined;
	#addresses: readonly DialAddress[] | undefined = undefined;

	/** `predecessor`: the host of the same address whose connections may not be taken over, but whose record is. */
	constructor(config: EndpointConfig, predecessor?: ClusterHost) {
		this.config = config;
		this.address = placeKey(config);
		this.#outlier = predecessor ? predecessor.#outlier : undefined;
		this.warmUp = predecessor?.warmUp;
		this.check = predecessor?.check;
		this.stats = predecessor?.stats ?? newHostStats();
	}

	get ip(): string {
		return isSocketPath(this.config) ? "" : this.config.host;
	}

	get port(): number {
		return this.config.port;
	}

	/** Where to connect to, the first choice first. */
	get addresses(): readonly DialAddress[] {
		this.#addresses ??= [this.config, ...this.config.more].map(dialAddressOf);
		return this.#addresses;
	}

	get hostname(): string {
		return this.config.hostname;
	}

	get hashKey(): string | undefined {
		const key = this.config.metadata["envoy.lb"]?.hash_key;
		return typeof key === "string" && key !== "" ? key : undefined;
	}

	get canary(): boolean {
		return this.config.metadata["envoy.lb"]?.canary === true;
	}

	/** What EDS gave, less while the endpoint is new; read anew at every weighted pick. */
	get weight(): number {
		return (this.reportedWeight ?? this.config.weight) * (this.warmUp?.() ?? 1);
	}

	get warming(): boolean {
		return this.warmUp !== undefined;
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

	/** What outlier detection knows; made at first use, most clusters have none. */
	get outlier(): OutlierState {
		this.#outlier ??= new OutlierState();
		return this.#outlier;
	}

	get ejected(): boolean {
		return this.#outlier?.ejected === true;
	}

	/** Degraded by what its answers said. */
	get degradedByAnswers(): boolean {
		return this.#outlier?.degraded === true;
	}

	/** Percent of requests that succeeded in the last interval, -1 when there were too few. */
	get successRate(): number {
		return this.#outlier?.successRate ?? -1;
	}

	/** The same of attempts to connect. */
	get localSuccessRate(): number {
		return this.#outlier?.localSuccessRate ?? -1;
	}

	/** Envoy's coarse health: the worst that EDS, active checks and outlier detection say. */
	get health(): HostHealth {
		const { health } = this.config;
		const out = health === "UNHEALTHY" || health === "DRAINING" || health === "TIMEOUT";
		if (out || this.ejected || this.check?.failed === true) return "unhealthy";
		if (this.#outlier?.degraded === true) return "degraded";
		return health === "DEGRADED" || this.check?.degraded === true ? "degraded" : "healthy";
	}

	get healthy(): boolean {
		return this.health === "healthy";
	}

	/** Not counted among the hosts of its priority. */
	get excluded(): boolean {
		if (this.config.health === "DRAINING") return true;
		return this.check !== undefined && (this.check.pending || this.check.excluded);
	}
}

function dialAddressOf(place: EndpointPlace): DialAddress {
	return isSocketPath(place) ? { path: place.host } : { ip: place.host, port: place.port };
}
