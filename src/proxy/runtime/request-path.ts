import { hostname } from "node:os";
import { fieldPath } from "../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../lib/problem.ts";
import type { StatScope } from "../../telemetry/metric-registry.ts";
import { unpackAs } from "../../xds/any.ts";
import type { AccessLog } from "../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { Cluster } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { TrafficDirection } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { Listener } from "../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import { HttpConnectionManagerSchema } from "../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { mergeSupported } from "../../xds/supported.ts";
import type { ClusterConfig } from "../cluster/cluster-config.ts";
import { compileCluster } from "../cluster/compile-cluster.ts";
import { SUPPORTED as CLUSTER_SUPPORTED } from "../cluster/supported.ts";
import { perRouteParser } from "../filter/filter-chain.ts";
import type { HttpFilterFactory } from "../filter/http-filter.ts";
import { HTTP_FILTER_NAMES, httpFilterFactories } from "../filter/http-filters.ts";
import { type IstioFamilies, istioFamilies } from "../filter/istio-stats/istio-families.ts";
import { FILTER_SUPPORTED } from "../filter/supported.ts";
import { type WorkloadMetadata, workloadOfNode } from "../filter/workload-metadata.ts";
import { createSideCalls } from "../forward/side-call.ts";
import type { HcmConfig } from "../hcm/hcm-config.ts";
import type { HcmServices } from "../hcm/hcm-shared.ts";
import { SUPPORTED as HCM_SUPPORTED } from "../hcm/parse-hcm.ts";
import { Deadlines } from "../http/deadlines.ts";
import type { SideCalls } from "../http/side-calls.ts";
import type { ListenerConfig } from "../listener/listener-config.ts";
import { ListenerSet } from "../listener/listener-set.ts";
import { SUPPORTED as LISTENER_SUPPORTED, parseListener } from "../listener/parse-listener.ts";
import type { TcpProxyConfig, TcpServices } from "../listener/tcp-proxy.ts";
import { type AccessLogger, compileAccessLogs } from "../router/access-log/access-log.ts";
import type { FormatContext, FormatEnvironment } from "../router/format/format-context.ts";
import { compileRouteConfiguration, type RouteCompileDeps } from "../router/route-configuration.ts";
import type { RouteTable } from "../router/route-match.ts";
import { ROUTER_SUPPORTED } from "../router/supported.ts";
import type { DataPlane, DataPlaneDeps } from "./data-plane.ts";
import { jwtCrypto } from "./jwt-crypto.ts";
import type { StagedListener } from "./listener-stage.ts";
import { nodeAddress } from "./node-address.ts";

const CLUSTER_TYPES = ["static", "eds", "strict_dns", "logical_dns", "original_dst"].map(
	(name) => `envoy.cluster.${name}`,
);
const NETWORK_FILTERS = ["envoy.filters.network.http_connection_manager", "envoy.filters.network.tcp_proxy"];

/** Builds the real request path: listeners, connection managers, filters, routes. */
export function makeRequestPath(deps: DataPlaneDeps): DataPlane<ListenerConfig> {
	const deadlines = new Deadlines(deps.clock);
	const sideCalls = createSideCalls({ ...deps, deadlines, localAddress: nodeAddress() });
	const path = new RequestPath(deps, sideCalls);
	const listeners = new ListenerSet({
		...deps,
		deadlines,
		httpServices: (_listener, hcm) => path.servicesOf(hcm),
		tcpServices: (tcp) => path.tcpServicesOf(tcp),
	});
	return {
		compilers: {
			supported: mergeSupported(
				CLUSTER_SUPPORTED,
				LISTENER_SUPPORTED,
				HCM_SUPPORTED,
				ROUTER_SUPPORTED,
				FILTER_SUPPORTED,
			),
			cluster: compileUpstream,
			listener: (message, at) => path.compileListener(message, at),
			routes: (message, at) => compileRouteConfiguration(message, path.routeDeps, fieldPath(at)),
		},
		listeners: {
			put: (config) => listeners.put(sharing(config, deps.sharedPorts)),
			remove: (name) => listeners.remove(name),
			list: () => listeners.list().map(({ config, address, port }) => ({ name: config.name, ip: address, port })),
			drain: (withinMs) => listeners.drain(withinMs),
			close: () => listeners.close(),
		},
		extensions: [
			...HTTP_FILTER_NAMES.map((name) => ({ name, category: "envoy.filters.http", typeUrls: [] })),
			...NETWORK_FILTERS.map((name) => ({ name, category: "envoy.filters.network", typeUrls: [] })),
			...CLUSTER_TYPES.map((name) => ({ name, category: "envoy.clusters", typeUrls: [] })),
		],
	};
}

/** A cluster that requests can be sent to: upstream connections speak HTTP/1.1 so far. */
function compileUpstream(message: Cluster, at: string): ClusterConfig {
	const config = compileCluster(message, at);
	if (config.info.httpProtocol !== "http2") return config;
	const path = fieldPath(at).field("typed_extension_protocol_options");
	const what = "HTTP/2 to upstreams is not implemented by this proxy";
	throw new ProblemError([problem("LTN3541", path.toString(), what, "use http_protocol_options")]);
}

class RequestPath {
	readonly routeDeps: RouteCompileDeps;
	readonly #deps: DataPlaneDeps;
	readonly #sideCalls: SideCalls;
	readonly #env: FormatEnvironment;
	readonly #node: WorkloadMetadata;
	readonly #istio: IstioFamilies;
	/** Filters count in the scope of their connection manager; scopes live as long as the process. */
	readonly #scopes = new Map<string, StatScope>();
	/** What was compiled beside a connection manager's own configuration. */
	readonly #compiled = new WeakMap<HcmConfig, Pick<HcmServices, "routeTable" | "accessLog">>();
	readonly #compiledTcp = new WeakMap<TcpProxyConfig, Pick<TcpServices, "accessLog">>();

	constructor(deps: DataPlaneDeps, sideCalls: SideCalls) {
		this.#deps = deps;
		this.#sideCalls = sideCalls;
		this.#env = {
			hostname: hostname(),
			nowMs: () => deps.clock.nowMs(),
			environment: (name) => deps.environment[name],
		};
		this.#node = workloadOfNode(deps.node.id, deps.node.metadata ?? {});
		this.#istio = istioFamilies(deps.metrics);
		this.routeDeps = {
			env: this.#env,
			parseFilterConfig: perRouteParser(this.#factories("outbound", "route")),
			hasCluster: (name) => deps.clusters.get(name) !== undefined,
		};
	}

	servicesOf(hcm: HcmConfig): Pick<HcmServices, "routeTable" | "accessLog"> {
		const services = this.#compiled.get(hcm);
		if (!services) throw new Error(`the connection manager ${hcm.statPrefix} was not compiled here`);
		return services;
	}

	tcpServicesOf(tcp: TcpProxyConfig): Pick<TcpServices, "accessLog"> {
		const services = this.#compiledTcp.get(tcp);
		if (!services) throw new Error(`the TCP proxy ${tcp.statPrefix} was not compiled here`);
		return services;
	}

	compileListener(message: Listener, at: string): StagedListener<ListenerConfig> {
		const direction = message.trafficDirection === TrafficDirection.INBOUND ? "inbound" : "outbound";
		const config = parseListener(message, at, this.#factories(direction, statPrefixOf(message)));
		const filterAt = `${at}.filter_chains[0].filters[0].typed_config`;
		if (config.chain.kind === "tcp") {
			const { tcp } = config.chain;
			const loggers = this.#accessLoggers(tcp.accessLogs, filterAt);
			this.#compiledTcp.set(tcp, loggers.length > 0 ? { accessLog: (info) => logAll(loggers, { info }) } : {});
			return { name: config.name, config, routeNames: [] };
		}
		const { hcm } = config.chain;
		this.#compiled.set(hcm, this.#compileServices(hcm, filterAt));
		return { name: config.name, config, routeNames: hcm.routes.kind === "rds" ? [hcm.routes.name] : [] };
	}

	#compileServices(hcm: HcmConfig, at: string): Pick<HcmServices, "routeTable" | "accessLog"> {
		const problems: Problem[] = [];
		const inline = collect(problems, () => this.#inlineTable(hcm, at));
		const loggers = collect(problems, () => this.#accessLoggers(hcm.accessLogs, at)) ?? [];
		if (problems.length > 0) throw new ProblemError(problems);
		const { routes } = hcm;
		const tables = this.#deps.routes;
		return {
			routeTable: routes.kind === "rds" ? () => tables.get(routes.name) : () => inline,
			...(loggers.length > 0 && { accessLog: writeTo(loggers) }),
		};
	}

	#inlineTable({ routes }: HcmConfig, at: string): RouteTable | undefined {
		if (routes.kind === "rds") return undefined;
		return compileRouteConfiguration(routes.config, this.routeDeps, fieldPath(`${at}.route_config`));
	}

	#accessLoggers(accessLogs: readonly AccessLog[], at: string): readonly AccessLogger[] {
		const { random, sinks } = this.#deps;
		const deps = { env: this.#env, random, openSink: (target: Parameters<typeof sinks.open>[0]) => sinks.open(target) };
		return compileAccessLogs(accessLogs, deps, fieldPath(`${at}.access_log`));
	}

	#factories(direction: "inbound" | "outbound", statPrefix: string): readonly HttpFilterFactory[] {
		return httpFilterFactories({
			...this.#deps,
			direction,
			sideCalls: this.#sideCalls,
			jwtCrypto,
			node: this.#node,
			istio: this.#istio,
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

/** Filters count under their connection manager's name; they are read before it is known otherwise. */
function statPrefixOf(message: Listener): string {
	const filter = (message.filterChains[0] ?? message.defaultFilterChain)?.filters[0]?.configType;
	const any = filter?.case === "typedConfig" ? filter.value : undefined;
	return unpackAs(any, HttpConnectionManagerSchema)?.statPrefix ?? message.name;
}

function writeTo(loggers: readonly AccessLogger[]): NonNullable<HcmServices["accessLog"]> {
	return (stream, response) => {
		logAll(loggers, { info: stream.info, request: stream.request, response, route: stream.route() });
	};
}

function logAll(loggers: readonly AccessLogger[], ctx: FormatContext): void {
	for (const logger of loggers) logger.log(ctx);
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

/** Where several threads serve, each binds the same address. */
function sharing(config: ListenerConfig, ports: DataPlaneDeps["sharedPorts"]): ListenerConfig {
	if (!ports) return config;
	return { ...config, reusePort: true, port: config.port === 0 ? (ports[config.name] ?? 0) : config.port };
}
