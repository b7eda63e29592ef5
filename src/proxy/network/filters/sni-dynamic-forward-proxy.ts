import { fieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError, problem } from "../../../lib/problem.ts";
import { unpackAs } from "../../../xds/any.ts";
import { FilterConfigSchema } from "../../../xds/generated/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.ts";
import type { DnsCache } from "../../cluster/forward/dns-cache.ts";
import { parseDnsCache } from "../../cluster/forward/dns-cache-config.ts";
import type { DnsCaches } from "../../cluster/forward/dns-caches.ts";
import { DYNAMIC_PORT, dynamicHost } from "../../http/info/dynamic-host.ts";
import type { NetworkConnection, NetworkFilter, NetworkFilterFactory } from "../network-filter.ts";

const HTTPS_PORT = 443;

/** Resolves the server name that a client asks for before tcp_proxy connects there (Envoy: envoy.filters.network.sni_dynamic_forward_proxy). */
export function sniForwardProxyFactory({ dnsCaches }: { readonly dnsCaches: DnsCaches }): NetworkFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig",
		parse(config, path, name) {
			const message = unpackAs(config, FilterConfigSchema);
			const at = fieldPath(path).field("dns_cache_config");
			const problems: Problem[] = [];
			const read = parseDnsCache(message?.dnsCacheConfig, at, problems);
			const cache = problems.length > 0 ? undefined : dnsCaches.open(read);
			if (!cache && problems.length === 0)
				problems.push(
					problem("LTN3126", at.toString(), `the DNS cache "${read.name}" is there with different settings`),
				);
			if (!cache) throw new ProblemError(problems);
			const chosen = message?.portSpecifier;
			const port = chosen?.case === "portValue" ? chosen.value : HTTPS_PORT;
			return { name, create: () => new SniResolution(cache, port) };
		},
	};
}

class SniResolution implements NetworkFilter {
	readonly #cache: DnsCache;
	readonly #port: number;
	#cancel: (() => void) | undefined = undefined;

	constructor(cache: DnsCache, port: number) {
		this.#cache = cache;
		this.#port = port;
	}

	onNewConnection(on: NetworkConnection): "continue" | "stop" {
		const { filterState, requestedServerName } = on.connection;
		if (!filterState.has(DYNAMIC_PORT)) filterState.set(DYNAMIC_PORT, this.#port);
		const host = dynamicHost(filterState, requestedServerName);
		if (!host) return "continue";
		if (!this.#cache.tryPending()) {
			on.close("");
			return "stop";
		}
		const loading = this.#cache.load(host, this.#port, () => {
			this.#stopWaiting();
			on.resume();
		});
		if (typeof loading === "function") {
			this.#cancel = loading;
			return "stop";
		}
		this.#cache.releasePending();
		if (loading === "known") return "continue";
		on.close("");
		return "stop";
	}

	onClose(): void {
		this.#stopWaiting();
	}

	#stopWaiting(): void {
		if (!this.#cancel) return;
		this.#cancel();
		this.#cancel = undefined;
		this.#cache.releasePending();
	}
}
