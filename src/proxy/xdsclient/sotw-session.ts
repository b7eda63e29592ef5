import { create, fromBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../../lib/clock.ts";
import { type Problem, problem } from "../../lib/problem.ts";
import type { Node } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type DiscoveryRequest,
	DiscoveryRequestSchema,
	type DiscoveryResponse,
	ResourceSchema,
} from "../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { RESOURCE_TYPES, type ResourceType, typeNameOf } from "../../xds/type-urls.ts";
import { ResourceTtl } from "./resource-ttl.ts";
import { decodeResource, type IncomingResource, type ResourceHandler, resourceTypeOf } from "./resource-update.ts";
import { nackStatus, type Session, type Subscription, TYPE_ORDER } from "./session.ts";

interface TypeState {
	wanted: Subscription;
	/** Names in force, to find out what a full list no longer holds. */
	readonly names: Set<string>;
	acceptedVersion: string;
	nonce: string;
	asked: boolean;
}

/** State of the world: every response of clusters and listeners is the full list. */
export class SotwSession implements Session<DiscoveryRequest, DiscoveryResponse> {
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
			this.#types.get(type)?.names.delete(name);
			handler.apply({ type, added: [], removed: [name] });
		});
	}

	close(): void {
		this.#ttl.close();
	}

	open(): DiscoveryRequest[] {
		this.#nodeSent = false;
		return TYPE_ORDER.flatMap((type) => {
			const state = this.#types.get(type);
			if (!state) return [];
			state.nonce = "";
			state.asked = false;
			return this.#ask(type, state);
		});
	}

	subscribe(type: ResourceType, wanted: Subscription): DiscoveryRequest[] {
		let state = this.#types.get(type);
		if (!state) {
			state = { wanted, names: new Set(), acceptedVersion: "", nonce: "", asked: false };
			this.#types.set(type, state);
		}
		const before = state.wanted;
		state.wanted = wanted;
		if (wanted !== "all") for (const name of state.names) if (!wanted.has(name)) state.names.delete(name);
		if (state.asked && same(before, wanted)) return [];
		return this.#ask(type, state);
	}

	receive(response: DiscoveryResponse): DiscoveryRequest[] {
		const type = resourceTypeOf(response.typeUrl);
		const state = type && this.#types.get(type);
		if (!type || !state) return [this.#refuseType(response)];
		const problems: Problem[] = [];
		const added: IncomingResource[] = [];
		const alive: string[] = [];
		for (const [i, any] of response.resources.entries()) {
			const name = this.#signOfLife(type, any);
			if (name !== undefined) {
				alive.push(name);
				continue;
			}
			const decoded = decodeResource(type, any, response.versionInfo, `resources[${i}]`);
			if ("problem" in decoded) problems.push(decoded.problem);
			else if (state.wanted === "all" || state.wanted.has(decoded.name)) added.push(decoded);
		}
		const result = this.#handler.apply({
			type,
			added,
			removed: this.#missing(state, [...added.map(({ name }) => name), ...alive], problems.length > 0),
			version: response.versionInfo,
		});
		problems.push(...result.problems);
		for (const { name } of added) if (!result.rejected.has(name)) state.names.add(name);
		state.nonce = response.nonce;
		if (problems.length === 0) state.acceptedVersion = response.versionInfo;
		return [this.#request(type, state, problems)];
	}

	/** Notes how long a resource lives; answers with the name of one that comes without content, which says only that it still does. */
	#signOfLife(type: ResourceType, any: Any): string | undefined {
		if (typeNameOf(any.typeUrl) !== ResourceSchema.typeName) return undefined;
		const { name, ttl, resource } = fromBinary(ResourceSchema, any.value);
		if (name !== "") this.#ttl.heard(type, name, ttl);
		return resource ? undefined : name;
	}

	/** Names in force that a full list no longer has; a list that could not be read whole removes nothing. */
	#missing(state: TypeState, present: readonly string[], unreadable: boolean): string[] {
		if (state.wanted !== "all" || unreadable) return [];
		const kept = new Set(present);
		const gone = [...state.names].filter((name) => !kept.has(name));
		for (const name of gone) state.names.delete(name);
		return gone;
	}

	#ask(type: ResourceType, state: TypeState): DiscoveryRequest[] {
		// Without names a first request asks for everything: nobody wants that of endpoints and routes.
		if (!state.asked && state.wanted !== "all" && state.wanted.size === 0) return [];
		state.asked = true;
		return [this.#request(type, state, [])];
	}

	#refuseType(response: DiscoveryResponse): DiscoveryRequest {
		const what = problem("LTN3603", "type_url", `nobody asked for resources of type "${response.typeUrl}"`);
		return create(DiscoveryRequestSchema, {
			typeUrl: response.typeUrl,
			responseNonce: response.nonce,
			errorDetail: nackStatus([what]),
		});
	}

	#request(type: ResourceType, state: TypeState, problems: readonly Problem[]): DiscoveryRequest {
		const node = this.#nodeSent ? undefined : this.#node;
		this.#nodeSent = true;
		return create(DiscoveryRequestSchema, {
			node,
			typeUrl: RESOURCE_TYPES[type],
			versionInfo: state.acceptedVersion,
			responseNonce: state.nonce,
			resourceNames: state.wanted === "all" ? [] : [...state.wanted],
			errorDetail: problems.length === 0 ? undefined : nackStatus(problems),
		});
	}
}

function same(a: Subscription, b: Subscription): boolean {
	if (a === "all" || b === "all") return a === b;
	return a.size === b.size && [...a].every((name) => b.has(name));
}
