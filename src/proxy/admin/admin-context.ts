import type { JsonValue } from "@bufbuild/protobuf";
import type { Logging, LogLevel } from "../../telemetry/logger.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import type { ServerInfo } from "../../xds/generated/envoy/admin/v3/server_info_pb.ts";
import type { Bootstrap } from "../../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import type { AggregateCluster } from "../cluster/aggregate-cluster.ts";
import type { LiveCluster } from "../cluster/live-cluster.ts";
import type { TlsDeps } from "../tls/tls-deps.ts";
import type { ResourceStore } from "../xdsclient/resource-store.ts";

/** An open listener. */
export interface ListenerView {
	readonly name: string;
	readonly ip: string;
	readonly port: number;
}

export type ServerState = "LIVE" | "DRAINING" | "PRE_INITIALIZING" | "INITIALIZING";

/** What the admin pages show and change; `runtime` implements it. */
export interface AdminContext {
	readonly bootstrap: Bootstrap;
	/** The main thread's own. */
	readonly registry: MetricRegistry;
	/** The sum over all threads, for reading. */
	statsOfAllThreads(): Promise<MetricRegistry>;
	resetCounters(): void;
	/** Layers of `layered_runtime`, the last one counts most. */
	runtime(): {
		readonly layers: readonly { readonly name: string; readonly values: ReadonlyMap<string, JsonValue> }[];
		readonly values: ReadonlyMap<string, JsonValue>;
	};
	/** False when there is no such component; undefined: all. */
	setLogLevel(component: string | undefined, level: LogLevel): boolean;
	readonly logging: Logging;
	readonly store: ResourceStore;
	/** Secrets, and the TLS contexts in force. */
	readonly tls: Pick<TlsDeps, "secrets" | "contexts">;
	readonly startedEpochMs: number;
	readonly commandLine: NonNullable<ServerInfo["commandLineOptions"]>;
	nowEpochMs(): number;
	state(): ServerState;
	/** Clusters in service. */
	clusters(): readonly (LiveCluster | AggregateCluster)[];
	listeners(): readonly ListenerView[];
	/** Names of what is waited for. */
	warming(): { readonly clusters: readonly string[]; readonly listeners: readonly string[] };
	/** Why listeners could not be opened, by name. */
	listenerFailures(): ReadonlyMap<string, string>;
	drainListeners(): void;
	failHealthcheck(failed: boolean): void;
	reopenLogs(): void;
	quit(): void;
}
