import { randomUUID } from "node:crypto";
import { SEEN } from "../../codec/known-names.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import type { RequestHead } from "../../http/message.ts";
import type { HcmConfig } from "../hcm-config.ts";
import type { HcmServices } from "../hcm-shared.ts";
import { isIpAddress } from "./internal-address.ts";

/** Fields that only internal clients may use to steer this proxy (Envoy: mutateRequestHeaders). */
const INTERNAL_ONLY = [
	"x-envoy-retriable-status-codes",
	"x-envoy-retriable-header-names",
	"x-envoy-retry-on",
	"x-envoy-retry-grpc-on",
	"x-envoy-max-retries",
	"x-envoy-upstream-alt-stat-name",
	"x-envoy-upstream-rq-timeout-ms",
	"x-envoy-upstream-rq-per-try-timeout-ms",
	"x-envoy-upstream-rq-timeout-alt-response",
	"x-envoy-expected-rq-timeout-ms",
	"x-envoy-force-trace",
	"x-envoy-ip-tags",
	"x-envoy-original-url",
	"x-envoy-hedge-on-per-try-timeout",
];
const EDGE_ONLY = [
	"x-envoy-decorator-operation",
	"x-envoy-downstream-service-cluster",
	"x-envoy-downstream-service-node",
	"x-envoy-original-path",
];

/** What a request's header rules go by besides the connection. */
export interface HeaderRules {
	readonly config: HcmConfig;
	/** The request asks to switch protocols. */
	readonly upgrade: boolean;
	/** The target does not name the scheme: x-forwarded-proto does. */
	readonly originForm: boolean;
	/** Fields that the route configuration keeps from clients outside. */
	readonly internalOnly: readonly string[];
	/** IP that stands for this node in x-forwarded-for when the peer is on loopback. */
	readonly nodeIp: string | undefined;
	/** This proxy's own name. */
	readonly node: HcmServices["node"];
}

const HOP_BY_HOP = SEEN.connection | SEEN.upgrade | SEEN.hopByHop | SEEN.transferEncoding;

/**
 * Envoy's rules for a request's fields at the connection manager: hop-by-hop fields go, x-forwarded-*, x-envoy-*, x-request-id and trace
 * fields are set or taken off by what is known of the client. Returns the client's address as far as it is trusted, or the status that the request is refused with. `seen` as the parser gave it.
 */
export function mutateRequestHeaders(
	request: RequestHead,
	seen: number,
	peer: ConnectionInfo,
	rules: HeaderRules,
): string | number {
	const { headers } = request;
	const { identity, via } = rules.config;
	if ((seen & HOP_BY_HOP) !== 0) stripHopByHop(headers, rules.upgrade);
	const client = identity.useRemoteAddress
		? acceptAtEdge(headers, seen, peer, rules)
		: acceptBehindProxy(headers, seen, peer, rules);
	if (typeof client === "number") return client;
	const { overwriteScheme } = rules.config;
	if (overwriteScheme) {
		headers.set("x-forwarded-proto", overwriteScheme);
		request.scheme = overwriteScheme;
	} else if (rules.originForm) request.scheme = schemeOf(headers.get("x-forwarded-proto"), peer);
	const internal = client.trusted && identity.internalRanges.some((range) => range.contains(client.ip));
	const edge = identity.useRemoteAddress && !internal;
	if ((seen & SEEN.envoy) !== 0) stripEnvoyFields(headers, internal, edge);
	if (internal) headers.set("x-envoy-internal", "true");
	else for (const name of rules.internalOnly) headers.remove(name);
	if (identity.addUserAgent) tellNode(headers, rules.node);
	if (via !== "") appendVia(headers, via);
	if (edge) headers.set("x-envoy-external-address", client.ip);
	identify(headers, seen, edge, rules);
	identity.clientCert.apply(headers, peer, (seen & SEEN.forwardedClientCert) !== 0);
	return client.ip;
}

/** As Envoy with `add_user_agent`: which service sends this. */
function tellNode(headers: HeaderMap, node: HcmServices["node"]): void {
	const { cluster = "", id = "" } = node ?? {};
	headers.set("x-envoy-downstream-service-cluster", cluster);
	if (!headers.get("user-agent")) headers.set("user-agent", cluster);
	if (id !== "") headers.set("x-envoy-downstream-service-node", id);
}

function schemeOf(forwardedProto: string | undefined, peer: ConnectionInfo): RequestHead["scheme"] {
	const named = forwardedProto?.toLowerCase();
	if (named === "https" || named === "http") return named;
	return peer.tls ? "https" : "http";
}

function identify(headers: HeaderMap, seen: number, edge: boolean, rules: HeaderRules): void {
	const { identity } = rules.config;
	if (identity.generateRequestId) setRequestId(headers, seen, edge && !identity.preserveExternalRequestId);
}

interface Client {
	readonly ip: string;
	/** Nobody in between could have made the address up. */
	readonly trusted: boolean;
}

function acceptAtEdge(headers: HeaderMap, seen: number, peer: ConnectionInfo, rules: HeaderRules): Client {
	const { identity } = rules.config;
	const hops = identity.xffNumTrustedHops;
	const fromProxies = hops > 0 ? lastForwarded(headers, hops - 1) : undefined;
	if (!identity.skipXffAppend) appendForwardedFor(headers, peer, rules);
	if (hops === 0 || (seen & SEEN.forwardedProto) === 0) headers.set("x-forwarded-proto", peer.tls ? "https" : "http");
	if (identity.appendForwardedPort && (hops === 0 || !headers.has("x-forwarded-port")))
		headers.set("x-forwarded-port", String(peer.localPort));
	return { ip: fromProxies ?? peer.sourceIp, trusted: (seen & SEEN.forwardedFor) === 0 };
}

function acceptBehindProxy(
	headers: HeaderMap,
	seen: number,
	peer: ConnectionInfo,
	rules: HeaderRules,
): Client | number {
	const { identity } = rules.config;
	const detected = identity.detections.length > 0 ? detect(headers, peer, rules) : undefined;
	if ((seen & SEEN.forwardedProto) === 0) headers.append("x-forwarded-proto", peer.tls ? "https" : "http");
	if (identity.appendForwardedPort && !headers.has("x-forwarded-port"))
		headers.set("x-forwarded-port", String(peer.localPort));
	if (detected !== undefined) return detected;
	if ((seen & SEEN.forwardedFor) === 0) return { ip: peer.sourceIp, trusted: false };
	const ip = lastForwarded(headers, identity.xffNumTrustedHops);
	const single = !headers.getJoined("x-forwarded-for")!.includes(",");
	return ip === undefined ? { ip: peer.sourceIp, trusted: false } : { ip, trusted: single };
}

/** The first extension that knows the client's address counts, else the peer is the client. */
function detect(headers: HeaderMap, peer: ConnectionInfo, rules: HeaderRules): Client | number {
	for (const detection of rules.config.identity.detections) {
		const found = detection(headers, peer.sourceIp);
		if (typeof found === "number") return found;
		const { ip, trusted, appendsPeer } = found;
		if (appendsPeer) appendForwardedFor(headers, peer, rules);
		if (ip !== undefined) return { ip, trusted };
	}
	return { ip: peer.sourceIp, trusted: false };
}

/** Adds the direct peer to x-forwarded-for; a peer on this machine is known by the machine's address. */
function appendForwardedFor(headers: HeaderMap, peer: ConnectionInfo, { nodeIp }: HeaderRules): void {
	const own = nodeIp !== undefined && isLoopback(peer.sourceIp) ? nodeIp : peer.sourceIp;
	const before = headers.getJoined("x-forwarded-for");
	headers.set("x-forwarded-for", before ? `${before},${own}` : own);
}

/** The address `skip` places before the last one in x-forwarded-for. */
function lastForwarded(headers: HeaderMap, skip: number): string | undefined {
	const addresses = headers.getJoined("x-forwarded-for")?.split(",") ?? [];
	const ip = addresses.at(-1 - skip)?.trim();
	return ip !== undefined && isIpAddress(ip) ? ip : undefined;
}

function isLoopback(ip: string): boolean {
	return ip === "127.0.0.1" || ip === "::1";
}

function stripHopByHop(headers: HeaderMap, upgrade: boolean): void {
	if (upgrade) {
		if (!headers.has("transfer-encoding") && !headers.has("content-length")) headers.append("content-length", "0");
	} else {
		headers.remove("connection");
		headers.remove("upgrade");
	}
	headers.remove("keep-alive");
	headers.remove("proxy-connection");
	headers.remove("transfer-encoding");
	const te = headers.getJoined("te");
	if (te === undefined || te === "trailers") return;
	if (te.split(",").some((coding) => coding.trim().toLowerCase() === "trailers")) headers.set("te", "trailers");
	else headers.remove("te");
}

function stripEnvoyFields(headers: HeaderMap, internal: boolean, edge: boolean): void {
	headers.remove("x-envoy-internal");
	if (internal) return;
	if (edge) for (const name of EDGE_ONLY) headers.remove(name);
	for (const name of INTERNAL_ONLY) headers.remove(name);
}

function setRequestId(headers: HeaderMap, seen: number, replace: boolean): void {
	if ((seen & SEEN.requestId) === 0) headers.append("x-request-id", randomUUID());
	else if (replace) headers.set("x-request-id", randomUUID());
}

/** Adds ourselves to `via`. */
export function appendVia(headers: HeaderMap, via: string): void {
	const before = headers.getJoined("via");
	headers.set("via", before ? `${before}, ${via}` : via);
}
