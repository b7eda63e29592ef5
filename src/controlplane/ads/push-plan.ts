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
	const clusters: ClusterChange = { leaving: new Set(), warming: new Set() };
	const others = [...session.types.keys()].filter((url) => ![cluster, endpoint, listener, route].includes(url));
	add(cluster, (state) => additionStep(session, state, clusters));
	add(endpoint, (state) => endpointStep(session, state, clusters));
	for (const typeUrl of [listener, route, ...others]) add(typeUrl, (state) => plainStep(session, state));
	add(cluster, (state) => plainStep(session, state));
	return steps;
}

/** What the first cluster step leaves for the endpoints' step, as EDS names. */
interface ClusterChange {
	/** Clusters that go when the routes are there: until then their endpoints stay as they are. */
	readonly leaving: Set<string>;
	/** Clusters that changed: Envoy warms them as if they were new and waits for endpoints, changed or not. */
	readonly warming: Set<string>;
}

/** Everything that differs; done when the client has answered. */
function plainStep(session: PushTarget, state: TypeState): PushStep {
	return {
		state,
		update: () => difference(state, session.current(state)),
		settled: () => !state.awaiting,
	};
}

/**
 * New and changed clusters only. Done when the client has asked for the endpoints of the new ones; its answer may take
 * longer, because Envoy holds it back until all clusters are warm, for which changed ones need endpoints first.
 */
function additionStep(session: PushTarget, state: TypeState, change: ClusterChange): PushStep {
	let added: readonly EncodedResource[] = [];
	return {
		state,
		update() {
			const update = difference(state, session.current(state));
			if (!update) return undefined;
			added = update.changed.filter((r) => !state.sent.has(r.name));
			for (const name of update.removed) note(change.leaving, state.sent.get(name));
			for (const resource of update.changed) if (state.sent.has(resource.name)) note(change.warming, resource);
			return update.changed.length > 0 ? { ...update, removed: [] } : undefined;
		},
		settled() {
			const names = session.endpoints?.names;
			const isAnswered = !state.awaiting || change.warming.size > 0;
			return isAnswered && added.every((r) => r.needsEndpoints === undefined || names?.has(r.needsEndpoints));
		},
	};
}

function note(names: Set<string>, resource: EncodedResource | undefined): void {
	if (resource?.needsEndpoints !== undefined) names.add(resource.needsEndpoints);
}

/** Endpoints that differ and those of changed clusters, but none of clusters that are about to go. Done when all clusters are warm. */
function endpointStep(session: PushTarget, state: TypeState, { leaving, warming }: ClusterChange): PushStep {
	return {
		state,
		update() {
			const staying = session.current(state).filter((r) => !leaving.has(r.name));
			const { changed = [], removed = [] } = difference(state, staying) ?? {};
			const differing = new Set(changed);
			const again = staying.filter((r) => warming.has(r.name) && !differing.has(r));
			if (changed.length + again.length === 0 && removed.every((name) => leaving.has(name))) return undefined;
			return { state, changed: [...changed, ...again], removed: removed.filter((name) => !leaving.has(name)) };
		},
		settled: () => !state.awaiting && session.types.get(cluster)?.awaiting !== true,
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
