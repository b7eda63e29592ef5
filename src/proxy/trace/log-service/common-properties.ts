import { create, fromJson, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import {
	anyPack,
	type Duration,
	DurationSchema,
	StringValueSchema,
	StructSchema,
	timestampFromMs,
} from "@bufbuild/protobuf/wkt";
import { type Address, AddressSchema } from "../../../xds/generated/envoy/config/core/v3/address_pb.ts";
import {
	type AccessLogCommonSchema,
	AccessLogType,
	ResponseFlags_Unauthorized_Reason,
	type ResponseFlagsSchema,
	type TLSProperties,
	TLSProperties_TLSVersion,
	TLSPropertiesSchema,
} from "../../../xds/generated/envoy/data/accesslog/v3/accesslog_pb.ts";
import type { CertificateInfo, TlsInfo } from "../../http/info/connection-info.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { ResponseFlag } from "../../http/message.ts";
import { splitAddress } from "../../router/format/address-operators.ts";
import type { FormatContext } from "../../router/format/format-context.ts";
import { type EntryExtras, stateOf, tagsOf } from "./log-settings.ts";

const ACCESS_LOG_TYPES: Readonly<Record<string, AccessLogType | undefined>> = AccessLogType;

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
export function commonProperties(
	ctx: FormatContext,
	extras: EntryExtras,
): MessageInitShape<typeof AccessLogCommonSchema> {
	const { info } = ctx;
	const { connection, responseFlags, dynamicMetadata, downstreamMeter, upstreamMeter } = info;
	const ended = info.durationMs !== undefined;
	return {
		filterStateObjects: Object.fromEntries(
			Object.entries(stateOf(extras, ctx)).map(([key, value]) => [
				key,
				typeof value === "string"
					? anyPack(StringValueSchema, create(StringValueSchema, { value }))
					: anyPack(StructSchema, fromJson(StructSchema, value)),
			]),
		),
		customTags: tagsOf(extras, ctx),
		intermediateLogEntry: !ended,
		accessLogType: ACCESS_LOG_TYPES[ctx.accessLogType ?? "DownstreamEnd"] ?? AccessLogType.NotSet,
		downstreamWireBytesSent: BigInt(downstreamMeter?.wireSent ?? 0),
		downstreamWireBytesReceived: BigInt(downstreamMeter?.wireReceived ?? 0),
		upstreamWireBytesSent: BigInt(upstreamMeter?.wireSent ?? 0),
		upstreamWireBytesReceived: BigInt(upstreamMeter?.wireReceived ?? 0),
		downstreamRemoteAddress: addressOf(info.downstreamRemoteAddress),
		downstreamDirectRemoteAddress: connection && socketOf(connection.sourceIp, connection.sourcePort),
		downstreamLocalAddress: addressOf(info.downstreamLocalAddress),
		tlsProperties: connection?.tls && tlsProperties(connection.tls, connection.requestedServerName),
		startTime: timestampFromMs(Math.floor(info.startEpochMs)),
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
	const since = (ms: number | undefined) => (ms === undefined ? undefined : durationOf(ms - info.startMs));
	const end = info.durationMs === undefined ? undefined : durationOf(info.durationMs);
	return {
		timeToLastRxByte: since(info.requestReceivedMs),
		timeToFirstUpstreamTxByte: since(info.upstreamFirstSentMs),
		timeToLastUpstreamTxByte: since(info.upstreamSentMs),
		timeToFirstUpstreamRxByte: since(info.upstreamAnsweredMs),
		timeToLastUpstreamRxByte: since(info.upstreamEndMs),
		timeToFirstDownstreamTxByte: since(info.downstreamSentMs),
		// A connection that is no HTTP has no such instant.
		timeToLastDownstreamTxByte: info.protocol === undefined ? undefined : end,
		duration: end,
	};
}

/** To the microsecond. */
function durationOf(ms: number): Duration {
	const us = Math.max(0, Math.round(ms * 1000));
	return create(DurationSchema, { seconds: BigInt(Math.floor(us / 1e6)), nanos: (us % 1e6) * 1000 });
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

/** Numbers of cipher suites (IANA) by OpenSSL's names. */
const CIPHER_SUITES: Readonly<Record<string, number | undefined>> = {
	TLS_AES_128_GCM_SHA256: 0x1301,
	TLS_AES_256_GCM_SHA384: 0x1302,
	TLS_CHACHA20_POLY1305_SHA256: 0x1303,
	"ECDHE-ECDSA-AES128-GCM-SHA256": 0xc02b,
	"ECDHE-ECDSA-AES256-GCM-SHA384": 0xc02c,
	"ECDHE-RSA-AES128-GCM-SHA256": 0xc02f,
	"ECDHE-RSA-AES256-GCM-SHA384": 0xc030,
	"ECDHE-ECDSA-CHACHA20-POLY1305": 0xcca9,
	"ECDHE-RSA-CHACHA20-POLY1305": 0xcca8,
	"ECDHE-ECDSA-AES128-SHA": 0xc009,
	"ECDHE-ECDSA-AES256-SHA": 0xc00a,
	"ECDHE-RSA-AES128-SHA": 0xc013,
	"ECDHE-RSA-AES256-SHA": 0xc014,
	"AES128-GCM-SHA256": 0x9c,
	"AES256-GCM-SHA384": 0x9d,
	"AES128-SHA": 0x2f,
	"AES256-SHA": 0x35,
};

function tlsProperties(tls: TlsInfo, serverName: string | undefined): TLSProperties {
	return create(TLSPropertiesSchema, {
		tlsCipherSuite: CIPHER_SUITES[tls.cipher],
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
