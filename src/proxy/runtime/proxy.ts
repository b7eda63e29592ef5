import { create, toBinary } from "@bufbuild/protobuf";
import { ProblemError, problem } from "../../lib/problem.ts";
import { MetricRegistry, type StatRules } from "../../telemetry/metric-registry.ts";
import { dumpStats, mergeDumps } from "../../telemetry/stats-dump.ts";
import { ADS_SOURCE } from "../../xds/config-source.ts";
import { CommandLineOptionsSchema } from "../../xds/generated/envoy/admin/v3/server_info_pb.ts";
import { type Bootstrap, BootstrapSchema } from "../../xds/generated/envoy/config/bootstrap/v3/bootstrap_pb.ts";
import { type Node, NodeSchema } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { AdminContext, ListenerView, ServerState } from "../admin/admin-context.ts";
import { type AdminServer, startAdminServer } from "../admin/admin-server.ts";
import type { SourceAddress } from "../cluster/cluster.ts";
import { ClusterSet } from "../cluster/cluster-set.ts";
import type { ResolverConfig } from "../cluster/compile/resolver-config.ts";
import type { OverloadManager } from "../overload/overload-manager.ts";
import type { RouteTable } from "../router/route-match.ts";
import { ResourceStore } from "../xdsclient/resource-store.ts";
import type { ResourceUpdate } from "../xdsclient/resource-update.ts";
import type { BootstrapSettings } from "./bootstrap/bootstrap-settings.ts";
import { nodeIdentity } from "./bootstrap/node-identity.ts";
import type { ProxyOptions, RunningProxy } from "./bootstrap/proxy-options.ts";
import {
	type CompiledBootstrap,
	compileBootstrap,
	recordStatic,
	staticClusterNames,
} from "./bootstrap/static-resources.ts";
import { type Compilers, ConfigApplier } from "./config-applier.ts";
import type { DataPlane } from "./data-plane.ts";
import { ConfigSources, type NamedType, type Wanted } from "./discovery/config-sources.ts";
import { Discovery } from "./discovery/discovery.ts";
import { DiscoveryStats } from "./discovery/discovery-stats.ts";
import { Initialisation } from "./discovery/initialisation.ts";
import { endpointTaker } from "./files/endpoint-taker.ts";
import { ListenerStage } from "./listener-stage.ts";
import { SecretSources } from "./secrets/secret-sources.ts";
import { type Dial, dialOf } from "./services/dial-address.ts";
import { dnsResolver } from "./services/dns-resolver.ts";
import { type EndpointChecks, endpointChecks } from "./services/endpoint-checks.ts";
import { startLoadShedding } from "./services/load-shedding.ts";
import { LogSinks } from "./services/log-sinks.ts";
import { outlierLogLine } from "./services/outlier-log.ts";
import { type SecuredCluster, SecuredClusters } from "./services/secured-clusters.ts";
import { bindServerStats } from "./services/server-stats.ts";
import { firstExpiryMs } from "./services/tls-services.ts";
import { compilersWithRuntime } from "./values/apply-runtime.ts";
import { NO_RUNTIME } from "./values/runtime-layers.ts";
import { WarmGate } from "./warm-gate.ts";
import { relayed } from "./workers/worker-messages.ts";

/** Runs a proxy from a bootstrap; rejects with ProblemError (all problems) when it cannot. */
export async function startProxy<L>(bootstrap: Bootstrap, options: ProxyOptions<L>): Promise<RunningProxy> {
	const proxy = new ProxyProcess(bootstrap, options);
	try {
		await proxy.start();
		return proxy;
	} catch (error) {
		await proxy.close();
		throw error;
	}
}

class ProxyProcess<L> implements RunningProxy {
	readonly registry = new MetricRegistry();
	readonly #bootstrap: Bootstrap;
	readonly #options: ProxyOptions<L>;
	readonly #startedEpochMs: number;
	readonly #store = new ResourceStore();
	readonly #discovery: Discovery;
	readonly #discoveryStats = new DiscoveryStats(this.registry);
	readonly #sinks: LogSinks;
	readonly #clusters: ClusterSet;
	readonly #secured: SecuredClusters;
	readonly #gate: WarmGate;
	readonly #checks: EndpointChecks;
	readonly #dataPlane: DataPlane<L>;
	readonly #compilers: Compilers<L, RouteTable>;
	#runtime = NO_RUNTIME;
	readonly #stage: ListenerStage<L>;
	readonly #applier: ConfigApplier<L, RouteTable>;
	readonly #initialisation: Initialisation;
	readonly #node: Node;
	#admin: AdminServer | undefined;
	readonly #sources: ConfigSources;
	readonly #secrets: SecretSources;
	#staticClusters: readonly SecuredCluster[] = [];
	#source: SourceAddress | undefined;
	#resolver: ResolverConfig | undefined;
	#outlierLog: ((line: string) => void) | undefined;
	#loadShedding: OverloadManager | undefined;
	#statRules: StatRules | undefined;
	#draining = false;
	#healthFailed = false;

	constructor(bootstrap: Bootstrap, options: ProxyOptions<L>) {
		const { clock, random, logging } = options;
		this.#bootstrap = bootstrap;
		this.#options = options;
		this.#startedEpochMs = clock.epochMs();
		this.#sinks = new LogSinks(clock);
		this.#checks = endpointChecks({ clock, random, metrics: this.registry, sinks: this.#sinks });
		this.#clusters = new ClusterSet({
			clock,
			random,
			metrics: this.registry,
			resolver: dnsResolver(options.dnsServer, () => this.#resolver),
			logger: logging.component("upstream"),
			source: () => this.#source,
			localCluster: bootstrap.clusterManager?.localClusterName || undefined,
			locality: bootstrap.node?.locality,
			onEjection: (cluster, host, event) => this.#outlierLog?.(outlierLogLine(cluster, host, event, clock)),
			watchFile: (file, serviceName, onEndpoints) =>
				this.#sources.watchFile("endpoint", file, endpointTaker(serviceName, onEndpoints)),
			onWarm: () => this.#secured.warm && this.#gate.open(),
			startChecks: this.#checks.start,
		});
		this.#gate = new WarmGate(clock, () => this.#secured.warm);
		this.#discovery = this.#makeDiscovery();
		const fixedNames = staticClusterNames(bootstrap);
		this.#dataPlane = options.makeDataPlane({
			...options,
			loadShedding: () => this.#loadShedding,
			clusters: this.#clusters,
			knowsCluster: (name) => fixedNames.has(name) || this.#secured.knows(name),
			dnsCaches: this.#clusters.dnsCaches,
			metrics: this.registry,
			sinks: this.#sinks,
			node: bootstrap.node ?? create(NodeSchema),
			routes: this.#discovery.routes.tables,
			discovery: this.#discovery,
			...(options.workers && { sharedPorts: {} }),
			...(options.worker && {
				sharedPorts: options.worker.ports,
				ticketSecret: options.worker.ticketSecret,
				isWorker: true,
			}),
			defaultTracer: bootstrap.tracing?.http,
			failing: () => this.#draining || this.#healthFailed,
		});
		this.#compilers = compilersWithRuntime(this.#dataPlane.compilers, () => this.#runtime);
		this.#secured = new SecuredClusters({
			clusters: this.#clusters,
			tls: this.#dataPlane.tls,
			onPut: () => {
				this.#wantEndpoints(this.#clusters.edsNames());
				if (this.#secured.warm) this.#gate.open();
			},
		});
		this.#node = nodeIdentity(bootstrap.node, this.#dataPlane.extensions);
		this.#stage = this.#makeStage();
		this.#initialisation = new Initialisation(clock, {
			clustersWarm: () => this.#secured.warm,
			listenersOpen: () => this.#stage.settled,
		});
		this.#secrets = this.#makeSecrets();
		this.#applier = this.#makeApplier();
		this.#sources = this.#makeSources();
	}

	#makeStage(): ListenerStage<L> {
		const { clock, logging } = this.#options;
		return new ListenerStage({
			clock,
			logger: logging.component("config"),
			hasRoutes: (name) => this.#discovery.routes.tables.has(name),
			open: (config) => this.#dataPlane.listeners.put(config),
			close: (name) => this.#dataPlane.listeners.remove(name),
			onRouteNames: () => this.#wantRoutes(),
			onRouteTimeout: (name) => this.#discoveryStats.routeTimedOut(name),
		});
	}

	#makeDiscovery(): Discovery {
		const { clock, worker, workers } = this.#options;
		const demand = (owner: string, names: readonly string[]) => {
			if (worker) worker.demand(owner, names);
			else this.#sources.demand("virtualHost", owner, names);
		};
		if (workers) workers.onDemand = demand;
		return new Discovery({
			clock,
			demand,
			sources: () => this.#sources,
			stage: () => this.#stage,
			gate: () => this.#gate,
			compileRoutes: (message, path) => this.#compilers.routes(message, path),
			onRoutes: () => this.#wantRoutes(),
		});
	}

	#makeApplier(): ConfigApplier<L, RouteTable> {
		const { clock, workers } = this.#options;
		return new ConfigApplier({
			clock,
			stats: this.#discoveryStats,
			compilers: this.#compilers,
			clusters: this.#secured,
			endpoints: this.#clusters,
			secrets: this.#secrets,
			listeners: this.#stage,
			routes: this.#discovery.routes,
			scopes: this.#discovery.scopes,
			filters: this.#discovery.filters,
			store: this.#store,
			gate: this.#gate,
			onEndpointNames: () => this.#wantEndpoints(this.#clusters.edsNames()),
			onAccepted: (type) => this.#initialisation.accepted(type),
			...(workers && { onTaken: (update: ResourceUpdate) => workers.relay(relayed(update)) }),
		});
	}

	#makeSources(): ConfigSources {
		return new ConfigSources({
			...this.#options,
			registry: this.registry,
			node: this.#node,
			handler: this.#applier,
			gate: this.#gate,
			initialisation: this.#initialisation,
			watch: (folder, onChange) => this.#dataPlane.tls.files.watch(folder, onChange),
			dial: (cluster) => this.#dial(cluster),
			wanted: (type) => this.#wanted(type),
			onAsked: (type) => this.#discoveryStats.asked(type),
		});
	}

	#makeSecrets(): SecretSources {
		return new SecretSources({
			...this.#options,
			tls: this.#dataPlane.tls,
			metrics: this.registry,
			supported: this.#compilers.supported,
			node: this.#node,
			dial: (cluster) => this.#dial(cluster),
			watchFile: (path, handler) => this.#sources.watchFile("secret", path, handler),
			onAdsNames: () => this.#sources.want("secret"),
		});
	}

	#dial(cluster: string): Dial | undefined {
		const found = this.#staticClusters.find(({ name }) => name === cluster);
		return found && dialOf(found, this.#dataPlane.tls);
	}

	#wanted(type: NamedType): readonly Wanted[] {
		switch (type) {
			case "endpoint":
				return this.#clusters.edsWants();
			case "route":
				return this.#stage.routeWants();
			case "virtualHost":
				return this.#discovery.routes.wantedHosts();
			case "scopedRoute":
				return this.#discovery.scopes.wanted();
			case "extension":
				return this.#discovery.filters.wanted();
			case "secret":
				return [...this.#secrets.adsNames].map((name) => ({ name, source: ADS_SOURCE }));
		}
	}

	get admin(): AdminServer | undefined {
		return this.#admin;
	}

	async start(): Promise<void> {
		const compiled = compileBootstrap(this.#bootstrap, this.#compilers, ({ runtime }) => {
			this.#runtime = runtime;
		});
		const { admin, source, resolver, outlierLogPath } = compiled.settings;
		this.#source = source;
		this.#resolver = resolver;
		if (outlierLogPath !== undefined) this.#outlierLog = this.#sinks.open({ kind: "file", path: outlierLogPath });
		this.#statRules = compiled.settings.statRules;
		this.registry.setRules(this.#statRules);
		if (compiled.overload)
			this.#loadShedding = startLoadShedding(compiled.overload, { ...this.#options, metrics: this.registry });
		this.#bindStats();
		this.#staticClusters = compiled.clusters;
		this.#putStatic(compiled);
		const isWorker = this.#options.worker !== undefined;
		if (admin && !isWorker) this.#admin = await startAdminServer(this.#adminContext(), admin);
		if (!isWorker) await this.#sources.start(compiled.settings);
		// What a worker waits for is relayed to it once it has started.
		const waits = isWorker ? !this.#secured.warm || !this.#stage.nothingAwaited : waitsForServer(compiled.settings);
		if (!waits) await this.#openStatic();
		await this.#startWorkers();
	}

	apply(update: ResourceUpdate): void {
		this.#applier.apply(update);
	}

	failHealthcheck(failed: boolean): void {
		this.#healthFailed = failed;
		this.#options.workers?.tell({ kind: "fail-healthcheck", failed });
	}

	reopenLogs(): void {
		this.#sinks.reopen();
		this.#options.workers?.tell({ kind: "reopen-logs" });
	}

	listeners(): readonly ListenerView[] {
		return this.#dataPlane.listeners.list();
	}

	state(): ServerState {
		if (this.#draining) return "DRAINING";
		const stage = this.#initialisation.stage();
		return stage === "LIVE" && this.#healthFailed ? "DRAINING" : stage;
	}

	notReady(): string {
		return this.#draining ? "the proxy is draining" : this.#initialisation.missing();
	}

	async drain(withinMs: number): Promise<void> {
		this.#draining = true;
		await Promise.all([this.#dataPlane.listeners.drain(withinMs), this.#options.workers?.drain(withinMs)]);
	}

	async close(): Promise<void> {
		this.#draining = true;
		this.#sources.close();
		this.#discovery.close();
		this.#secrets.close();
		this.#loadShedding?.close();
		this.#initialisation.stop();
		this.#stage.stop();
		this.#applier.stop();
		await this.#dataPlane.listeners.close();
		this.#secured.close();
		this.#checks.close();
		this.#sinks.flush();
		await this.#admin?.close();
		await this.#options.workers?.close();
	}

	/** After the main thread has bound: the others share its ports. */
	async #startWorkers(): Promise<void> {
		const { workers, logging, drainTimeMs, dnsServer } = this.#options;
		await workers?.start({
			bootstrap: toBinary(BootstrapSchema, this.#bootstrap),
			logLevels: logging.levels(),
			drainTimeMs,
			dnsServer,
			ticketSecret: this.#dataPlane.tls.ticketSecret,
			ports: Object.fromEntries(this.listeners().map(({ name, port }) => [name, port])),
		});
	}

	#putStatic({ clusters, listeners }: CompiledBootstrap<L>): void {
		recordStatic(this.#bootstrap, this.#store, this.#startedEpochMs);
		for (const config of clusters) this.#secured.put(config);
		this.#gate.whenWarm(() => {
			for (const listener of listeners) this.#stage.put(listener);
		});
	}

	/** Without a control plane a listener that cannot be opened is the end. */
	async #openStatic(): Promise<void> {
		await new Promise<void>((resolve) => this.#gate.whenWarm(resolve));
		await this.#stage.whenSettled();
		const failures = [...this.#stage.failures];
		if (failures.length > 0)
			throw new ProblemError(failures.map(([name, reason]) => problem("LTN3540", `listener ${name}`, reason)));
	}

	/** Endpoints that no cluster wants are forgotten: when a cluster of that name comes back, the same ones must count as new. */
	#wantEndpoints(names: ReadonlySet<string>): void {
		this.#store.keep("endpoint", names);
		this.#sources.want("endpoint");
	}

	#wantRoutes(): void {
		const wants = this.#stage.routeWants();
		const names = new Set(wants.map(({ name }) => name));
		this.#discoveryStats.wanted(wants);
		this.#discovery.routes.keep(names);
		this.#store.keep("route", names);
		this.#sources.want("route");
	}

	#bindStats(): void {
		bindServerStats(this.registry, () => ({
			state: this.state(),
			uptimeMs: this.#options.clock.epochMs() - this.#startedEpochMs,
			clusters: this.#clusters.all().length,
			warmingClusters: this.#clusters.warmingNames().length,
			listeners: this.listeners().length,
			warmingListeners: this.#stage.waitingNames().length,
			threads: this.#threads,
			certificateLeftMs: firstExpiryMs(this.#dataPlane.tls),
		}));
	}

	get #threads(): number {
		return 1 + (this.#options.workers?.size ?? 0);
	}

	async #statsOfAllThreads(): Promise<MetricRegistry> {
		const { workers } = this.#options;
		if (!workers) return this.registry;
		return mergeDumps([dumpStats(this.registry), ...(await workers.dumps())], this.#statRules);
	}

	#adminContext(): AdminContext {
		const { clock, logging, configPath, onQuit, drainTimeMs } = this.#options;
		return {
			bootstrap: { ...this.#bootstrap, node: this.#node },
			registry: this.registry,
			statsOfAllThreads: () => this.#statsOfAllThreads(),
			resetCounters: () => {
				this.registry.resetCounters();
				this.#options.workers?.tell({ kind: "reset-counters" });
			},
			setLogLevel: (component, level) => {
				this.#options.workers?.tell({ kind: "set-log-level", component, level });
				return logging.setLevel(component, level);
			},
			runtime: () => this.#runtime,
			logging,
			store: this.#store,
			tls: this.#dataPlane.tls,
			startedEpochMs: this.#startedEpochMs,
			commandLine: create(CommandLineOptionsSchema, { configPath, concurrency: this.#threads }),
			nowEpochMs: () => clock.epochMs(),
			state: () => this.state(),
			clusters: () => [...this.#clusters.all(), ...this.#clusters.aggregates()],
			listeners: () => this.listeners(),
			warming: () => ({ clusters: this.#clusters.warmingNames(), listeners: this.#stage.waitingNames() }),
			listenerFailures: () => this.#stage.failures,
			drainListeners: () => {
				void this.#dataPlane.listeners.drain(drainTimeMs);
				void this.#options.workers?.drain(drainTimeMs);
			},
			failHealthcheck: (failed) => this.failHealthcheck(failed),
			reopenLogs: () => this.reopenLogs(),
			quit: onQuit,
		};
	}
}

/** With a server that gives configuration what cannot be opened is told, not the end. */
function waitsForServer({ ads, clusters, listeners }: BootstrapSettings): boolean {
	return ads !== undefined || [clusters, listeners].some((one) => one !== undefined && one.source.kind !== "file");
}
