import { ClusterHost } from "./cluster-host.ts";
import type { EndpointConfig, EndpointSet } from "./compile/endpoint-config.ts";
import { placeKey } from "./compile/endpoint-place.ts";

/** What an update of the endpoints did. */
export interface HostChange {
	readonly added: readonly ClusterHost[];
	readonly removed: readonly ClusterHost[];
	/** Neither hosts nor anything that balancing looks at changed. */
	readonly same: boolean;
}

interface HostSetDeps {
	/** Called for each host that is new to the cluster. */
	onNew(host: ClusterHost): void;
	/** Endpoints that leave stay while their health checks pass. */
	readonly keepsHealthy: boolean;
}

/** The hosts of a cluster, known by their addresses over all updates. */
export class HostSet {
	readonly #deps: HostSetDeps;
	#hosts: readonly ClusterHost[];
	#byAddress: ReadonlyMap<string, ClusterHost> | undefined;

	constructor(hosts: readonly ClusterHost[], deps: HostSetDeps) {
		this.#hosts = hosts;
		this.#deps = deps;
	}

	all(): readonly ClusterHost[] {
		return this.#hosts;
	}

	/** The host of an address (or key); looked up by an index that is made at first use. */
	at(address: string): ClusterHost | undefined {
		this.#byAddress ??= new Map(this.#hosts.map((host) => [keyOf(host.config), host]));
		return this.#byAddress.get(address);
	}

	/** Replaces the whole set of endpoints; hosts whose address stays keep requests, connections, ejection and checks. */
	update(next: EndpointSet): HostChange {
		const known = new Map(this.#hosts.map((host) => [keyOf(host.config), host]));
		const hosts = new Map<string, ClusterHost>();
		const added: ClusterHost[] = [];
		let same = true;
		for (const endpoint of next.endpoints) {
			const address = keyOf(endpoint);
			// An address may come twice (two priorities): the first one, the most preferred, counts.
			if (hosts.has(address)) continue;
			const host = this.#hostOf(endpoint, known.get(address));
			if (host !== known.get(address)) added.push(host);
			else {
				same &&= !host.leaving && sameToBalancers(host.config, endpoint);
				host.config = endpoint;
				host.leaving = false;
				known.delete(address);
			}
			hosts.set(address, host);
		}
		const removed: ClusterHost[] = [];
		for (const host of known.values()) {
			if (!this.#stays(host, hosts)) removed.push(host);
			else {
				host.leaving = true;
				hosts.set(keyOf(host.config), host);
			}
		}
		this.#hosts = [...hosts.values()];
		this.#byAddress = undefined;
		return { added, removed, same: same && added.length === 0 && removed.length === 0 };
	}

	/** Takes out hosts that left and stayed only while their checks passed. */
	dropUnhealthyLeavers(): readonly ClusterHost[] {
		const gone = this.#hosts.filter((host) => host.leaving && host.check?.failed === true);
		if (gone.length === 0) return gone;
		this.#hosts = this.#hosts.filter((host) => !gone.includes(host));
		this.#byAddress = undefined;
		return gone;
	}

	#hostOf(endpoint: EndpointConfig, known: ClusterHost | undefined): ClusterHost {
		// Another place to check, or to connect to, is another host.
		if (known && sameCheck(known.config, endpoint) && samePlaces(known.config, endpoint)) return known;
		const host = new ClusterHost(endpoint);
		this.#deps.onNew(host);
		return host;
	}

	#stays(host: ClusterHost, taken: ReadonlyMap<string, ClusterHost>): boolean {
		return this.#deps.keepsHealthy && host.check?.failed === false && !taken.has(keyOf(host.config));
	}
}

/** What a host is known by over updates. */
function keyOf(endpoint: EndpointConfig): string {
	return endpoint.key ?? placeKey(endpoint);
}

function sameCheck(a: EndpointConfig, b: EndpointConfig): boolean {
	if (a.check === b.check) return true;
	return JSON.stringify(a.check ?? null) === JSON.stringify(b.check ?? null);
}

function samePlaces(a: EndpointConfig, b: EndpointConfig): boolean {
	if (placeKey(a) !== placeKey(b)) return false;
	return a.more.length === b.more.length && a.more.every((place, i) => placeKey(place) === placeKey(b.more[i]!));
}

function sameToBalancers(a: EndpointConfig, b: EndpointConfig): boolean {
	return (
		a.weight === b.weight &&
		a.health === b.health &&
		a.priority === b.priority &&
		a.localityWeight === b.localityWeight &&
		a.hostname === b.hostname &&
		a.locality.region === b.locality.region &&
		a.locality.zone === b.locality.zone &&
		a.locality.subZone === b.locality.subZone &&
		JSON.stringify(a.metadata) === JSON.stringify(b.metadata)
	);
}
