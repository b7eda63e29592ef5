import type {
	FilterConfig,
	PerRouteConfig,
} from "../../../xds/generated/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.ts";
import type { ClusterLookup, UpstreamCluster } from "../../cluster/cluster.ts";
import type { CachedHost, DnsCache } from "../../cluster/forward/dns-cache.ts";
import { parseDnsCache } from "../../cluster/forward/dns-cache-config.ts";
import type { DnsCaches } from "../../cluster/forward/dns-caches.ts";
import { dynamicHost } from "../../http/info/dynamic-host.ts";
import { firstRequestHeader } from "../../router/match/request-header.ts";
import type { FilterStream, HeadOutcome, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig } from "../problem-path.ts";

export interface ForwardProxyDeps {
	readonly clusters: ClusterLookup;
	readonly dnsCaches: DnsCaches;
}

interface Settings {
	readonly name: string;
	readonly cache: DnsCache;
	readonly clusters: ClusterLookup;
	readonly savesAddress: boolean;
	readonly readsFilterState: boolean;
}

/** The host that a route puts in place of the client's. */
type HostRewrite = { readonly literal: string } | { readonly header: string } | undefined;

/** Filter state with the address that the host was resolved to. */
const UPSTREAM_ADDRESS = "envoy.stream.upstream_address";

/** Resolves the host that a request names before it goes to a cluster that connects there (Envoy: dynamic forward proxy filter). */
export function dynamicForwardProxyFilter({ clusters, dnsCaches }: ForwardProxyDeps): HttpFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig",
		routeTypeUrl: "type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig",
		parse(config, path, name) {
			const message = config as FilterConfig;
			const cache = readingConfig(path, (at, problems) => {
				const { implementationSpecifier: chosen } = message;
				const here = at.field("dns_cache_config");
				if (chosen.case !== "dnsCacheConfig") {
					problems.notImplemented(at.field("sub_cluster_config"), "a cluster of its own for each host");
					return undefined;
				}
				const read = parseDnsCache(chosen.value, here, problems.problems);
				if (problems.problems.length > 0) return undefined;
				const opened = dnsCaches.open(read);
				if (!opened) problems.add("invalid", here, `the DNS cache "${read.name}" is there with different settings`);
				return opened;
			});
			const settings: Settings = {
				name,
				cache: cache!,
				clusters,
				savesAddress: message.saveUpstreamAddress,
				readsFilterState: message.allowDynamicHostFromFilterState,
			};
			return { name, create: () => new ForwardStream(settings) };
		},
		parseRoute: (config) => parseRoute(config as PerRouteConfig),
	};
}

function parseRoute({ hostRewriteSpecifier: chosen }: PerRouteConfig): HostRewrite {
	if (!chosen.value) return undefined;
	return chosen.case === "hostRewriteLiteral" ? { literal: chosen.value } : { header: chosen.value.toLowerCase() };
}

class ForwardStream implements HttpFilter {
	readonly #settings: Settings;
	#cancel: (() => void) | undefined = undefined;

	constructor(settings: Settings) {
		this.#settings = settings;
	}

	decodeHeaders(stream: FilterStream): HeadOutcome {
		const { cache, name } = this.#settings;
		const forwardProxy = this.#clusterOf(stream)?.info.forwardProxy;
		if (!forwardProxy) return "pass";
		if (!cache.tryPending()) return refuse(stream, OVERLOADED);
		rewrite(stream, stream.routeConfig(name) as HostRewrite);
		const host = this.#hostOf(stream);
		if (host === "") {
			cache.releasePending();
			return refuse(stream, NO_HOST);
		}
		const { defaultPort } = forwardProxy;
		const loading = cache.load(host, defaultPort, () => {
			this.#stopWaiting();
			if (this.#goesOn(stream, cache.use(host, defaultPort))) stream.continueDecoding(this);
		});
		if (typeof loading === "function") {
			this.#cancel = loading;
			return "stop";
		}
		cache.releasePending();
		if (loading === "overflow") return refuse(stream, CACHE_FULL);
		return this.#goesOn(stream, cache.use(host, defaultPort)) ? "pass" : "stop";
	}

	onStreamEnd(): void {
		this.#stopWaiting();
	}

	#stopWaiting(): void {
		if (!this.#cancel) return;
		this.#cancel();
		this.#cancel = undefined;
		this.#settings.cache.releasePending();
	}

	#clusterOf(stream: FilterStream): UpstreamCluster | undefined {
		const action = stream.route()?.action;
		if (action?.kind !== "forward") return undefined;
		const [cluster] = action.forward.clusters(stream.request);
		return cluster === undefined ? undefined : this.#settings.clusters.get(cluster);
	}

	#hostOf({ request, info }: FilterStream): string {
		return (
			(this.#settings.readsFilterState ? dynamicHost(info.filterState, request.authority) : request.authority) ?? ""
		);
	}

	#goesOn(stream: FilterStream, host: CachedHost | undefined): boolean {
		const [address] = host?.addresses ?? [];
		if (host && address !== undefined) {
			if (this.#settings.savesAddress) stream.info.filterState.set(UPSTREAM_ADDRESS, `${address}:${host.port}`);
			return true;
		}
		refuse(stream, { ...UNRESOLVED, details: `dns_resolution_failure{${host?.failure ?? ""}}` });
		return false;
	}
}

function rewrite({ request }: FilterStream, how: HostRewrite): void {
	if (!how) return;
	const host = "literal" in how ? how.literal : firstRequestHeader(request, how.header);
	if (host) request.authority = host;
}

function refuse(stream: FilterStream, reply: Parameters<FilterStream["sendLocalReply"]>[0]): "stop" {
	stream.sendLocalReply(reply);
	return "stop";
}

const OVERLOADED = {
	status: 503,
	body: "Dynamic forward proxy pending request overflow",
	details: "dynamic_forward_proxy_pending_request_overflow",
} as const;
const CACHE_FULL = { status: 503, body: "DNS cache overflow", details: "dns_cache_overflow" } as const;
const UNRESOLVED = { status: 503, body: "DNS resolution failure", details: "", flag: "DF" } as const;
const NO_HOST = { status: 400, body: "Empty host header", details: "empty_host_header" } as const;
