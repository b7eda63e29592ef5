import { create, toBinary } from "@bufbuild/protobuf";
import { fieldPath } from "../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../lib/problem.ts";
import type { StatScope } from "../../telemetry/metric-registry.ts";
import { type Cluster, ClusterSchema } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { TrafficDirection } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { Listener } from "../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { mergeSupported } from "../../xds/supported.ts";
import type { ListenerView } from "../admin/admin-context.ts";
import { compileCluster } from "../cluster/compile/compile-cluster.ts";
import { SUPPORTED as CLUSTER_SUPPORTED } from "../cluster/compile/supported.ts";
import type { DnsResolver } from "../cluster/discovery/dns-discovery.ts";
import { DnsCaches } from "../cluster/forward/dns-caches.ts";
import { perRouteParser } from "../filter/filter-chain.ts";
import { CallBook } from "../filter/grpc-stats/call-book.ts";
import type { HttpFilterFactory } from "../filter/http-filter.ts";
import { HTTP_FILTER_NAMES, httpFilterFactories } from "../filter/http-filters.ts";
import { type IstioFamilies, istioFamilies } from "../filter/istio-stats/istio-families.ts";
import { istioTcpFamilies } from "../filter/istio-stats/istio-tcp-families.ts";
import { encodePreamble } from "../filter/metadata-exchange/peer-preamble.ts";
import { compileXdsMatcher } from "../filter/rbac/xds-matcher.ts";
import { FILTER_SUPPORTED } from "../filter/supported.ts";
import { type WorkloadMetadata, workloadOfNode } from "../filter/workload-metadata.ts";
import { createSideCalls } from "../forward/side/side-call.ts";
import { createSideStreams } from "../forward/side/side-stream.ts";
import { compileEarlyMutations } from "../hcm/fields/early-mutations.ts";
import type { HcmConfig } from "../hcm/hcm-config.ts";
import type { HcmServices } from "../hcm/hcm-shared.ts";
import { SUPPORTED as HCM_SUPPORTED } from "../hcm/parse-hcm.ts";
import { compileLocalReplies, type LocalReplyRules } from "../hcm/stream/local-reply-rules.ts";
import type { Metering } from "../http/bytes-meter.ts";
import { Deadlines } from "../http/deadlines.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { SideCalls, SideStreams } from "../http/side-calls.ts";
import type { ListenerConfig, TerminalConfig } from "../listener/listener-config.ts";
import { ListenerSet, type ListenerState } from "../listener/listener-set.ts";
import { parseListener } from "../listener/parse/parse-listener.ts";
import { SUPPORTED as LISTENER_SUPPORTED } from "../listener/supported.ts";
import type { NetworkFilterFactory } from "../network/network-filter.ts";
import { NETWORK_FILTER_NAMES, networkFilterFactories } from "../network/network-filters.ts";
import { SUPPORTED as NETWORK_SUPPORTED } from "../network/supported.ts";
import type { TcpProxyConfig } from "../network/tcp-proxy/tcp-proxy-config.ts";
import type { TcpServices } from "../network/tcp-proxy/tcp-services.ts";
import type { AccessLogger } from "../router/access-log/access-log.ts";
import type { FormatEnvironment } from "../router/format/format-context.ts";
import { compileRouteConfiguration, type RouteCompileDeps } from "../router/route-configuration.ts";
import { ROUTER_SUPPORTED } from "../router/supported.ts";
import { TLS_SUPPORTED } from "../tls/supported.ts";
import type { TlsDeps } from "../tls/tls-deps.ts";
import { missingTransportSecrets, parseClusterTransports } from "../tls/upstream/cluster-transports.ts";
import type { RequestTracing } from "../trace/request-spans.ts";
import { TRACE_SUPPORTED } from "../trace/supported.ts";
import { nodeAddress } from "./bootstrap/node-address.ts";
import { compileClusterRules } from "./cluster-rules.ts";
import type { DataPlane, DataPlaneDeps } from "./data-plane.ts";
import { discoveredFilterFactory } from "./discovery/discovered-filter.ts";
import { compileRouteTables, type RouteTables } from "./discovery/route-tables.ts";
import { formatEnvironment } from "./format-environment.ts";
import type { RouteWant, StagedDependency, StagedListener } from "./listener-stage.ts";
import { AccessLogs, logAll } from "./services/access-logs.ts";
import { bodyCodecs } from "./services/body-codecs.ts";
import { jwtCrypto } from "./services/jwt-crypto.ts";
import { type CompiledListenerTls, ListenerTls } from "./services/listener-tls.ts";
import { compileRequestTracing } from "./services/request-tracing.ts";
import type { SecuredCluster } from "./services/secured-clusters.ts";
import { makeTlsDeps } from "./services/tls-services.ts";

const CLUSTER_TYPES = ["static", "eds", "strict_dns", "logical_dns", "original_dst"].map(
	(name) => `envoy.cluster.${name}`,
);

/** For who only reads configurations. */
const NO_RESOLVER: DnsResolver = { resolve: () => new Promise(() => {}) };

/** Builds the real request path: listeners, connection managers, filters, routes. */
export function makeRequestPath(deps: DataPlaneDeps): DataPlane<ListenerConfig> {
	const deadlines = new Deadlines(deps.clock);
	const localAddress = nodeAddress();
	const context = { ...deps, deadlines, localAddress };
	const sideCalls = createSideCalls(context);
	const tls = makeTlsDeps(deps);
	const listenerTls = new ListenerTls(tls);
	const metering: Metering = { wanted: false };
	const env = formatEnvironment(deps, metering);
	const dnsCaches = deps.dnsCaches ?? new DnsCaches({ ...deps, resolver: NO_RESOLVER });
	const path = new RequestPath(
		{ ...deps, dnsCaches, env, metering },
		{ calls: sideCalls, streams: createSideStreams(context) },
		networkFilterFactories({
			...deps,
			dnsCaches,
			env,
			deadlines,
			sideCalls,
			node: workloadOfNode(deps.node.id, deps.node.metadata ?? {}),
			istio: istioTcpFamilies(deps.metrics),
			warn: (path, text) => deps.logging.component("config").warn({ path }, text),
		}),
		listenerTls,
	);
	const listeners = new ListenerSet({
		...deps,
		deadlines,
		httpServices: (_listener, hcm) => ({ ...path.servicesOf(hcm), localAddress, node: deps.node }),
		tcpServices: (tcp) => path.tcpServicesOf(tcp),
		listenerLog: (listener) => path.listenerLogOf(listener),
	});
	return {
		compilers: {
			supported: mergeSupported(
				CLUSTER_SUPPORTED,
				LISTENER_SUPPORTED,
				NETWORK_SUPPORTED,
				HCM_SUPPORTED,
				ROUTER_SUPPORTED,
				FILTER_SUPPORTED,
				TRACE_SUPPORTED,
				TLS_SUPPORTED,
			),
			cluster: (message, at) => compileUpstream(message, at, tls, path.routeDeps),
			listener: (message, at) => path.compileListener(message, at),
			secrets: (messages, at) => tls.secrets.addStatic(messages, at),
			routes: (message, at) => compileRouteConfiguration(message, path.routeDeps, fieldPath(at)),
		},
		listeners: {
			put: (config) => listeners.put(sharing(config, deps)),
			remove: (name) => listeners.remove(name),
			list: () => listeners.list().map(viewOf),
			drain: (withinMs) => listeners.drain(withinMs),
			close: () => listeners.close(),
		},
		tls,
		extensions: [
			...HTTP_FILTER_NAMES.map((name) => ({ name, category: "envoy.filters.http", typeUrls: [] })),
			...NETWORK_FILTER_NAMES.map((name) => ({ name, category: "envoy.filters.network", typeUrls: [] })),
			...CLUSTER_TYPES.map((name) => ({ name, category: "envoy.clusters", typeUrls: [] })),
		],
	};
}

/** A cluster that requests can be sent to. */
function compileUpstream(
	message: Cluster,
	at: string,
	{ environment, secrets }: TlsDeps,
	deps: RouteCompileDeps,
): SecuredCluster {
	const problems: Problem[] = [];
	const config = collect(problems, () => compileCluster(message, at));
	const sockets = collect(problems, () => parseClusterTransports(message, at, environment));
	if (sockets) problems.push(...missingTransportSecrets(sockets, secrets));
	if (config?.info.httpProtocol === "auto" && !message.transportSocket && message.transportSocketMatches.length === 0) {
		const what = "auto_config: without TLS no protocol can be agreed on";
		problems.push(problem("LTN3541", `${at}.transport_socket`, what, "set it, or use explicit_http_config"));
	}
	const rules = config && collect(problems, () => compileClusterRules(message, at, deps, config.balancing));
	if (problems.length > 0) throw new ProblemError(problems);
	const cluster = rules ? { ...config!, info: { ...config!.info, rules } } : config!;
	if (!message.transportSocket && message.transportSocketMatches.length === 0) return cluster;
	return { ...cluster, sockets: sockets!, socketsKey: socketsKey(message) };
}

/** What connections are made with, as text: the part of the message that says it. */
function socketsKey({ transportSocket, transportSocketMatches }: Cluster): string {
	const part = create(ClusterSchema, { transportSocketMatches, ...(transportSocket && { transportSocket }) });
	return Buffer.from(toBinary(ClusterSchema, part)).toString("base64");
}

type CompiledServices = Pick<
	HcmServices,
	"routeTable" | "demandRoute" | "accessLog" | "localReplies" | "earlyMutations" | "tracing" | "metering"
>;

type PathDeps = DataPlaneDeps & {
	readonly dnsCaches: DnsCaches;
	readonly env: FormatEnvironment;
	readonly metering: Metering;
};

class RequestPath {
	readonly routeDeps: RouteCompileDeps;
	readonly #deps: PathDeps;
	readonly #sideCalls: SideCalls;
	readonly #accessLogs: AccessLogs;
	readonly #listenerTls: ListenerTls;
	readonly #networkFilters: readonly NetworkFilterFactory[];
	readonly #env: FormatEnvironment;
	readonly #node: WorkloadMetadata;
	readonly #preamble: Uint8Array;
	readonly #istio: IstioFamilies;
	readonly #calls: CallBook;
	/** Filters count in the scope of their connection manager; scopes live as long as the process. */
	readonly #scopes = new Map<string, StatScope>();
	/** What was compiled beside a connection manager's own configuration. */
	readonly #compiled = new WeakMap<HcmConfig, CompiledServices>();
	readonly #compiledTcp = new WeakMap<TcpProxyConfig, Pick<TcpServices, "accessLog" | "peerPreamble">>();
	readonly #listenerLogs = new WeakMap<ListenerConfig, readonly AccessLogger[]>();

	constructor(
		deps: PathDeps,
		{ calls, streams }: { readonly calls: SideCalls; readonly streams: SideStreams },
		networkFilters: readonly NetworkFilterFactory[],
		listenerTls: ListenerTls,
	) {
		this.#deps = deps;
		this.#listenerTls = listenerTls;
		this.#networkFilters = networkFilters;
		this.#sideCalls = calls;
		this.#env = deps.env;
		this.#accessLogs = new AccessLogs({ ...deps, env: this.#env, calls, streams });
		this.#node = workloadOfNode(deps.node.id, deps.node.metadata ?? {});
		this.#preamble = encodePreamble(this.#node);
		this.#istio = istioFamilies(deps.metrics);
		this.#calls = new CallBook(deps.metrics);
		this.routeDeps = {
			env: this.#env,
			parseFilterConfig: perRouteParser(this.#factories("outbound", "route")),
			compileMatcher: (matcher, at, on) => compileXdsMatcher(matcher, at, { ...on, layer: "http" }),
			...(deps.knowsCluster && { hasCluster: (name: string) => deps.knowsCluster!(name) }),
		};
	}

	servicesOf(hcm: HcmConfig): CompiledServices {
		const services = this.#compiled.get(hcm);
		if (!services) throw new Error(`the connection manager ${hcm.statPrefix} was not compiled here`);
		return services;
	}

	tcpServicesOf(tcp: TcpProxyConfig): Pick<TcpServices, "accessLog" | "peerPreamble"> {
		const services = this.#compiledTcp.get(tcp);
		if (!services) throw new Error(`the TCP proxy ${tcp.statPrefix} was not compiled here`);
		return services;
	}

	listenerLogOf(listener: ListenerConfig): ((info: StreamInfo) => void) | undefined {
		const loggers = this.#listenerLogs.get(listener);
		return loggers && ((info) => logAll(loggers, { info, accessLogType: "NotSet" }));
	}

	compileListener(message: Listener, at: string): StagedListener<ListenerConfig> {
		const direction = message.trafficDirection === TrafficDirection.INBOUND ? "inbound" : "outbound";
		const transports: CompiledListenerTls[] = [];
		const dependencies: StagedDependency[] = [];
		const config = parseListener(message, at, {
			...this.#deps,
			httpFilters: (statPrefix) => [
				...this.#factories(direction, statPrefix),
				discoveredFilterFactory(this.#deps.discovery, dependencies),
			],
			env: this.#env,
			direction,
			networkFilters: this.#networkFilters,
			transport: (socket, path) => {
				const transport = this.#listenerTls.compile(socket, path);
				transports.push(transport);
				return transport;
			},
		});
		for (const transport of transports) transport.statPrefix = config.statPrefix;
		const egress = message.trafficDirection === TrafficDirection.OUTBOUND;
		const problems: Problem[] = [];
		const routeNames = config.chains.flatMap((chain, i) => {
			const where = i < message.filterChains.length ? `filter_chains[${i}]` : "default_filter_chain";
			const filterAt = `${at}.${where}.filters[${chain.filters.length}].typed_config`;
			return collect(problems, () => this.#compileTerminal(chain.terminal, filterAt, { egress, dependencies })) ?? [];
		});
		const loggers = collect(problems, () => this.#accessLogs.compile(config.accessLogs, at));
		if (problems.length > 0) throw new ProblemError(problems);
		if (loggers && loggers.length > 0) this.#listenerLogs.set(config, loggers);
		return {
			name: config.name,
			config,
			routeNames,
			routes: routesOf(config),
			dependencies: [...transports, ...dependencies],
		};
	}

	/** The names of the route configurations that must have come before the listener opens. */
	#compileTerminal(
		terminal: TerminalConfig,
		at: string,
		on: { egress: boolean; dependencies: StagedDependency[] },
	): string[] {
		if (terminal.kind === "tcp") {
			const { tcp } = terminal;
			const loggers = this.#accessLogs.compile(tcp.logging.accessLogs, at);
			const accessLog: TcpServices["accessLog"] = (info, accessLogType) => logAll(loggers, { info, accessLogType });
			this.#compiledTcp.set(tcp, { peerPreamble: this.#preamble, ...(loggers.length > 0 && { accessLog }) });
			return [];
		}
		if (terminal.kind === "plain") return [];
		const { hcm } = terminal;
		const { dependency, ...services } = this.#compileServices(hcm, at, on.egress);
		this.#compiled.set(hcm, services);
		if (dependency) on.dependencies.push(dependency);
		return hcm.routes.kind === "rds" ? [hcm.routes.name] : [];
	}

	#compileServices(hcm: HcmConfig, at: string, egress: boolean): CompiledServices & Pick<RouteTables, "dependency"> {
		const problems: Problem[] = [];
		const tracing = collect(problems, () => this.#tracing(hcm, at, egress));
		const tables = collect(problems, () =>
			compileRouteTables(hcm.routes, fieldPath(at), {
				...this.#deps,
				compile: (message, where) =>
					compileRouteConfiguration(message, { ...this.routeDeps, validatesClusters: true }, where),
			}),
		);
		const loggers = collect(problems, () => this.#accessLogs.compile(hcm.accessLogs, at)) ?? [];
		const localReplies = collect(problems, () => this.#localReplies(hcm, at));
		const earlyAt = fieldPath(`${at}.early_header_mutation_extensions`);
		const early = collect(problems, () => compileEarlyMutations(hcm.earlyMutations, this.#env, earlyAt));
		if (problems.length > 0) throw new ProblemError(problems);
		return {
			...tables!,
			tracing,
			metering: this.#deps.metering,
			...(loggers.length > 0 && { accessLog: writeTo(loggers) }),
			localReplies,
			earlyMutations: early?.length ? early : undefined,
		};
	}

	#localReplies({ localReplies }: HcmConfig, at: string): LocalReplyRules | undefined {
		if (!localReplies) return undefined;
		const deps = { env: this.#env, random: this.#deps.random };
		return compileLocalReplies(localReplies, deps, fieldPath(`${at}.local_reply_config`));
	}

	#tracing(hcm: HcmConfig, at: string, egress: boolean): RequestTracing | undefined {
		return compileRequestTracing(hcm, {
			...this.#deps,
			at: fieldPath(`${at}.tracing`),
			egress,
			env: this.#env,
			sideCalls: this.#sideCalls,
			counter: (name) => this.#scope(`http.${hcm.statPrefix}.`).counter(name),
		});
	}

	#factories(direction: "inbound" | "outbound", statPrefix: string): readonly HttpFilterFactory[] {
		return httpFilterFactories({
			...this.#deps,
			direction,
			sideCalls: this.#sideCalls,
			jwtCrypto,
			node: this.#node,
			istio: this.#istio,
			calls: this.#calls,
			codecs: bodyCodecs,
			env: this.#env,
			serviceCluster: this.#deps.node.cluster,
			counter: (name) => this.#scope(`http.${statPrefix}.`).counter(name),
			gauge: (name) => this.#scope(`http.${statPrefix}.`).gauge(name),
		});
	}

	#scope(prefix: string): StatScope {
		let scope = this.#scopes.get(prefix);
		if (!scope) {
			scope = this.#deps.metrics.scope(prefix);
			this.#scopes.set(prefix, scope);
		}
		return scope;
	}
}

/** Where its first address is bound. */
function viewOf({ config, addresses }: ListenerState): ListenerView {
	const [first] = addresses;
	if (first?.kind === "ip") return { name: config.name, ip: first.ip, port: first.port };
	return { name: config.name, ip: first?.path ?? "", port: 0 };
}

function writeTo(loggers: readonly AccessLogger[]): NonNullable<HcmServices["accessLog"]> {
	return (stream, response, trailers, accessLogType) => {
		const { info, request } = stream;
		logAll(loggers, { info, request, response, trailers, route: stream.route(), accessLogType });
	};
}

function collect<T>(problems: Problem[], compile: () => T): T | undefined {
	try {
		return compile();
	} catch (error) {
		if (!(error instanceof ProblemError)) throw error;
		problems.push(...error.problems);
		return undefined;
	}
}

function routesOf({ chains }: ListenerConfig): RouteWant[] {
	return chains.flatMap(({ terminal }) => {
		if (terminal.kind !== "http" || terminal.hcm.routes.kind !== "rds") return [];
		const { routes, statPrefix } = terminal.hcm;
		return [{ ...routes, statPrefix }];
	});
}

/** Where several threads serve, each binds the same address; a Unix socket is the main thread's, since it has one place only. */
function sharing(config: ListenerConfig, { sharedPorts: ports, isWorker }: DataPlaneDeps): ListenerConfig {
	if (!ports) return config;
	const own = isWorker ? config.addresses.filter(({ kind }) => kind === "ip") : config.addresses;
	const addresses = own.map((address, i) => {
		// The listener's own address is the one that the main thread knows the port of.
		const port = address.kind === "ip" && address.port === 0 && i === 0 ? ports[config.name] : undefined;
		return port === undefined ? address : { ...address, port };
	});
	return { ...config, reusePort: true, addresses };
}
