import type {
	CircuitBreakers,
	ClusterInfo,
	ClusterStats,
	Host,
	PickContext,
	UpstreamCluster,
} from "../cluster/cluster.ts";
import { newHostStats } from "../cluster/host-stats.ts";
import { HTTP2_DEFAULTS } from "../http/http2/http2-options.ts";
import { bindHttp2Stats } from "../http/http2/http2-stats.ts";

/** For tests and benchmarks: a cluster of fixed endpoints, taken in turn, that writes down what is reported to it. */
export class FakeCluster implements UpstreamCluster {
	readonly name: string;
	readonly info: ClusterInfo;
	readonly stats: ClusterStats;
	readonly breakers: FakeBreakers = new FakeBreakers();
	readonly highPriority: UpstreamCluster = this;
	/** `200`, `connect`, `timeout`, `reset`, in order. */
	readonly reports: string[] = [];
	readonly counts: Readonly<Record<string, number>>;
	/** The levels that each pick was told to avoid. */
	readonly avoided: number[][] = [];
	ejected = false;
	readonly #hosts: Host[];
	#next = 0;

	constructor(name: string, ports: readonly number[], info: Partial<ClusterInfo> = {}) {
		this.name = name;
		this.#hosts = ports.map(fakeHost);
		this.info = {
			connectTimeoutMs: 1000,
			maxConnectionsPerHost: Infinity,
			maxRequestsPerConnection: 0,
			idleTimeoutMs: 3_600_000,
			maxConnectionDurationMs: 0,
			keepAlive: undefined,
			destinationHeader: undefined,
			toOriginalDestination: false,
			healthChecked: false,
			detectsOutliers: true,
			httpProtocol: "http1",
			http1Trailers: false,
			http1HeaderCase: "lower",
			http2: HTTP2_DEFAULTS,
			http1Limits: { maxBytes: 80 * 1024, maxFields: 100 },
			http2Limits: { maxBytes: 60 * 1024, maxFields: 100 },
			metadata: {},
			source: undefined,
			perConnectionBufferLimitBytes: 1024 * 1024,
			...info,
		};
		const counts: Record<string, number> = {};
		this.counts = counts;
		this.stats = countingStats(counts);
	}

	pick(ctx: PickContext): Host | undefined {
		this.avoided.push([...(ctx.avoidPriorities ?? [])]);
		if (this.ejected) return undefined;
		return this.#hosts[this.#next++ % this.#hosts.length];
	}

	memberOf(): UpstreamCluster {
		return this;
	}

	mayOverride(host: Host): boolean {
		return host.healthy;
	}

	dropsRequest(): "no" {
		return "no";
	}

	allEjected(): boolean {
		return this.ejected;
	}

	hosts(): readonly Host[] {
		return this.#hosts;
	}

	reportStatus(_host: Host, status: number): void {
		this.reports.push(String(status));
	}

	reportLocalFailure(_host: Host, kind: "connect" | "timeout" | "reset"): void {
		this.reports.push(kind);
	}

	reportImmediateFailure(): void {
		this.reports.push("immediate");
	}
}

/** Breakers with settable limits that must be back at zero when all is over. */
export class FakeBreakers implements CircuitBreakers {
	limits = { connections: Infinity, pending: Infinity, requests: Infinity, retries: Infinity };
	readonly held = { connections: 0, pending: 0, requests: 0, retries: 0 };

	tryConnection = (): boolean => this.#take("connections");
	releaseConnection = (): void => this.#release("connections");
	tryPending = (): boolean => this.#take("pending");
	releasePending = (): void => this.#release("pending");
	tryRequest = (): boolean => this.#take("requests");
	releaseRequest = (): void => this.#release("requests");
	tryRetry = (): boolean => this.#take("retries");
	releaseRetry = (): void => this.#release("retries");

	#take(what: keyof FakeBreakers["held"]): boolean {
		if (this.held[what] >= this.limits[what]) return false;
		this.held[what]++;
		return true;
	}

	#release(what: keyof FakeBreakers["held"]): void {
		if (this.held[what]-- <= 0) throw new Error(`${what} released more often than taken`);
	}
}

function fakeHost(port: number): Host {
	return {
		address: `127.0.0.1:${port}`,
		ip: "127.0.0.1",
		port,
		addresses: [{ ip: "127.0.0.1", port }],
		hostname: "",
		canary: false,
		onRetired: undefined,
		weight: 1,
		priority: 0,
		locality: { region: "", zone: "", subZone: "" },
		metadata: {},
		activeRequests: 0,
		ejected: false,
		healthy: true,
		removed: false,
		stats: newHostStats(),
		pool: undefined,
	};
}

/** Instruments by name that add up in `counts`. */
function countingStats(counts: Record<string, number>): ClusterStats {
	const made = new Map<string, object>();
	const instrument = (name: string) => ({
		inc: (by = 1) => {
			counts[name] = (counts[name] ?? 0) + by;
		},
		add: (by: number) => {
			counts[name] = (counts[name] ?? 0) + by;
		},
		set: (value: number) => {
			counts[name] = value;
		},
		record: () => {
			counts[name] = (counts[name] ?? 0) + 1;
		},
		get value() {
			return counts[name] ?? 0;
		},
	});
	const countStatus = (status: number) => {
		counts[`status_${status}`] = (counts[`status_${status}`] ?? 0) + 1;
	};
	const countRetriedStatus = (status: number) => countStatus(status);
	return new Proxy({ countStatus, countRetriedStatus } as unknown as ClusterStats, {
		get(target, name: string) {
			if (name === "countStatus" || name === "countRetriedStatus") return target[name];
			if (name === "http2") return bindHttp2Stats({ counter: instrument, gauge: instrument }, "http2.");
			if (!made.has(name)) made.set(name, instrument(name));
			return made.get(name);
		},
	});
}
