import type { NetworkFilterDeps, NetworkFilterFactory } from "../network-filter.ts";

/**
 * Envoy's mongo_proxy counts MongoDB's operations and hands the bytes on as they are. istiod puts it before tcp_proxy on every MONGO port:
 * here the bytes pass, and a warning tells that nothing is counted. Its delays and its log are refused.
 */
export function mongoProxyFactory({ warn }: Pick<NetworkFilterDeps, "warn">): NetworkFilterFactory {
	return {
		typeUrl: "type.googleapis.com/envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy",
		parse(_config, path, name) {
			warn(path, "MongoDB's operations are not counted; the connection is proxied as TCP");
			return { name, create: () => ({}) };
		},
	};
}
