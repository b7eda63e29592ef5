import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Logging } from "../../telemetry/logger.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { Node } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { Tracing_Http } from "../../xds/generated/envoy/config/trace/v3/http_tracer_pb.ts";
import type { ListenerView } from "../admin/admin-context.ts";
import type { ClusterLookup } from "../cluster/cluster.ts";
import type { DnsCaches } from "../cluster/forward/dns-caches.ts";
import type { LoadShedding } from "../overload/overload-manager.ts";
import type { RouteTable } from "../router/route-match.ts";
import type { TlsDeps } from "../tls/tls-deps.ts";
import type { Compilers } from "./config-applier.ts";
import type { DiscoveredFilter, DiscoveredFilterSettings } from "./discovery/discovered-filter.ts";
import type { ScopedTables, ScopedTablesConfig } from "./discovery/scoped-tables.ts";
import type { LogSinks } from "./services/log-sinks.ts";

/** What listeners, routes and filters are built with. */
export interface DataPlaneDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly clusters: ClusterLookup;
	/** There is such a cluster, in service or not yet; undefined: nobody can tell, routes may name any. */
	knowsCluster?(name: string): boolean;
	/** Names that dynamic forward proxies resolve; undefined: nothing is resolved, configurations are only read. */
	readonly dnsCaches?: DnsCaches;
	readonly metrics: Metrics;
	readonly logging: Logging;
	readonly sinks: LogSinks;
	readonly node: Node;
	/** Tables by name of the route configuration; their content changes with RDS. */
	readonly routes: ReadonlyMap<string, RouteTable>;
	/** What control planes give beside; undefined: a configuration is only checked. */
	readonly discovery?: RouteDiscovery;
	readonly environment: Readonly<Record<string, string | undefined>>;
	readonly drainTimeMs: number;
	/** Of the bootstrap, for connection managers that trace and name no provider. */
	readonly defaultTracer?: Tracing_Http | undefined;
	/** Whether load is to be shed; undefined: never. Asked when a connection manager is made, after the bootstrap was read. */
	readonly loadShedding?: () => LoadShedding | undefined;
	/** Seals session tickets; shared by the threads of a process. Undefined: this thread makes its own. */
	readonly ticketSecret?: Uint8Array | undefined;
	/** Several threads bind the same listeners; the real ports, by listener, of those that asked for port 0. Undefined: one thread. */
	readonly sharedPorts?: Readonly<Record<string, number>>;
	/** One of the threads beside the main one. */
	readonly isWorker?: boolean;
	/** True while the proxy wants no new work: it drains, or an operator said so. */
	failing(): boolean;
}

/** What is fetched for listeners and for requests that wait. */
export interface RouteDiscovery {
	/** Asks for the virtual host of a request's host in a route configuration, calls `done` with the answer in force; false: nobody can be asked. */
	demandHost(routeConfiguration: string, host: string, done: () => void): boolean;
	scopedTables(config: ScopedTablesConfig): ScopedTables;
	filter(settings: DiscoveredFilterSettings): DiscoveredFilter;
}

/** The request path as `runtime` drives it; `L` is a compiled listener. */
export interface DataPlane<L> {
	readonly compilers: Compilers<L, RouteTable>;
	readonly listeners: {
		put(config: L): Promise<void>;
		remove(name: string): void;
		list(): readonly ListenerView[];
		drain(withinMs: number): Promise<void>;
		close(): Promise<void>;
	};
	/** What TLS contexts on both sides are made with. */
	readonly tls: TlsDeps;
	/** Names (and types) of the extensions that it can run, for `node.extensions`. */
	readonly extensions: readonly {
		readonly name: string;
		readonly category: string;
		readonly typeUrls: readonly string[];
	}[];
}

export type MakeDataPlane<L> = (deps: DataPlaneDeps) => DataPlane<L>;
