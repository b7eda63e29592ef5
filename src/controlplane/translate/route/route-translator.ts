import type { Problem } from "../../../lib/problem.ts";
import type { RouteConfiguration } from "../../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { IdentityMemo } from "../../model/identity-memo.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import { MESH_GATEWAY } from "../../model/virtual-service.ts";
import { clientClass } from "../client-class.ts";
import { canResolveNames } from "../cluster/dynamic-forward-cluster.ts";
import { podAddressDomain } from "../cluster/passthrough-cluster.ts";
import type { ConnectedProxy } from "../connected-proxy.ts";
import { gatewayListeners, gatewayRouteName } from "../gateway-servers.ts";
import { explicitProxyRoutes, HTTP_PROXY_ROUTES } from "./explicit-proxy-routes.ts";
import { gatewayRoutes } from "./gateway-routes.ts";
import type { RouteScope } from "./translation-scope.ts";

interface Translated {
	readonly routes: RouteConfiguration;
	readonly problems: readonly Problem[];
}

/** Route configurations by name; sidecars of one client class share theirs, gateways have their own. */
export class RouteTranslator {
	readonly #translated = new IdentityMemo<Translated>();
	readonly #problems = new Map<string, Problem>();

	generate(proxy: ConnectedProxy, names: ReadonlySet<string>, snapshot: Snapshot): readonly RouteConfiguration[] {
		if (proxy.role === "sidecar") return names.has(HTTP_PROXY_ROUTES) ? [this.#explicitProxy(proxy, snapshot)] : [];
		return gatewayListeners(proxy, snapshot)
			.filter((listener) => names.has(gatewayRouteName(listener)))
			.map((listener) => {
				const key = `gateway ${proxy.id} ${gatewayRouteName(listener)} ${JSON.stringify(proxy.labels)}`;
				const deps = [...snapshotParts(snapshot), snapshot.gateways];
				return this.#memo({ key, deps }, { proxy, snapshot }, (scope) => gatewayRoutes(listener, scope));
			});
	}

	problems(): readonly Problem[] {
		return [...this.#problems.values()];
	}

	sweep(): void {
		this.#translated.sweep();
		this.#problems.clear();
	}

	#explicitProxy(proxy: ConnectedProxy, snapshot: Snapshot): RouteConfiguration {
		const outside = {
			resolvesNames: canResolveNames(proxy.extensions),
			podAddresses: podAddressDomain(proxy, snapshot.mesh),
		};
		const key = `sidecar ${clientClass(proxy, snapshot).key} ${outside.podAddresses}`;
		return this.#memo({ key, deps: snapshotParts(snapshot) }, { proxy, snapshot }, (scope) =>
			explicitProxyRoutes(scope, outside),
		);
	}

	#memo(
		{ key, deps }: { readonly key: string; readonly deps: readonly unknown[] },
		{ proxy, snapshot }: { readonly proxy: ConnectedProxy; readonly snapshot: Snapshot },
		translate: (scope: RouteScope) => RouteConfiguration,
	): RouteConfiguration {
		const { routes, problems } = this.#translated.get(key, deps, () => {
			const found: Problem[] = [];
			return { routes: translate(scopeOf(proxy, snapshot, found)), problems: found };
		});
		for (const p of problems) this.#problems.set(`${p.code} ${p.path} ${p.message}`, p);
		return routes;
	}
}

function snapshotParts({ services, virtualServices, destinationRules, mesh }: Snapshot): readonly unknown[] {
	return [services, virtualServices, destinationRules, mesh];
}

function scopeOf(proxy: ConnectedProxy, snapshot: Snapshot, problems: Problem[]): RouteScope {
	return {
		snapshot,
		namespace: proxy.namespace,
		labels: proxy.labels,
		listenerPort: 0,
		gateways: new Set([MESH_GATEWAY]),
		extensions: proxy.extensions,
		check: proxy.check,
		report: (p) => problems.push(p),
	};
}
