import type { RequestHead } from "../../http/message.ts";
import { requestHeader } from "../../router/match/request-header.ts";
import type { FilterStream } from "../http-filter.ts";
import { peerObject, type WorkloadMetadata } from "../workload-metadata.ts";

/** The value of a label that the configuration computes per request; undefined: unknown. */
export type Dimension = (stream: FilterStream) => string | undefined;

const path = ({ path: whole }: RequestHead) => whole.split("?", 1)[0];

/** Attributes of CEL expressions that this proxy knows (Envoy: attributes). */
const ATTRIBUTES: Readonly<Record<string, Dimension>> = {
	"request.host": ({ request }) => request.authority,
	"request.method": ({ request }) => request.method,
	"request.path": ({ request }) => request.path,
	"request.url_path": ({ request }) => path(request),
	"request.query": ({ request }) => request.path.split("?", 2)[1] ?? "",
	"request.scheme": ({ request }) => request.scheme,
	"request.protocol": ({ request }) => request.protocol,
	"request.id": ({ info }) => info.requestId,
	"request.useragent": ({ request }) => request.headers.get("user-agent"),
	"request.referer": ({ request }) => request.headers.get("referer"),
	"response.code": ({ info }) => String(info.responseCode),
	"response.code_details": ({ info }) => info.responseCodeDetails,
	"source.address": ({ info }) => info.downstreamRemoteAddress,
	"destination.address": ({ info }) => info.downstreamLocalAddress,
	"destination.port": ({ connection }) => String(connection.localPort),
	"source.port": ({ connection }) => String(connection.sourcePort),
	"upstream.address": ({ info }) => info.upstreamHost,
	"connection.requested_server_name": ({ connection }) => connection.requestedServerName,
	"connection.mtls": ({ connection }) => String(connection.tls?.peer !== undefined),
	"connection.uri_san_peer_certificate": ({ connection }) => connection.tls?.peer?.uriSans[0],
	"connection.uri_san_local_certificate": ({ connection }) => connection.tls?.local?.uriSans[0],
	"xds.cluster_name": ({ info }) => info.upstreamCluster,
	"xds.route_name": ({ info }) => info.routeName,
	"xds.virtual_host_name": ({ info }) => info.virtualHostName,
};

const LITERAL = /^(?:'([^'\\]*)'|"([^"\\]*)")$/;
const REQUEST_HEADER = /^request\.headers\[(?:'([^'\\]+)'|"([^"\\]+)")\]$/;
const RESPONSE_HEADER = /^response\.headers\[(?:'([^'\\]+)'|"([^"\\]+)")\]$/;
/** Istio: `filter_state.upstream_peer.workload`, `filter_state.downstream_peer.labels['team']`. */
const PEER = /^filter_state\.(downstream_peer|upstream_peer)\.(\w+)(?:\[(?:'([^'\\]+)'|"([^"\\]+)")\])?$/;
const AS_STRING = /^string\((.*)\)$/s;

/** Compiles an expression of a metric's dimension: a literal or one attribute; undefined: this proxy cannot evaluate it. */
export function compileDimension(expression: string): Dimension | undefined {
	const text = expression.trim();
	const wrapped = AS_STRING.exec(text);
	if (wrapped) return compileDimension(wrapped[1]!);
	const literal = LITERAL.exec(text);
	if (literal) return () => literal[1] ?? literal[2];
	const peer = PEER.exec(text);
	if (peer) return ofPeer(peer[1]!, peer[2]!, peer[3] ?? peer[4]);
	const asked = REQUEST_HEADER.exec(text);
	if (asked) {
		const name = (asked[1] ?? asked[2])!.toLowerCase();
		return ({ request }) => requestHeader(request, name);
	}
	const answered = RESPONSE_HEADER.exec(text);
	if (answered) {
		const name = (answered[1] ?? answered[2])!.toLowerCase();
		return ({ response }) => response?.headers.getJoined(name);
	}
	return Object.hasOwn(ATTRIBUTES, text) ? ATTRIBUTES[text] : undefined;
}

function ofPeer(key: string, member: string, label: string | undefined): Dimension | undefined {
	if ((member === "labels") !== (label !== undefined)) return undefined;
	return ({ info }) => {
		const peer = info.filterState.get(key) as WorkloadMetadata | undefined;
		if (label !== undefined) return peer?.labels[label];
		return peer && (peerObject(key, peer) as Readonly<Record<string, string>>)[member];
	};
}
