import type { UpstreamCluster } from "../cluster/cluster.ts";
import type { ClusterHost } from "../cluster/cluster-host.ts";
import type { HealthCheckConfig } from "../cluster/health/check-config.ts";
import type { UpstreamContext } from "../upstream/host-pool.ts";
import { GrpcProbe } from "./grpc-probe.ts";
import { HttpProbe } from "./http-probe.ts";
import type { Probe } from "./probe.ts";
import { ProbeHost } from "./probe-target.ts";
import { TcpProbe } from "./tcp-probe.ts";

interface ProbeDeps {
	readonly cluster: UpstreamCluster;
	readonly context: UpstreamContext;
	/** The connection that is kept between checks ended. */
	onLost(): void;
	onVerify(): void;
}

/** The way of asking that the configuration names. */
export function makeProbe(config: HealthCheckConfig, host: ClusterHost, deps: ProbeDeps): Probe {
	const { probe, timeoutMs, reuseConnection, alpn, socketMatch } = config;
	const { cluster, context } = deps;
	const wishes = alpn.length > 0 ? { alpn } : {};
	const route = { host: new ProbeHost(host, socketMatch), cluster, context, wishes };
	if (probe.kind === "http") return new HttpProbe(probe, host, route, () => deps.onVerify());
	if (probe.kind === "grpc") return new GrpcProbe(probe, host, route, timeoutMs);
	return new TcpProbe(probe, route, reuseConnection, () => deps.onLost());
}
