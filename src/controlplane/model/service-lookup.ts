import type { Service } from "./service.ts";
import type { Snapshot } from "./snapshot.ts";
import { isVisibleTo } from "./visibility.ts";

/** The services that one namespace sees, and the one behind each host name. */
export interface ServiceView {
	/** Oldest first; of several with one hostname only the one that counts. */
	readonly services: readonly Service[];
	find(hostname: string): Service | undefined;
}

const views = new WeakMap<readonly Service[], Map<string, ServiceView>>();

/**
 * Visible services of a client namespace. One hostname from several namespaces: the client's own, then Kubernetes',
 * then the oldest (istio-traffic-api.md 6). ExternalName Services stand for the service that they name.
 */
export function serviceView(snapshot: Snapshot, clientNamespace: string): ServiceView {
	let byNamespace = views.get(snapshot.services);
	if (!byNamespace) {
		byNamespace = new Map();
		views.set(snapshot.services, byNamespace);
	}
	let view = byNamespace.get(clientNamespace);
	if (!view) {
		view = buildView(snapshot.services, clientNamespace);
		byNamespace.set(clientNamespace, view);
	}
	return view;
}

function buildView(all: readonly Service[], namespace: string): ServiceView {
	const byHost = new Map<string, Service>();
	for (const service of all) {
		if (!isVisibleTo(service.visibility, namespace)) continue;
		const known = byHost.get(service.hostname);
		if (!known || rank(service, namespace) < rank(known, namespace)) byHost.set(service.hostname, service);
	}
	return {
		services: [...byHost.values()],
		find(hostname) {
			const service = byHost.get(hostname);
			return service?.aliasOf === undefined ? service : byHost.get(service.aliasOf);
		},
	};
}

function rank(service: Service, namespace: string): number {
	if (service.meta.namespace === namespace) return 0;
	return service.registry === "Kubernetes" ? 1 : 2;
}
