import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Metrics, StatScope } from "../../telemetry/metric-registry.ts";
import type { ClusterHost } from "../cluster/cluster-host.ts";
import type { StartChecks } from "../cluster/cluster-set.ts";
import type { HealthCheckConfig } from "../cluster/health/check-config.ts";
import type { HostListener, LiveCluster } from "../cluster/live-cluster.ts";
import type { UpstreamContext } from "../upstream/host-pool.ts";
import { type CheckLog, checkLog } from "./check-log.ts";
import { HostChecker } from "./host-checker.ts";
import { makeProbe } from "./make-probe.ts";
import { ProbeCluster } from "./probe-target.ts";

export interface HealthCheckDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly metrics: Pick<Metrics, "scope">;
	readonly upstream: UpstreamContext;
	/** Opens a log file for lines. */
	openLog(path: string): (line: string) => void;
}

/** For `ClusterSetDeps.startChecks`. */
export function healthChecks(deps: HealthCheckDeps): StartChecks {
	return (cluster, onFirstRound) => new HealthChecker(cluster, deps, onFirstRound);
}

/** Checks the hosts of one cluster, each by itself. */
class HealthChecker implements HostListener {
	readonly #cluster: LiveCluster;
	readonly #config: HealthCheckConfig;
	readonly #deps: HealthCheckDeps;
	readonly #probeCluster: ProbeCluster;
	readonly #scope: StatScope;
	readonly #log: CheckLog;
	readonly #checkers = new Map<ClusterHost, HostChecker>();
	/** Hosts that have not been checked yet; the cluster waits for those that it began with. */
	readonly #unchecked = new Set<ClusterHost>();
	#onFirstRound: (() => void) | undefined;

	constructor(cluster: LiveCluster, deps: HealthCheckDeps, onFirstRound: () => void) {
		this.#cluster = cluster;
		this.#config = cluster.config.healthChecks[0]!;
		this.#deps = deps;
		this.#onFirstRound = onFirstRound;
		this.#scope = deps.metrics.scope(`cluster.${cluster.config.statName}.`);
		const files = this.#config.log.paths.map((path) => deps.openLog(path));
		const write = files.length === 0 ? undefined : (line: string) => void files.map((writeTo) => writeTo(line));
		this.#log = checkLog(cluster.name, this.#config, deps.clock, write);
		this.#probeCluster = new ProbeCluster(cluster, probeInfo(this.#config));
		for (const name of ["attempt", "success", "failure", "network_failure", "passive_failure", "verify_cluster"])
			this.#scope.counter(`health_check.${name}`);
		for (const host of cluster.hosts()) this.#add(host);
		this.#publish();
		this.#endFirstRound();
	}

	onHosts({ added, removed }: Parameters<HostListener["onHosts"]>[0]): void {
		for (const host of removed) this.#remove(host);
		for (const host of added) this.#add(host);
		this.#publish();
		this.#endFirstRound();
	}

	onPassiveFailure(host: ClusterHost): void {
		this.#checkers.get(host)?.fail({ ok: false, failure: "passive", exclude: true });
	}

	close(): void {
		for (const host of [...this.#checkers.keys()]) this.#remove(host);
		this.#onFirstRound = undefined;
		this.#scope.release();
	}

	#add(host: ClusterHost): void {
		if (host.config.check?.disabled === true || this.#checkers.has(host)) return;
		// Taken over from a cluster that did not check: in service until checks say otherwise.
		host.check ??= { failed: false, timedOut: false, pending: false, degraded: false, excluded: false };
		this.#unchecked.add(host);
		const checker = new HostChecker(host, this.#config, {
			...this.#deps,
			scope: this.#scope,
			log: this.#log,
			probe: (onLost) =>
				makeProbe(this.#config, host, {
					cluster: this.#probeCluster,
					context: this.#deps.upstream,
					onLost,
					onVerify: () => this.#scope.counter("health_check.verify_cluster").inc(),
				}),
			hadTraffic: () => this.#cluster.hadTraffic,
			onResult: (ok, changed) => this.#onResult(host, ok, changed),
		});
		this.#checkers.set(host, checker);
		checker.start();
	}

	#remove(host: ClusterHost): void {
		this.#checkers.get(host)?.close();
		this.#checkers.delete(host);
		this.#unchecked.delete(host);
	}

	#onResult(host: ClusterHost, ok: boolean, changed: boolean): void {
		if (changed) {
			this.#publish();
			if (host.health === "unhealthy") this.#cluster.outOfService(host);
			else if (ok) this.#cluster.warmUp(host);
			this.#cluster.healthChanged();
		}
		if (ok && host.check?.failed === false) this.#cluster.checkPassed(host);
		if (this.#unchecked.delete(host)) this.#endFirstRound();
	}

	#endFirstRound(): void {
		if (!this.#onFirstRound || this.#unchecked.size > 0 || !this.#cluster.initialized) return;
		const tell = this.#onFirstRound;
		this.#onFirstRound = undefined;
		tell();
	}

	#publish(): void {
		let [healthy, degraded] = [0, 0];
		for (const { check } of this.#checkers.keys()) {
			if (check?.failed === false) healthy++;
			if (check?.degraded === true) degraded++;
		}
		this.#scope.gauge("health_check.healthy").set(healthy);
		this.#scope.gauge("health_check.degraded").set(degraded);
	}
}

/** What the connections of checks are like, where that differs from the cluster's. */
function probeInfo({ probe, reuseConnection }: HealthCheckConfig) {
	const http2 = probe.kind === "grpc" || (probe.kind === "http" && probe.http2);
	return {
		httpProtocol: http2 ? ("http2" as const) : ("http1" as const),
		maxRequestsPerConnection: reuseConnection ? 0 : 1,
		maxConnectionDurationMs: 0,
		idleTimeoutMs: 0,
	};
}
