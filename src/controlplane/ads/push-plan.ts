import { RESOURCE_TYPES } from "../../xds/type-urls.ts";
import type { EncodedResource } from "./resource-encoder.ts";
import type { TypeState, Update } from "./type-state.ts";

/** A client as a push sees it. */
export interface PushTarget {
	readonly types: ReadonlyMap<string, TypeState>;
	/** EDS, if the client uses it. */
	readonly endpoints: TypeState | undefined;
	/** The resources that it subscribes to, as of now. */
	current(state: TypeState): readonly EncodedResource[];
}

/** One step of a push: what to send, if anything, and when the next step may begin. */
export interface PushStep {
	readonly state: TypeState;
	/** Computed when the step begins: it depends on what the client asked for meanwhile. */
	update(): Update | undefined;
	settled(): boolean;
}

const { cluster, endpoint, listener, route } = RESOURCE_TYPES;

/**
 * The steps of a push, make before break: new clusters, their endpoints, listeners, routes, and only when nothing routes to
 * them any more the removal of clusters. Types that the client does not use are left out.
 */
export function planPush(session: PushTarget, endpointsOnly: boolean): readonly PushStep[] {
	const steps: PushStep[] = [];
	const add = (typeUrl: string, make: (state: TypeState) => PushStep) => {
		const state = session.types.get(typeUrl);
		if (state) steps.push(make(state));
	};
	if (endpointsOnly) {
		add(endpoint, (state) => plainStep(session, state));
		return steps;
	}
	const others = [...session.types.keys()].filter((url) => ![cluster, endpoint, listener, route].includes(url));
	add(cluster, (state) => additionStep(session, state));
	add(endpoint, (state) => plainStep(session, state));
	for (const typeUrl of [listener, route, ...others]) add(typeUrl, (state) => plainStep(session, state));
	add(cluster, (state) => plainStep(session, state));
	return steps;
}

/** Everything that differs; done when the client has answered. */
function plainStep(session: PushTarget, state: TypeState): PushStep {
	return {
		state,
		update: () => difference(state, session.current(state)),
		settled: () => !state.awaiting,
	};
}

/** New and changed clusters only; done when the client has answered and asked for the endpoints of the new ones. */
function additionStep(session: PushTarget, state: TypeState): PushStep {
	let added: readonly EncodedResource[] = [];
	return {
		state,
		update() {
			const update = difference(state, session.current(state));
			added = (update?.changed ?? []).filter((r) => !state.sent.has(r.name));
			return update && update.changed.length > 0 ? { ...update, removed: [] } : undefined;
		},
		settled() {
			const names = session.endpoints?.names;
			return !state.awaiting && added.every((r) => r.needsEndpoints === undefined || names?.has(r.needsEndpoints));
		},
	};
}

/** What a client lacks of the present resources; undefined when nothing. */
export function difference(state: TypeState, current: readonly EncodedResource[]): Update | undefined {
	const changed = current.filter((r) => versionAtClient(state, r.name) !== r.version);
	const names = new Set(current.map((r) => r.name));
	const removed = [...new Set([...state.sent.keys(), ...state.claimed.keys()])].filter((name) => !names.has(name));
	for (const resource of current) confirm(state, resource);
	if (changed.length === 0 && removed.length === 0) return undefined;
	return { state, changed, removed };
}

function versionAtClient(state: TypeState, name: string): string | undefined {
	return state.sent.get(name)?.version ?? state.claimed.get(name);
}

/** A resource that the client brought from an earlier stream and that is still right counts as sent. */
function confirm(state: TypeState, resource: EncodedResource): void {
	if (state.claimed.get(resource.name) === resource.version) state.sent.set(resource.name, resource);
	state.claimed.delete(resource.name);
}
