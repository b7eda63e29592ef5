import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Clock } from "../../lib/clock.ts";
import { type Problem, problem } from "../../lib/problem.ts";
import type { Node } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type DeltaDiscoveryRequest,
	DeltaDiscoveryRequestSchema,
	type DeltaDiscoveryResponse,
} from "../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { RESOURCE_TYPES, type ResourceType } from "../../xds/type-urls.ts";
import { ResourceTtl } from "./resource-ttl.ts";
import { decodeResource, type IncomingResource, type ResourceHandler, resourceTypeOf } from "./resource-update.ts";
import { nackStatus, type Session, type Subscription, TYPE_ORDER } from "./session.ts";

interface TypeState {
	wanted: Subscription;
	/** Accepted resources with their versions: what a new stream resumes with. */
	readonly versions: Map<string, string>;
	/** Asked for one by one, beside everything. */
	readonly demanded: Set<string>;
	/** Whether the present stream has carried a request of this type. */
	asked: boolean;
}

/** Incremental xDS: the server sends what changed and what is gone. */
export class DeltaSession implements Session<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
	readonly #node: Node;
	readonly #handler: ResourceHandler;
	readonly #types = new Map<ResourceType, TypeState>();
	#nodeSent = false;

	readonly #ttl: ResourceTtl;

	/** `clock`: for resources that live for a while; undefined: all stay. */
	constructor(node: Node, handler: ResourceHandler, clock?: Clock) {
		this.#node = node;
		this.#handler = handler;
		this.#ttl = new ResourceTtl(clock, (type, name) => {
			this.#types.get(type)?.versions.delete(name);
			handler.apply({ type, added: [], removed: [name] });
		});
	}

	close(): void {
		this.#ttl.close();
	}

	open(): DeltaDiscoveryRequest[] {
		this.#nodeSent = false;
		return TYPE_ORDER.flatMap((type) => {
			const state = this.#types.get(type);
			if (!state) return [];
			state.asked = false;
			return this.#firstRequest(type, state);
		});
	}

	subscribe(type: ResourceType, wanted: Subscription): DeltaDiscoveryRequest[] {
		let state = this.#types.get(type);
		if (!state) {
			state = { wanted, versions: new Map(), demanded: new Set(), asked: false };
			this.#types.set(type, state);
		}
		const before = state.wanted;
		state.wanted = wanted;
		if (wanted === "all" || before === "all") return state.asked ? [] : this.#firstRequest(type, state);
		for (const name of state.versions.keys()) if (!wanted.has(name)) state.versions.delete(name);
		if (!state.asked) return this.#firstRequest(type, state);
		const resourceNamesSubscribe = [...wanted].filter((name) => !before.has(name));
		const resourceNamesUnsubscribe = [...before].filter((name) => !wanted.has(name));
		if (resourceNamesSubscribe.length + resourceNamesUnsubscribe.length === 0) return [];
		return [this.#request(type, { resourceNamesSubscribe, resourceNamesUnsubscribe })];
	}

	demand(type: ResourceType, names: readonly string[]): DeltaDiscoveryRequest[] {
		const state = this.#types.get(type);
		if (!state) return [];
		for (const name of names) state.demanded.add(name);
		return state.asked
			? [this.#request(type, { resourceNamesSubscribe: [...names] })]
			: this.#firstRequest(type, state);
	}

	receive(response: DeltaDiscoveryResponse): DeltaDiscoveryRequest[] {
		const type = resourceTypeOf(response.typeUrl);
		const state = type && this.#types.get(type);
		if (!type || !state) return [this.#refuseType(response)];
		const { added, problems } = decodeAll(type, state, response);
		const removed = response.removedResources.filter((name) => state.wanted === "all" || state.wanted.has(name));
		const result = this.#handler.apply({
			type,
			added,
			removed,
			version: response.systemVersionInfo,
			answered: answeredNames(response),
		});
		for (const { name, version } of added) if (!result.rejected.has(name)) state.versions.set(name, version);
		for (const name of removed) {
			state.versions.delete(name);
			this.#ttl.forget(type, name);
		}
		for (const { name, ttl } of response.resources)
			if (state.wanted === "all" || state.wanted.has(name)) this.#ttl.heard(type, name, ttl);
		problems.push(...result.problems);
		const answer = { responseNonce: response.nonce };
		return [this.#request(type, problems.length === 0 ? answer : { ...answer, errorDetail: nackStatus(problems) })];
	}

	#firstRequest(type: ResourceType, state: TypeState): DeltaDiscoveryRequest[] {
		const { wanted } = state;
		// A first request without names asks for everything: nobody wants that of endpoints and routes.
		if (wanted !== "all" && wanted.size === 0) return [];
		state.asked = true;
		return [
			this.#request(type, {
				resourceNamesSubscribe: [...(wanted === "all" ? everything(state) : wanted), ...state.demanded],
				initialResourceVersions: Object.fromEntries(state.versions),
			}),
		];
	}

	#refuseType(response: DeltaDiscoveryResponse): DeltaDiscoveryRequest {
		const what = problem("LTN3603", "type_url", `nobody asked for resources of type "${response.typeUrl}"`);
		return create(DeltaDiscoveryRequestSchema, {
			typeUrl: response.typeUrl,
			responseNonce: response.nonce,
			errorDetail: nackStatus([what]),
		});
	}

	#request(type: ResourceType, fields: MessageInitShape<typeof DeltaDiscoveryRequestSchema>): DeltaDiscoveryRequest {
		const node = this.#nodeSent ? undefined : this.#node;
		this.#nodeSent = true;
		return create(DeltaDiscoveryRequestSchema, { ...fields, node, typeUrl: RESOURCE_TYPES[type] });
	}
}

/** Beside names everything must be asked for by name, too. */
function everything({ demanded }: TypeState): readonly string[] {
	return demanded.size > 0 ? ["*"] : [];
}

/** Of resources without content too: these say that there is none of the name. */
function answeredNames({ resources }: DeltaDiscoveryResponse): string[] {
	return resources.flatMap(({ name, aliases }) => [name, ...aliases]);
}

function decodeAll(type: ResourceType, state: TypeState, response: DeltaDiscoveryResponse) {
	const problems: Problem[] = [];
	const added: IncomingResource[] = [];
	for (const resource of response.resources) {
		if (state.wanted !== "all" && !state.wanted.has(resource.name)) continue; // unsubscribed meanwhile
		if (!resource.resource) continue; // a heartbeat: nothing changed
		const decoded = decodeResource(type, resource.resource, resource.version, resource.name);
		if ("problem" in decoded) problems.push(decoded.problem);
		else added.push({ ...decoded, name: resource.name });
	}
	return { added, problems };
}
