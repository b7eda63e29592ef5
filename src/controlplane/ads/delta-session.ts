import { create } from "@bufbuild/protobuf";
import {
	type DeltaDiscoveryRequest,
	type DeltaDiscoveryResponse,
	DeltaDiscoveryResponseSchema,
} from "../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { RESOURCE_TYPES } from "../../xds/type-urls.ts";
import { difference } from "./push-plan.ts";
import type { ResponseWriter, StreamSession } from "./stream-session.ts";
import type { TypeState, Update } from "./type-state.ts";

const RECONNECT_GRACE_MS = 5_000;

/** Writes updates as incremental responses. */
export function deltaWriter(send: (response: DeltaDiscoveryResponse) => void): ResponseWriter {
	return {
		protocol: "delta",
		write({ state, changed, removed }: Update, nonce) {
			send(
				create(DeltaDiscoveryResponseSchema, {
					typeUrl: state.typeUrl,
					systemVersionInfo: state.sentVersion,
					nonce,
					resources: changed.map(({ name, version, any }) => ({ name, version, resource: any })),
					removedResources: [...removed],
				}),
			);
		},
	};
}

/** Handles one request: an answer to a response, a changed subscription, or both. */
export function receiveDelta(session: StreamSession, request: DeltaDiscoveryRequest): void {
	const isFirst = !session.types.has(request.typeUrl);
	const state = session.type(request.typeUrl);
	if (request.responseNonce !== "" && !isFirst)
		session.recordAnswer(state, request.responseNonce, request.errorDetail?.message);
	if (isFirst)
		for (const [name, version] of Object.entries(request.initialResourceVersions)) state.claimed.set(name, version);
	const added = updateSubscription(state, request, isFirst);
	if (state.wildcard && (isFirst || added.has("*"))) sendWildcard(session, state);
	else if (added.size > 0) sendNamed(session, state, added);
}

/** Applies subscribe and unsubscribe lists; returns the names that were subscribed to, again or anew. */
function updateSubscription(state: TypeState, request: DeltaDiscoveryRequest, isFirst: boolean): ReadonlySet<string> {
	const added = new Set(request.resourceNamesSubscribe);
	if (added.has("*") || (isFirst && added.size === 0)) state.wildcard = true;
	for (const name of added) if (name !== "*") state.names.add(name);
	for (const name of request.resourceNamesUnsubscribe) {
		if (name === "*") state.wildcard = false;
		state.names.delete(name);
		if (!state.wildcard) state.sent.delete(name);
		state.claimed.delete(name);
	}
	state.changed();
	return added;
}

/**
 * Everything that the client does not have yet; even nothing is said, so that it knows that the list is whole. Clusters that
 * a returning client still has are taken away a little later, when its routes are renewed too.
 */
function sendWildcard(session: StreamSession, state: TypeState): void {
	const update = difference(state, session.current(state)) ?? { state, changed: [], removed: [] };
	const held = state.typeUrl === RESOURCE_TYPES.cluster && update.removed.length > 0;
	session.send(held ? { ...update, removed: [] } : update);
	if (held) session.pushLater(RECONNECT_GRACE_MS);
}

/** A resource that is subscribed to is always answered: sent, or named as not existing; only what the client brought along is not sent again. */
function sendNamed(session: StreamSession, state: TypeState, names: ReadonlySet<string>): void {
	const current = session.current(state, names);
	const found = new Set(current.map((r) => r.name));
	const changed = current.filter((r) => state.claimed.get(r.name) !== r.version);
	for (const resource of current) {
		state.claimed.delete(resource.name);
		state.sent.set(resource.name, resource);
	}
	const removed = [...names].filter((name) => name !== "*" && !found.has(name));
	for (const name of removed) state.claimed.delete(name);
	if (changed.length > 0 || removed.length > 0) session.send({ state, changed, removed });
	else session.recordConfirmed(state);
}
