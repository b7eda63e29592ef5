import { HostIndex } from "../../model/host-index.ts";
import { isWildcard } from "../../model/host-name.ts";
import type { Snapshot } from "../../model/snapshot.ts";
import type { VirtualService } from "../../model/virtual-service.ts";
import { isPrivate, isVisibleTo } from "../../model/visibility.ts";
import { isMeshBound } from "./virtual-service-routes.ts";

/** The VirtualServices that sidecars of one namespace obey. */
export interface MeshVirtualServices {
	/** The one that decides for a host: the most specific, of those the first in order; never several merged. */
	forHost(host: string): VirtualService | undefined;
	/** Exact hosts that rules name, each with the rule that wins it. */
	readonly exactHosts: ReadonlyMap<string, VirtualService>;
}

const cache = new WeakMap<readonly VirtualService[], Map<string, MeshVirtualServices>>();

/** Candidates in order: the namespace's private ones, those exported to it by name, public ones (istio-traffic-api.md 1.13). */
export function meshVirtualServices(snapshot: Snapshot, namespace: string): MeshVirtualServices {
	let byNamespace = cache.get(snapshot.virtualServices);
	if (!byNamespace) {
		byNamespace = new Map();
		cache.set(snapshot.virtualServices, byNamespace);
	}
	let found = byNamespace.get(namespace);
	if (!found) {
		found = build(snapshot, namespace);
		byNamespace.set(namespace, found);
	}
	return found;
}

function build(snapshot: Snapshot, namespace: string): MeshVirtualServices {
	const candidates = snapshot.virtualServices
		.filter((vs) => isMeshBound(vs) && isVisibleTo(vs.visibility, namespace))
		// A stable sort: inside a class the oldest stays first.
		.toSorted((a, b) => rank(a, namespace) - rank(b, namespace));
	const entries = candidates.flatMap((vs) => vs.hosts.map((host) => [host, vs] as const));
	const index = new HostIndex(entries);
	const exactHosts = new Map<string, VirtualService>();
	for (const [host, vs] of entries) if (!isWildcard(host) && !exactHosts.has(host)) exactHosts.set(host, vs);
	return { forHost: (host) => index.match(host), exactHosts };
}

function rank(vs: VirtualService, namespace: string): number {
	if (vs.meta.namespace === namespace && isPrivate(vs.visibility, namespace)) return 0;
	return vs.visibility.kind === "namespaces" ? 1 : 2;
}
