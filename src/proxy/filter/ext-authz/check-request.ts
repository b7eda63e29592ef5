import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type {
	AttributeContext_HttpRequestSchema,
	AttributeContext_PeerSchema,
} from "../../../xds/generated/envoy/service/auth/v3/attribute_context_pb.ts";
import {
	type CheckRequest,
	CheckRequestSchema,
} from "../../../xds/generated/envoy/service/auth/v3/external_auth_pb.ts";
import type { CertificateInfo } from "../../http/info/connection-info.ts";
import type { FilterStream } from "../http-filter.ts";
import { type AuthzRequest, PARTIAL_BODY, type ShownHeaders } from "./authz-request.ts";

/** What the message holds beside the request. */
export interface CheckSettings {
	readonly shown: ShownHeaders;
	readonly packAsBytes: boolean;
	/** Headers as a list of bytes instead of a map of texts. */
	readonly rawHeaders: boolean;
	readonly peerCertificate: boolean;
	readonly tlsSession: boolean;
	readonly metadataNamespaces: readonly string[];
	readonly routeMetadataNamespaces: readonly string[];
}

/** The message of `envoy.service.auth.v3.Authorization/Check` for a request. */
export function checkRequestFor(request: AuthzRequest, settings: CheckSettings, id: string): CheckRequest {
	const { stream } = request;
	const { connection } = stream;
	const { tls } = connection;
	return create(CheckRequestSchema, {
		attributes: {
			source: {
				...checkedPeer(connection.sourceIp, connection.sourcePort, tls?.peer),
				service: stream.request.headers.get("x-envoy-downstream-service-cluster") ?? "",
				certificate: settings.peerCertificate && tls?.peer ? encodeURIComponent(tls.peer.pem()) : "",
			},
			destination: checkedPeer(connection.localIp, connection.localPort, tls?.local),
			request: { time: timestampFromMs(stream.info.startEpochMs), http: httpRequest(request, settings, id) },
			contextExtensions: { ...request.contextExtensions },
			metadataContext: { filterMetadata: metadataOf(stream, settings.metadataNamespaces) },
			routeMetadataContext: { filterMetadata: routeMetadataOf(stream, settings.routeMetadataNamespaces) },
			...(settings.tlsSession && { tlsSession: { sni: connection.requestedServerName ?? "" } }),
		},
	});
}

/** One end of a connection as a check names it: its address, and who its certificate says it is. */
export function checkedPeer(
	address: string,
	portValue: number,
	certificate: CertificateInfo | undefined,
): MessageInitShape<typeof AttributeContext_PeerSchema> {
	const principal = certificate?.uriSans[0] ?? certificate?.dnsSans[0] ?? certificate?.subject ?? "";
	const portSpecifier = { case: "portValue", value: portValue } as const;
	return { address: { address: { case: "socketAddress", value: { address, portSpecifier } } }, principal };
}

function httpRequest(
	{ stream, body }: AuthzRequest,
	settings: CheckSettings,
	id: string,
): MessageInitShape<typeof AttributeContext_HttpRequestSchema> {
	const { request, info } = stream;
	const headers = shownHeaders(stream, settings.shown);
	if (body) headers.push([PARTIAL_BODY, String(body.partial)]);
	return {
		id,
		method: request.method,
		path: readableText(request.path),
		host: readableText(request.authority),
		scheme: request.scheme,
		protocol: request.protocol,
		size: BigInt(info.bytesReceived),
		...(settings.rawHeaders
			? { headerMap: { headers: headers.map(([key, value]) => ({ key, rawValue: latin1Bytes(value) })) } }
			: { headers: joined(headers) }),
		...(body && (settings.packAsBytes ? { rawBody: body.bytes } : { body: decoded(body.bytes) })),
	};
}

function shownHeaders({ request }: FilterStream, { allowed, disallowed }: ShownHeaders): [string, string][] {
	const { headers, authority, path, method, scheme } = request;
	const all: [string, string][] = [
		[":authority", authority],
		[":path", path],
		[":method", method],
		[":scheme", scheme],
	];
	for (let i = 0; i < headers.size; i++) all.push([headers.names[i]!, headers.values[i]!]);
	return all.filter(([name]) => (allowed?.(name) ?? true) && !(disallowed?.(name) ?? false));
}

/** Several fields of one name are one text with commas. */
function joined(headers: readonly (readonly [string, string])[]): Record<string, string> {
	const map = new Map<string, string>();
	for (const [name, value] of headers) {
		const before = map.get(name);
		const text = readableText(value);
		map.set(name, before === undefined ? text : `${before},${text}`);
	}
	return Object.fromEntries(map);
}

function latin1Bytes(text: string): Uint8Array {
	return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

const NOT_ASCII = /[^\0-\x7f]/;

/** Header text holds bytes; a message's text is UTF-8, so what is none becomes `!`, as by Envoy. */
function readableText(text: string): string {
	return NOT_ASCII.test(text) ? decoded(latin1Bytes(text)) : text;
}

function decoded(bytes: Uint8Array): string {
	return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes).replaceAll("\ufffd", "!");
}

/** The stream's metadata, over the connection's of the same name. */
function metadataOf({ connection, info }: FilterStream, namespaces: readonly string[]): Record<string, JsonObject> {
	return pick(namespaces, (name) => info.dynamicMetadata.get(name) ?? connection.dynamicMetadata.get(name));
}

function routeMetadataOf(stream: FilterStream, namespaces: readonly string[]): Record<string, JsonObject> {
	if (namespaces.length === 0) return {};
	const metadata = stream.route()?.metadata;
	return pick(namespaces, (name) => metadata?.[name]);
}

function pick(namespaces: readonly string[], find: (name: string) => unknown): Record<string, JsonObject> {
	const found: Record<string, JsonObject> = {};
	for (const name of namespaces) {
		const value = find(name);
		if (value !== undefined) found[name] = value as JsonObject;
	}
	return found;
}
