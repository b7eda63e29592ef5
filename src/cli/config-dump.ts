/** The parts of Envoy's `/config_dump` that people read, typed as loosely as foreign JSON deserves. */
export interface ConfigDump {
	readonly clusters: readonly DumpedCluster[];
	readonly listeners: readonly DumpedListener[];
	readonly routes: readonly DumpedRouteConfig[];
}

export interface IstioMetadata {
	readonly filterMetadata?: {
		readonly istio?: { readonly config?: string; readonly services?: readonly { host: string }[] };
	};
}

export interface DumpedCluster {
	readonly name: string;
	readonly type?: string;
	readonly clusterType?: { readonly name?: string };
	readonly metadata?: IstioMetadata;
}

export interface DumpedListener {
	readonly name: string;
	readonly address?: { readonly socketAddress?: { readonly address?: string; readonly portValue?: number } };
	readonly filterChains?: readonly DumpedFilterChain[];
	readonly defaultFilterChain?: DumpedFilterChain;
}

export interface DumpedFilterChain {
	readonly name?: string;
	readonly filterChainMatch?: {
		readonly serverNames?: readonly string[];
		readonly transportProtocol?: string;
		readonly applicationProtocols?: readonly string[];
		readonly destinationPort?: number;
		readonly prefixRanges?: readonly { readonly addressPrefix: string; readonly prefixLen?: number }[];
	};
	readonly filters?: readonly { readonly name: string; readonly typedConfig?: DumpedNetworkFilter }[];
}

export interface DumpedNetworkFilter {
	readonly "@type"?: string;
	readonly rds?: { readonly routeConfigName?: string };
	readonly routeConfig?: DumpedRouteConfig;
	readonly cluster?: string;
	readonly weightedClusters?: { readonly clusters?: readonly { readonly name: string; readonly weight?: number }[] };
}

export interface DumpedRouteConfig {
	readonly name?: string;
	readonly virtualHosts?: readonly DumpedVirtualHost[];
}

export interface DumpedVirtualHost {
	readonly name: string;
	readonly domains?: readonly string[];
	readonly routes?: readonly DumpedRoute[];
}

export interface DumpedRoute {
	readonly name?: string;
	readonly match?: {
		readonly prefix?: string;
		readonly path?: string;
		readonly pathSeparatedPrefix?: string;
		readonly safeRegex?: { readonly regex?: string };
		readonly headers?: readonly { readonly name: string }[];
	};
	readonly metadata?: IstioMetadata;
}

interface RawDump {
	readonly configs?: readonly Record<string, unknown>[];
}

/** Gathers static and dynamic resources, whichever way the proxy came by them. Accepts proto3 JSON in camel or snake case. */
export function parseConfigDump(raw: unknown): ConfigDump {
	const sections = ((camelKeys(raw) as RawDump).configs ?? []) as Record<string, unknown>[];
	const all = (key: string): Record<string, unknown>[] =>
		sections.flatMap((s) => (s[key] as Record<string, unknown>[] | undefined) ?? []);
	return {
		clusters: [...all("staticClusters"), ...all("dynamicActiveClusters")].map((c) => c.cluster as DumpedCluster),
		listeners: [
			...all("staticListeners").map((l) => l.listener as DumpedListener),
			...all("dynamicListeners").flatMap(
				(l) => (l.activeState as { listener?: DumpedListener } | undefined)?.listener ?? [],
			),
		],
		routes: [...all("staticRouteConfigs"), ...all("dynamicRouteConfigs")].map(
			(r) => r.routeConfig as DumpedRouteConfig,
		),
	};
}

/** Envoy prints proto names (`active_state`), protobuf-JSON peers camel case; metadata keys stay as they are. */
function camelKeys(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(camelKeys);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).map(([key, v]) => [
			/^[a-z_]+$/.test(key) ? key.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase()) : key,
			camelKeys(v),
		]),
	);
}
