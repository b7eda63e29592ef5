import { fieldsSize, requestHeadSize, responseHeadSize } from "../../http/head-size.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { CertificateInfo, TlsInfo } from "../../http/info/connection-info.ts";
import type { ResponseFlag } from "../../http/message.ts";
import { splitAddress } from "../format/address-operators.ts";
import type { FormatContext } from "../format/format-context.ts";
import { grpcStatusOf } from "../format/grpc-status-of.ts";

/** Reads one attribute; undefined: there is none. */
export type Attribute = (ctx: FormatContext) => unknown;

/** Bits of `response.flags` (Envoy: CoreResponseFlag). */
const FLAG_ORDER: readonly (ResponseFlag | "RFCF")[] = [
	...(["LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC", "URX"] as const),
	...(["SI", "IH", "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF", "DO", "DR", "UDO"] as const),
];

const text = (value: string | undefined) => (value === "" ? undefined : value);
const header = (headers: HeaderMap | undefined) =>
	headers && { get: (name: string) => headers.getJoined(name.toLowerCase()) };

const REQUEST: Readonly<Record<string, Attribute>> = {
	path: ({ request }) => text(request?.path),
	url_path: ({ request }) => text(request?.path)?.split("?", 1)[0],
	query: ({ request }) => text(request?.path) && (request!.path.split("?", 2)[1] ?? ""),
	host: ({ request }) => text(request?.authority),
	scheme: ({ request }) => request?.scheme,
	method: ({ request }) => text(request?.method),
	headers: ({ request }) => {
		if (!request) return undefined;
		const pseudo: Record<string, string> = {
			":path": request.path,
			":method": request.method,
			":authority": request.authority,
			":scheme": request.scheme,
		};
		return { get: (name: string) => pseudo[name] ?? request.headers.getJoined(name.toLowerCase()) };
	},
	referer: ({ request }) => request?.headers.get("referer"),
	useragent: ({ request }) => request?.headers.get("user-agent"),
	id: ({ request }) => request?.headers.get("x-request-id"),
	protocol: ({ info }) => info.protocol,
	size: ({ info, request }) => {
		const length = request?.headers.get("content-length");
		return length !== undefined && /^\d+$/.test(length) ? Number(length) : info.bytesReceived;
	},
	total_size: ({ info, request }) => info.bytesReceived + (request ? requestHeadSize(request) : 0),
};

const RESPONSE: Readonly<Record<string, Attribute>> = {
	code: ({ info }) => (info.responseCode > 0 ? info.responseCode : undefined),
	code_details: ({ info }) => text(info.responseCodeDetails),
	flags: ({ info }) => [...info.responseFlags].reduce((bits, flag) => bits + 2 ** FLAG_ORDER.indexOf(flag), 0),
	grpc_status: grpcStatusOf,
	headers: ({ response }) => header(response?.headers),
	trailers: ({ trailers }) => header(trailers),
	size: ({ info }) => info.bytesSent,
	total_size: ({ info, response, trailers }) =>
		info.bytesSent + (response ? responseHeadSize(response) : 0) + (trailers ? fieldsSize(trailers) : 0),
};

const CERTIFICATES: Readonly<Record<string, (certificate: CertificateInfo) => string | undefined>> = {
	subject: ({ subject }) => text(subject),
	dns_san: ({ dnsSans }) => dnsSans[0],
	uri_san: ({ uriSans }) => uriSans[0],
};

/** `subject_local_certificate`, `uri_san_peer_certificate` and the like. */
function certificateAttributes(tlsOf: (ctx: FormatContext) => TlsInfo | undefined): Record<string, Attribute> {
	const found: Record<string, Attribute> = {
		tls_version: (ctx) => tlsOf(ctx)?.version,
		sha256_peer_certificate_digest: (ctx) => tlsOf(ctx)?.peer?.sha256,
	};
	for (const side of ["local", "peer"] as const)
		for (const [what, read] of Object.entries(CERTIFICATES))
			found[`${what}_${side}_certificate`] = (ctx) => {
				const certificate = tlsOf(ctx)?.[side];
				return certificate && read(certificate);
			};
	return found;
}

const CONNECTION: Readonly<Record<string, Attribute>> = {
	...certificateAttributes(({ info }) => info.connection?.tls),
	id: ({ info }) => info.connection?.id,
	mtls: ({ info }) => info.connection?.tls?.peer !== undefined,
	requested_server_name: ({ info }) => info.requestedServerName ?? info.connection?.requestedServerName ?? "",
	termination_details: ({ info }) => text(info.connectionTerminationDetails),
	transport_failure_reason: ({ info }) => text(info.connection?.transportFailure),
};

const UPSTREAM: Readonly<Record<string, Attribute>> = {
	...certificateAttributes(({ info }) => info.upstreamTls),
	address: ({ info }) => info.upstreamHost,
	port: ({ info }) => splitAddress(info.upstreamHost)?.port,
	local_address: ({ info }) => info.upstreamLocalAddress,
	transport_failure_reason: ({ info }) => text(info.upstreamTransportFailureReason),
	request_attempt_count: ({ info }) => info.attemptCount,
};

const XDS: Readonly<Record<string, Attribute>> = {
	cluster_name: ({ info }) => info.upstreamCluster,
	cluster_metadata: ({ info }) => filterMetadata(info.upstreamClusterMetadata),
	upstream_host_metadata: ({ info }) => filterMetadata(info.upstreamEndpoint?.metadata),
	route_name: ({ info }) => info.routeName,
	route_metadata: ({ route }) => filterMetadata(route?.metadata),
	virtual_host_name: ({ info }) => info.virtualHostName,
	listener_metadata: ({ info }) => filterMetadata(info.connection?.listener?.metadata),
	filter_chain_name: ({ info }) => info.connection?.filterChainName,
};

const filterMetadata = (metadata: unknown) => (metadata === undefined ? undefined : { filter_metadata: metadata });

/** Name of a group → its attributes (Envoy: attributes). */
export const ATTRIBUTES: Readonly<Record<string, Readonly<Record<string, Attribute>>>> = {
	request: REQUEST,
	response: RESPONSE,
	connection: CONNECTION,
	source: {
		address: ({ info }) => info.downstreamRemoteAddress,
		port: ({ info }) => splitAddress(info.downstreamRemoteAddress)?.port,
	},
	destination: {
		address: ({ info }) => info.downstreamLocalAddress,
		port: ({ info }) => splitAddress(info.downstreamLocalAddress)?.port,
	},
	upstream: UPSTREAM,
	xds: XDS,
	metadata: { filter_metadata: ({ info }) => info.dynamicMetadata },
};
