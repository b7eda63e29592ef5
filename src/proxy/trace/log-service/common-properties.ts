import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Address, AddressSchema } from "../../../xds/generated/envoy/config/core/v3/address_pb.ts";
import {
	type AccessLogCommonSchema,
	ResponseFlags_Unauthorized_Reason,
	type ResponseFlagsSchema,
	type TLSProperties,
	TLSProperties_TLSVersion,
	TLSPropertiesSchema,
} from "../../../xds/generated/envoy/data/accesslog/v3/accesslog_pb.ts";
import type { CertificateInfo, TlsInfo } from "../../http/connection-info.ts";
import type { ResponseFlag } from "../../http/message.ts";
import type { StreamInfo } from "../../http/stream-info.ts";
import { splitAddress } from "../../router/format/address-operators.ts";

type Flags = MessageInitShape<typeof ResponseFlagsSchema>;

const FLAGS: Readonly<Partial<Record<ResponseFlag, Flags>>> = {
	LH: { failedLocalHealthcheck: true },
	UH: { noHealthyUpstream: true },
	UT: { upstreamRequestTimeout: true },
	LR: { localReset: true },
	UR: { upstreamRemoteReset: true },
	UF: { upstreamConnectionFailure: true },
	UC: { upstreamConnectionTermination: true },
	UO: { upstreamOverflow: true },
	NR: { noRouteFound: true },
	DI: { delayInjected: true },
	FI: { faultInjected: true },
	RL: { rateLimited: true },
	UAEX: { unauthorizedDetails: { reason: ResponseFlags_Unauthorized_Reason.EXTERNAL_SERVICE } },
	RLSE: { rateLimitServiceError: true },
	DC: { downstreamConnectionTermination: true },
	URX: { upstreamRetryLimitExceeded: true },
	SI: { streamIdleTimeout: true },
	IH: { invalidEnvoyRequestHeaders: true },
	DPE: { downstreamProtocolError: true },
	UMSDR: { upstreamMaxStreamDurationReached: true },
	NFCF: { noFilterConfigFound: true },
	DT: { durationTimeout: true },
	UPE: { upstreamProtocolError: true },
	NC: { noClusterFound: true },
	OM: { overloadManager: true },
	DF: { dnsResolutionFailure: true },
	DR: { downstreamRemoteReset: true },
};

/** What is told of every kind of stream. */
export function commonProperties(info: StreamInfo): MessageInitShape<typeof AccessLogCommonSchema> {
	const { connection, responseFlags, dynamicMetadata } = info;
	return {
		downstreamRemoteAddress: addressOf(info.downstreamRemoteAddress),
		downstreamDirectRemoteAddress: connection && socketOf(connection.sourceIp, connection.sourcePort),
		downstreamLocalAddress: addressOf(info.downstreamLocalAddress),
		tlsProperties: connection?.tls && tlsProperties(connection.tls, connection.requestedServerName),
		startTime: timestampFromMs(info.startEpochMs),
		...instants(info),
		upstreamRemoteAddress: addressOf(info.upstreamHost),
		upstreamLocalAddress: addressOf(info.upstreamLocalAddress),
		upstreamCluster: info.upstreamCluster ?? "",
		upstreamTransportFailureReason: info.upstreamTransportFailureReason,
		routeName: info.routeName ?? "",
		...(responseFlags.size > 0 && {
			responseFlags: Object.assign({}, ...[...responseFlags].map((flag) => FLAGS[flag])) as Flags,
		}),
		...(dynamicMetadata.size > 0 && {
			metadata: { filterMetadata: Object.fromEntries(dynamicMetadata) as Record<string, JsonObject> },
		}),
		upstreamRequestAttemptCount: info.attemptCount,
		connectionTerminationDetails: info.connectionTerminationDetails,
		streamId: info.requestId ?? "",
		downstreamTransportFailureReason: connection?.transportFailure ?? "",
	};
}

/** Durations since the first byte. */
function instants(info: StreamInfo) {
	const since = (ms: number | undefined) =>
		ms === undefined ? undefined : durationFromMs(Math.max(0, Math.round(ms - info.startMs)));
	const end = info.durationMs === undefined ? undefined : durationFromMs(Math.round(info.durationMs));
	return {
		timeToLastRxByte: since(info.requestReceivedMs),
		timeToLastUpstreamTxByte: since(info.upstreamSentMs),
		timeToFirstUpstreamRxByte: since(info.upstreamAnsweredMs),
		timeToLastDownstreamTxByte: end,
		duration: end,
	};
}

function addressOf(text: string | undefined): Address | undefined {
	if (!text) return undefined;
	const socket = text.startsWith("/") || text.startsWith("@") ? undefined : splitAddress(text);
	if (socket) return socketOf(socket.ip, socket.port);
	return create(AddressSchema, { address: { case: "pipe", value: { path: text } } });
}

function socketOf(address: string, port: number): Address {
	const portSpecifier = { case: "portValue", value: port } as const;
	return create(AddressSchema, { address: { case: "socketAddress", value: { address, portSpecifier } } });
}

const TLS_VERSIONS: Readonly<Record<string, TLSProperties_TLSVersion | undefined>> = {
	TLSv1: TLSProperties_TLSVersion.TLSv1,
	"TLSv1.1": TLSProperties_TLSVersion.TLSv1_1,
	"TLSv1.2": TLSProperties_TLSVersion.TLSv1_2,
	"TLSv1.3": TLSProperties_TLSVersion.TLSv1_3,
};

function tlsProperties(tls: TlsInfo, serverName: string | undefined): TLSProperties {
	return create(TLSPropertiesSchema, {
		tlsVersion: TLS_VERSIONS[tls.version] ?? TLSProperties_TLSVersion.VERSION_UNSPECIFIED,
		tlsSniHostname: serverName ?? "",
		tlsSessionId: tls.sessionId,
		localCertificateProperties: certificate(tls.local),
		peerCertificateProperties: certificate(tls.peer),
	});
}

function certificate(
	shown: CertificateInfo | undefined,
): MessageInitShape<typeof TLSPropertiesSchema>["localCertificateProperties"] {
	if (!shown) return undefined;
	return {
		subject: shown.subject,
		issuer: shown.issuer,
		subjectAltName: shown.uriSans.map((value) => ({ san: { case: "uri", value } })),
	};
}
