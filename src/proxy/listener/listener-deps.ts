import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { ClusterLookup } from "../cluster/cluster.ts";
import type { HcmConfig } from "../hcm/hcm-config.ts";
import type { HcmServices } from "../hcm/hcm-shared.ts";
import type { Deadlines } from "../http/deadlines.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { TcpProxyConfig } from "../network/tcp-proxy/tcp-proxy-config.ts";
import type { TcpServices } from "../network/tcp-proxy/tcp-services.ts";
import type { LoadShedding } from "../overload/overload-manager.ts";
import type { ListenerConfig } from "./listener-config.ts";

/** What listeners need of the process. */
export interface ListenerDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly deadlines: Deadlines;
	readonly clusters: ClusterLookup;
	readonly metrics: Pick<Metrics, "scope">;
	/** Where an HTTP chain's routes and access log come from. */
	httpServices(
		listener: ListenerConfig,
		hcm: HcmConfig,
	): Pick<HcmServices, "routeTable" | "demandRoute" | "accessLog" | "localAddress">;
	/** Where a TCP chain's access log comes from. */
	tcpServices(tcp: TcpProxyConfig): Pick<TcpServices, "accessLog" | "peerPreamble">;
	/** The listener's own access log, once per connection; undefined without one. */
	listenerLog?(listener: ListenerConfig): ((info: StreamInfo) => void) | undefined;
	/** Whether load is to be shed; undefined: never. */
	readonly loadShedding?: () => LoadShedding | undefined;
	/** Which of the worker threads this is, for its own stats; 0 by default. */
	readonly worker?: number;
	/** How long connections of a removed or replaced listener may finish (Envoy: --drain-time-s, 600 s). */
	readonly drainTimeMs: number;
}
