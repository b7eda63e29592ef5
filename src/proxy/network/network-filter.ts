import type { Socket } from "node:net";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../lib/clock.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { ClusterLookup } from "../cluster/cluster.ts";
import type { DnsCaches } from "../cluster/forward/dns-caches.ts";
import type { IstioTcpFamilies } from "../filter/istio-stats/istio-tcp-families.ts";
import type { WorkloadMetadata } from "../filter/workload-metadata.ts";
import type { Deadlines } from "../http/deadlines.ts";
import type { ConnectionInfo } from "../http/info/connection-info.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { SideCalls } from "../http/side-calls.ts";
import type { FormatEnvironment } from "../router/format/format-context.ts";

/** A client's connection as network filters see it. */
export interface NetworkConnection {
	readonly socket: Socket;
	readonly connection: ConnectionInfo;
	/** The connection's own record: flags, details, metadata; what TCP access logs print. */
	readonly info: StreamInfo;
	/** Cuts the connection; `details` is what %CONNECTION_TERMINATION_DETAILS% prints ("" leaves it). */
	close(details: string): void;
	/** Goes on after "stop". */
	resume(): void;
}

export type FilterVerdict = "continue" | "stop";

/** One network filter on one connection; a filter without a method is not called. */
export interface NetworkFilter {
	/** Before anything is read. "stop" holds the connection until `resume` or `close`. */
	onNewConnection?(on: NetworkConnection): FilterVerdict;
	/** The client's bytes have come; the first ones, or with `everyRead` those of each read. They wait until the verdict is "continue". */
	onData?(on: NetworkConnection): FilterVerdict;
	readonly everyRead?: boolean;
	/** The connection is gone. */
	onClose?(on: NetworkConnection): void;
}

/** A network filter as configured on one filter chain; `create` once per connection (return a shared object where there is no state). */
export interface NetworkFilterConfig {
	readonly name: string;
	create(): NetworkFilter;
}

/** What network filters need of the process. */
export interface NetworkFilterDeps {
	readonly clock: Clock;
	readonly deadlines: Deadlines;
	readonly metrics: Pick<Metrics, "scope">;
	readonly clusters: ClusterLookup;
	/** Names that dynamic forward proxies resolve. */
	readonly dnsCaches: DnsCaches;
	/** What format strings are filled with. */
	readonly env: FormatEnvironment;
	readonly sideCalls: SideCalls;
	/** This proxy's own workload. */
	readonly node: WorkloadMetadata;
	readonly istio: IstioTcpFamilies;
	/** Tells of what is taken without effect. */
	warn(path: string, text: string): void;
}

/** How a kind of network filter is read from xDS. */
export interface NetworkFilterFactory {
	readonly typeUrl: string;
	/** Reads and checks the config; throws ProblemError with paths below `path`. */
	parse(config: Any, path: string, name: string, direction: "inbound" | "outbound"): NetworkFilterConfig;
}
