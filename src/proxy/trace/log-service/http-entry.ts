import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { RequestMethod } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type HTTPAccessLogEntry,
	HTTPAccessLogEntry_HTTPVersion,
	HTTPAccessLogEntrySchema,
	type HTTPRequestPropertiesSchema,
	type HTTPResponsePropertiesSchema,
	type TCPAccessLogEntry,
	TCPAccessLogEntrySchema,
} from "../../../xds/generated/envoy/data/accesslog/v3/accesslog_pb.ts";
import { requestHeadSize, responseHeadSize } from "../../http/head-size.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { StreamInfo } from "../../http/info/stream-info.ts";
import type { Protocol, RequestHead, ResponseHead } from "../../http/message.ts";
import type { FormatContext } from "../../router/format/format-context.ts";
import { firstRequestHeader } from "../../router/match/request-header.ts";
import { commonProperties } from "./common-properties.ts";
import type { EntryExtras } from "./log-settings.ts";

/** Fields that are logged beside what is always there; lower-case names. */
export interface MoreFields {
	readonly request: readonly string[];
	readonly response: readonly string[];
	readonly trailers: readonly string[];
}

const VERSIONS: Readonly<Record<Protocol, HTTPAccessLogEntry_HTTPVersion>> = {
	"HTTP/1.0": HTTPAccessLogEntry_HTTPVersion.HTTP10,
	"HTTP/1.1": HTTPAccessLogEntry_HTTPVersion.HTTP11,
	"HTTP/2": HTTPAccessLogEntry_HTTPVersion.HTTP2,
};
const METHODS: Readonly<Record<string, RequestMethod | undefined>> = {
	GET: RequestMethod.GET,
	HEAD: RequestMethod.HEAD,
	POST: RequestMethod.POST,
	PUT: RequestMethod.PUT,
	DELETE: RequestMethod.DELETE,
	CONNECT: RequestMethod.CONNECT,
	OPTIONS: RequestMethod.OPTIONS,
	TRACE: RequestMethod.TRACE,
	PATCH: RequestMethod.PATCH,
};

/** What a log service is told of a finished request. */
export function httpEntry(ctx: FormatContext, more: MoreFields, extras: EntryExtras): HTTPAccessLogEntry {
	const { info, request, response, trailers } = ctx;
	return create(HTTPAccessLogEntrySchema, {
		commonProperties: commonProperties(ctx, extras),
		protocolVersion: info.protocol ? VERSIONS[info.protocol] : HTTPAccessLogEntry_HTTPVersion.PROTOCOL_UNSPECIFIED,
		request:
			request && request.method !== ""
				? requestProperties(request, info, more.request)
				: {
						requestBodyBytes: BigInt(info.bytesReceived),
						downstreamHeaderBytesReceived: BigInt(info.downstreamMeter?.headerReceived ?? 0),
					},
		response: responseProperties(response, trailers, info, more),
	});
}

/** What a log service is told of a connection. */
export function tcpEntry(ctx: FormatContext, extras: EntryExtras): TCPAccessLogEntry {
	const { bytesReceived, bytesSent } = ctx.info;
	return create(TCPAccessLogEntrySchema, {
		commonProperties: commonProperties(ctx, extras),
		connectionProperties: { receivedBytes: BigInt(bytesReceived), sentBytes: BigInt(bytesSent) },
	});
}

function requestProperties(
	request: RequestHead,
	info: StreamInfo,
	more: readonly string[],
): MessageInitShape<typeof HTTPRequestPropertiesSchema> {
	const { method, path, authority, scheme, headers } = request;
	return {
		requestMethod: METHODS[method] ?? RequestMethod.METHOD_UNSPECIFIED,
		scheme,
		authority,
		path,
		userAgent: headers.get("user-agent") ?? "",
		referer: headers.get("referer") ?? "",
		forwardedFor: headers.get("x-forwarded-for") ?? "",
		requestId: headers.get("x-request-id") ?? "",
		originalPath: headers.get("x-envoy-original-path") ?? "",
		requestHeadersBytes: BigInt(requestHeadSize(request)),
		requestBodyBytes: BigInt(info.bytesReceived),
		requestHeaders: chosenOf(request, more),
		upstreamHeaderBytesSent: BigInt(info.upstreamMeter?.headerSent ?? 0),
		downstreamHeaderBytesReceived: BigInt(info.downstreamMeter?.headerReceived ?? 0),
	};
}

function responseProperties(
	response: ResponseHead | undefined,
	trailers: HeaderMap | undefined,
	info: StreamInfo,
	more: MoreFields,
): MessageInitShape<typeof HTTPResponsePropertiesSchema> {
	const headers = response?.headers;
	return {
		...(info.responseCode > 0 && { responseCode: info.responseCode }),
		responseCodeDetails: info.responseCodeDetails,
		responseHeadersBytes: BigInt(response ? responseHeadSize(response) : 0),
		responseBodyBytes: BigInt(info.bytesSent),
		responseHeaders: chosen(headers, more.response),
		responseTrailers: chosen(trailers, more.trailers),
		upstreamHeaderBytesReceived: BigInt(info.upstreamMeter?.headerReceived ?? 0),
		downstreamHeaderBytesSent: BigInt(info.downstreamMeter?.headerSent ?? 0),
	};
}

function chosenOf(request: RequestHead, names: readonly string[]): Record<string, string> {
	const fields = chosen(request.headers, names);
	for (const name of names) {
		if (!name.startsWith(":")) continue;
		const value = firstRequestHeader(request, name);
		if (value !== undefined) fields[name] = value;
	}
	return fields;
}

function chosen(headers: HeaderMap | undefined, names: readonly string[]): Record<string, string> {
	const fields: Record<string, string> = {};
	for (const name of names) {
		const value = headers?.getJoined(name);
		if (value !== undefined) fields[name] = value;
	}
	return fields;
}
