import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
	ClientResourceStatus,
	UpdateFailureStateSchema,
} from "../../../xds/generated/envoy/admin/v3/config_dump_shared_pb.ts";
import {
	type ClientConfig,
	type ClientConfig_GenericXdsConfig,
	ClientConfig_GenericXdsConfigSchema,
	ClientConfigSchema,
	type ClientStatusRequest,
	type ClientStatusResponse,
	ClientStatusResponseSchema,
	ConfigStatus,
} from "../../../xds/generated/envoy/service/status/v3/csds_pb.ts";
import { RESOURCE_TYPES } from "../../../xds/type-urls.ts";
import type { StreamSession } from "../stream-session.ts";
import type { TypeState } from "../type-state.ts";
import { compileNodeMatchers } from "./node-matcher.ts";

/** What connected proxies have, resource by resource (Envoy: Client Status Discovery Service); throws ConnectError on a matcher that cannot be. */
export function clientStatus(request: ClientStatusRequest, sessions: Iterable<StreamSession>): ClientStatusResponse {
	const matches = compileNodeMatchers(request.nodeMatchers);
	const config: ClientConfig[] = [];
	for (const session of sessions)
		if (matches(session.node)) config.push(configOf(session, !request.excludeResourceContents));
	return create(ClientStatusResponseSchema, { config });
}

function configOf({ node, types }: StreamSession, withContents: boolean): ClientConfig {
	const genericXdsConfigs = [...types.values()].flatMap((state) => [
		...sentOf(state, withContents),
		...absentOf(state),
	]);
	return create(ClientConfigSchema, { node, genericXdsConfigs });
}

function sentOf(state: TypeState, withContents: boolean): ClientConfig_GenericXdsConfig[] {
	const { typeUrl, nack, sentNonce, lastSent } = state;
	const refused = nack !== undefined && nack.nonce === sentNonce;
	return [...state.sent.values()].map(({ name, version, any }) => {
		const inQuestion = lastSent.has(name);
		const isRefused = refused && inQuestion;
		return create(ClientConfig_GenericXdsConfigSchema, {
			typeUrl,
			name,
			versionInfo: version,
			// Keys are nobody's business.
			...(withContents && typeUrl !== RESOURCE_TYPES.secret && { xdsConfig: any }),
			lastUpdated: timestampFromMs(state.sentAtEpochMs),
			...(inQuestion ? statusOfLast(state) : ACKED),
			...(isRefused && {
				errorState: create(UpdateFailureStateSchema, {
					details: nack.message,
					versionInfo: version,
					lastUpdateAttempt: timestampFromMs(nack.atEpochMs),
				}),
			}),
		});
	});
}

const ACKED = { configStatus: ConfigStatus.SYNCED, clientStatus: ClientResourceStatus.ACKED };

function statusOfLast(
	state: TypeState,
): typeof ACKED | { configStatus: ConfigStatus; clientStatus: ClientResourceStatus } {
	if (state.status === "ERROR") return { configStatus: ConfigStatus.ERROR, clientStatus: ClientResourceStatus.NACKED };
	if (state.status === "STALE")
		return { configStatus: ConfigStatus.STALE, clientStatus: ClientResourceStatus.REQUESTED };
	return ACKED;
}

/** What a proxy asks for and there is not. */
function absentOf({ typeUrl, names, sent }: TypeState): ClientConfig_GenericXdsConfig[] {
	return [...names]
		.filter((name) => !sent.has(name))
		.map((name) =>
			create(ClientConfig_GenericXdsConfigSchema, {
				typeUrl,
				name,
				configStatus: ConfigStatus.NOT_SENT,
				clientStatus: ClientResourceStatus.DOES_NOT_EXIST,
			}),
		);
}
