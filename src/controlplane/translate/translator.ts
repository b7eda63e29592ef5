import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Problem } from "../../lib/problem.ts";
import { type Cluster, ClusterSchema } from "../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { Node } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type ClusterLoadAssignment,
	ClusterLoadAssignmentSchema,
} from "../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.ts";
import { type Listener, ListenerSchema } from "../../xds/generated/envoy/config/listener/v3/listener_pb.ts";
import {
	type RouteConfiguration,
	RouteConfigurationSchema,
} from "../../xds/generated/envoy/config/route/v3/route_pb.ts";
import { RESOURCE_TYPES } from "../../xds/type-urls.ts";
import { IdentityMemo } from "../model/identity-memo.ts";
import type { Snapshot } from "../model/snapshot.ts";
import { clientClass } from "./client-class.ts";
import { ClusterTranslator } from "./cluster/cluster-translator.ts";
import { type ConnectedProxy, isProblem, proxyOf } from "./connected-proxy.ts";
import { EndpointTranslator } from "./endpoint/endpoint-translator.ts";
import { gatewayListeners } from "./gateway-servers.ts";
import { gatewayListener } from "./listener/gateway-listener.ts";
import { sidecarListeners } from "./listener/sidecar-listeners.ts";
import { NO_CHECK, type ProxyCheck } from "./proxy-check.ts";
import { RouteTranslator } from "./route/route-translator.ts";

/** One xDS resource; the message keeps its identity while nothing that it depends on changes. */
export interface TranslatedResource {
	readonly name: string;
	readonly schema: DescMessage;
	readonly message: Message;
}

export interface Translator {
	/** Takes the snapshot that answers are made from. */
	update(snapshot: Snapshot): void;
	/** Why a node gets no configuration; undefined when it does. */
	refusal(node: Node): Problem | undefined;
	/**
	 * The resources of a type for a node: of CDS and LDS all, of EDS and RDS those named. Names that mean nothing to the node are left out,
	 * but an EDS name always has an answer, else its cluster would never finish warming. Throws when the node was refused.
	 */
	generate(node: Node, typeUrl: string, names: ReadonlySet<string>): readonly TranslatedResource[];
	/** What could not be translated for some proxy, since the last update. */
	problems(): readonly Problem[];
}

/**
 * Turns snapshots into xDS. Pure apart from memory: the same snapshot and node always give equal resources. What `check` says that a
 * proxy would refuse is left out and told by `problems`.
 */
export function createTranslator(check: ProxyCheck = NO_CHECK): Translator {
	return new MemoTranslator(check);
}

class MemoTranslator implements Translator {
	readonly #check: ProxyCheck;
	#snapshot: Snapshot | undefined;
	#proxies = new WeakMap<Node, ConnectedProxy | Problem>();
	readonly #clusters = new ClusterTranslator();
	readonly #endpoints = new EndpointTranslator();
	readonly #routes = new RouteTranslator();
	readonly #listeners = new IdentityMemo<readonly Listener[]>();

	constructor(check: ProxyCheck) {
		this.#check = check;
	}

	update(snapshot: Snapshot): void {
		this.#snapshot = snapshot;
		this.#proxies = new WeakMap();
		this.#listeners.sweep();
		for (const part of [this.#clusters, this.#endpoints, this.#routes]) part.sweep();
	}

	refusal(node: Node): Problem | undefined {
		const proxy = this.#proxyOf(node);
		return isProblem(proxy) ? proxy : undefined;
	}

	generate(node: Node, typeUrl: string, names: ReadonlySet<string>): readonly TranslatedResource[] {
		const proxy = this.#proxyOf(node);
		if (isProblem(proxy)) throw new Error(`a refused node asked for resources: ${proxy.message}`);
		const snapshot = this.#current();
		switch (typeUrl) {
			case RESOURCE_TYPES.cluster:
				return this.#clusters.generate(proxy, snapshot).map(clusterResource);
			case RESOURCE_TYPES.endpoint:
				return this.#endpoints.generate(proxy, names, snapshot).map(endpointResource);
			case RESOURCE_TYPES.listener:
				return this.#listenersOf(proxy, snapshot).map(listenerResource);
			case RESOURCE_TYPES.route:
				return this.#routes.generate(proxy, names, snapshot).map(routeResource);
			default:
				return [];
		}
	}

	problems(): readonly Problem[] {
		return [...this.#clusters.problems(), ...this.#routes.problems()];
	}

	#current(): Snapshot {
		if (!this.#snapshot) throw new Error("the translator was asked before its first snapshot");
		return this.#snapshot;
	}

	#proxyOf(node: Node): ConnectedProxy | Problem {
		let proxy = this.#proxies.get(node);
		if (!proxy) {
			proxy = proxyOf(node, this.#current(), this.#check);
			this.#proxies.set(node, proxy);
		}
		return proxy;
	}

	#listenersOf(proxy: ConnectedProxy, snapshot: Snapshot): readonly Listener[] {
		const { mesh, services, gateways } = snapshot;
		const parts = [clientClass(proxy, snapshot).key, proxy.ip, JSON.stringify([proxy.labels, proxy.containerPorts])];
		return this.#listeners.get(`${proxy.id}|${parts.join("|")}`, [mesh, services, gateways], () =>
			proxy.role === "sidecar"
				? sidecarListeners(proxy, snapshot)
				: gatewayListeners(proxy, snapshot).map((l) => gatewayListener(l, proxy, snapshot)),
		);
	}
}

const clusterResource = (message: Cluster) => ({ name: message.name, schema: ClusterSchema, message });
const listenerResource = (message: Listener) => ({ name: message.name, schema: ListenerSchema, message });
const routeResource = (message: RouteConfiguration) => ({
	name: message.name,
	schema: RouteConfigurationSchema,
	message,
});
const endpointResource = (message: ClusterLoadAssignment) => ({
	name: message.clusterName,
	schema: ClusterLoadAssignmentSchema,
	message,
});
