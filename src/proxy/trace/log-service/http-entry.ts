import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { RequestMethod } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import {
	type HTTPAccessLogEntry,
	HTTPAccessLogEntry_HTTPVersion,
	HTTPAccessLogEntrySchema,
	type HTTPRequestPropertiesSchema,
	type HTTPResponsePropertiesSchema,
} from "../../../xds/generated/envoy/data/accesslog/v3/accesslog_pb.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { Protocol, RequestHead, ResponseHead } from "../../http/message.ts";
import type { StreamInfo } from "../../http/stream-info.ts";
import type { FormatContext } from "../../router/format/format-context.ts";
import { commonProperties } from "./common-properties.ts";

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
export function httpEntry({ info, request, response, trailers }: FormatContext, more: MoreFields): HTTPAccessLogEntry {
	return create(HTTPAccessLogEntrySchema, {
		commonProperties: commonProperties(info),
		protocolVersion: info.protocol ? VERSIONS[info.protocol] : HTTPAccessLogEntry_HTTPVersion.PROTOCOL_UNSPECIFIED,
		request: request
			? requestProperties(request, info, more.request)
			: { requestBodyBytes: BigInt(info.bytesReceived) },
		response: responseProperties(response, trailers, info, more),
	});
}

function requestProperties(
	{ method, path, authority, scheme, headers }: RequestHead,
	info: StreamInfo,
	more: readonly string[],
): MessageInitShape<typeof HTTPRequestPropertiesSchema> {
	const pseudo = [":method", method, ":path", path, ":authority", authority, ":scheme", scheme];
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
		requestHeadersBytes: BigInt(lengthOf(pseudo) + lengthOf(headers.names) + lengthOf(headers.values)),
		requestBodyBytes: BigInt(info.bytesReceived),
		requestHeaders: chosen(headers, more),
	};
}

function responseProperties(
	response: ResponseHead | undefined,
	trailers: HeaderMap | undefined,
	info: StreamInfo,
	more: MoreFields,
): MessageInitShape<typeof HTTPResponsePropertiesSchema> {
	const headers = response?.headers;
	const status = ":status".length + 3;
	return {
		...(info.responseCode > 0 && { responseCode: info.responseCode }),
		responseCodeDetails: info.responseCodeDetails,
		responseHeadersBytes: BigInt(headers ? status + lengthOf(headers.names) + lengthOf(headers.values) : 0),
		responseBodyBytes: BigInt(info.bytesSent),
		responseHeaders: chosen(headers, more.response),
		responseTrailers: chosen(trailers, more.trailers),
	};
}

function lengthOf(texts: readonly string[]): number {
	return texts.reduce((sum, text) => sum + text.length, 0);
}

function chosen(headers: HeaderMap | undefined, names: readonly string[]): Record<string, string> {
	const fields: Record<string, string> = {};
	for (const name of names) {
		const value = headers?.getJoined(name);
		if (value !== undefined) fields[name] = value;
	}
	return fields;
}
