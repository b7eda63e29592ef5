import { create } from "@bufbuild/protobuf";
import {
	type DiscoveryRequest,
	type DiscoveryResponse,
	DiscoveryResponseSchema,
} from "../../xds/generated/envoy/service/discovery/v3/discovery_pb.ts";
import { RESOURCE_TYPES } from "../../xds/type-urls.ts";
import type { ResponseWriter, StreamSession } from "./stream-session.ts";
import type { TypeState, Update } from "./type-state.ts";

/** Types whose responses are the whole state: what is missing from one is gone. */
const WHOLE_STATE: ReadonlySet<string> = new Set([RESOURCE_TYPES.cluster, RESOURCE_TYPES.listener]);

/** Writes updates as state-of-the-world responses. */
export function sotwWriter(send: (response: DiscoveryResponse) => void): ResponseWriter {
	return {
		protocol: "sotw",
		write({ state, changed }: Update, nonce) {
			// For the other types a response may hold only what changed (xDS protocol, "Grouping Resources Into Responses").
			const resources = WHOLE_STATE.has(state.typeUrl) ? [...state.sent.values()] : changed;
			send(
				create(DiscoveryResponseSchema, {
					typeUrl: state.typeUrl,
					versionInfo: state.sentVersion,
					nonce,
					resources: resources.map((r) => r.any),
				}),
			);
		},
	};
}

/** Handles one request: an answer to a response, a changed subscription, or both. */
export function receiveSotw(session: StreamSession, request: DiscoveryRequest): void {
	const isFirst = !session.types.has(request.typeUrl);
	const state = session.type(request.typeUrl);
	if (request.responseNonce !== "" && !isFirst) {
		const isCurrent = session.recordAnswer(state, request.responseNonce, request.errorDetail?.message);
		// A request about an older response was overtaken by our newer one; the client will answer that too.
		if (!isCurrent) return;
	}
	const added = updateSubscription(state, request.resourceNames);
	if (!isFirst && added.size === 0) return;
	answerSubscription(session, state, { isFirst, added });
}

/** Takes over the client's full list of names; returns those that are new. */
function updateSubscription(state: TypeState, resourceNames: readonly string[]): Set<string> {
	const wanted = new Set(resourceNames);
	// A client that never named a resource of these types wants all; once it named one, an empty list means none.
	state.wildcard = wanted.has("*") || (wanted.size === 0 && WHOLE_STATE.has(state.typeUrl) && state.names.size === 0);
	wanted.delete("*");
	const added = new Set([...wanted].filter((name) => !state.names.has(name)));
	for (const name of [...state.names].filter((known) => !wanted.has(known))) {
		state.names.delete(name);
		if (!state.wildcard) state.sent.delete(name);
	}
	for (const name of added) state.names.add(name);
	state.changed();
	return added;
}

function answerSubscription(
	session: StreamSession,
	state: TypeState,
	{ isFirst, added }: { isFirst: boolean; added: ReadonlySet<string> },
): void {
	if (state.wildcard || WHOLE_STATE.has(state.typeUrl)) {
		const current = session.current(state);
		const names = new Set(current.map((r) => r.name));
		// Clusters that are on their way out stay until the push that is under way removes them.
		const changed = isFirst ? current : current.filter((r) => !state.sent.has(r.name));
		if (isFirst || changed.some((r) => names.has(r.name))) session.send({ state, changed, removed: [] });
		return;
	}
	const changed = session.current(state, added);
	if (changed.length > 0) session.send({ state, changed, removed: [] });
}
