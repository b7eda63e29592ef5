import type { FieldPath } from "../../../lib/field-path.ts";
import type { ClusterLookup } from "../../cluster/cluster.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { ResponseHead } from "../../http/message.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { DOWNSTREAM_PEER, UPSTREAM_PEER } from "../filter-state-keys.ts";
import type { FilterStream, HttpFilter, HttpFilterFactory } from "../http-filter.ts";
import { readingConfig, readPlainObject } from "../problem-path.ts";
import { decodePeerMetadata, encodePeerMetadata, type WorkloadMetadata } from "../workload-metadata.ts";

export const PEER_ID_HEADER = "x-envoy-peer-metadata-id";
export const PEER_HEADER = "x-envoy-peer-metadata";

/** Longer values are not read: nobody's metadata is so long. */
const MAX_VALUE_LENGTH = 16 * 1024;
const PEER_CACHE_SIZE = 500;

export interface MetadataExchangeDeps {
	readonly node: WorkloadMetadata;
	readonly clusters: ClusterLookup;
}

/** Which sides the config turns on. Discovery reads and removes a peer's headers, propagation adds this proxy's. */
interface Exchange {
	readonly readRequest: boolean;
	readonly readResponse: boolean;
	readonly writeRequest: boolean;
	readonly writeResponse: boolean;
}

interface Shared {
	readonly exchange: Exchange;
	readonly deps: MetadataExchangeDeps;
	readonly ownValue: string;
	readonly peers: PeerCache;
}

/**
 * Istio's `istio.metadata_exchange` (peer_metadata): both ends of a call tell each other who they are. The headers never reach the
 * application and never leave the mesh: a request that may go to an external cluster carries none.
 */
export function metadataExchangeFilter(deps: MetadataExchangeDeps): HttpFilterFactory {
	const ownValue = encodePeerMetadata(deps.node);
	return {
		typeUrl: "type.googleapis.com/io.istio.http.peer_metadata.Config",
		parse(config, path, name) {
			const exchange = readingConfig(path, (at, problems) => parseExchange(config, at, problems));
			const shared: Shared = { exchange, deps, ownValue, peers: new PeerCache() };
			return { name, create: () => new ExchangeStream(shared) };
		},
	};
}

const FIELDS = [
	"downstream_discovery",
	"upstream_discovery",
	"downstream_propagation",
	"upstream_propagation",
] as const;

function parseExchange(config: unknown, at: FieldPath, problems: ProblemList): Exchange {
	const fields = readPlainObject(config, FIELDS, at, problems);
	const [readRequest, readResponse, writeResponse, writeRequest] = FIELDS.map((name) =>
		usesHeaders(fields[name], at.field(name), problems),
	);
	return {
		readRequest: readRequest!,
		readResponse: readResponse!,
		writeRequest: writeRequest!,
		writeResponse: writeResponse!,
	};
}

/** True when the list of methods names the headers. Workload discovery has no source here, so the next method is used, as Istio does without one. */
function usesHeaders(methods: unknown, at: FieldPath, problems: ProblemList): boolean {
	if (methods === undefined) return false;
	if (!Array.isArray(methods)) {
		problems.add("invalid", at, "this is no list of methods");
		return false;
	}
	let uses = false;
	methods.forEach((method: unknown, i) => {
		const names = typeof method === "object" && method !== null ? Object.keys(method) : [];
		if (names.includes("istio_headers")) uses = true;
		else if (!names.includes("workload_discovery"))
			problems.notImplemented(at.index(i), `the method ${names.join(", ") || "without a name"}`);
	});
	return uses;
}

class ExchangeStream implements HttpFilter {
	readonly #shared: Shared;
	/** A peer that sent its headers gets ours back. */
	#peerAsked = false;

	constructor(shared: Shared) {
		this.#shared = shared;
	}

	decodeHeaders(stream: FilterStream): "continue" {
		const { exchange, deps, ownValue, peers } = this.#shared;
		const { headers } = stream.request;
		if (mayHavePeer(headers)) {
			if (exchange.readRequest) {
				this.#peerAsked = headers.has(PEER_HEADER);
				const peer = peers.read(headers);
				if (peer) stream.info.filterState.set(DOWNSTREAM_PEER, peer);
			}
			// Whatever stands there is not this proxy's word.
			removePeerHeaders(headers);
		}
		if (exchange.writeRequest && !mayLeaveMesh(stream, deps.clusters)) writeOwn(headers, deps.node.id, ownValue);
		return "continue";
	}

	encodeHeaders(stream: FilterStream, { headers }: ResponseHead): "continue" {
		const { exchange, deps, ownValue, peers } = this.#shared;
		if (mayHavePeer(headers)) {
			const peer = exchange.readResponse ? peers.read(headers) : undefined;
			if (peer) stream.info.filterState.set(UPSTREAM_PEER, peer);
			removePeerHeaders(headers);
		}
		if (exchange.writeResponse && this.#peerAsked) writeOwn(headers, deps.node.id, ownValue);
		return "continue";
	}
}

function writeOwn(headers: HeaderMap, id: string, value: string): void {
	headers.append(PEER_ID_HEADER, id);
	headers.append(PEER_HEADER, value);
}

/** One look at the names' lengths instead of a search for each; most messages of the outside have none. */
function mayHavePeer({ names }: HeaderMap): boolean {
	for (let i = 0; i < names.length; i++) {
		const { length } = names[i]!;
		if (length === PEER_HEADER.length || length === PEER_ID_HEADER.length) return true;
	}
	return false;
}

function removePeerHeaders(headers: HeaderMap): void {
	headers.remove(PEER_ID_HEADER);
	headers.remove(PEER_HEADER);
}

/** True when a cluster that the route may draw is outside the mesh, or not known to be inside. */
function mayLeaveMesh(stream: FilterStream, clusters: ClusterLookup): boolean {
	const action = stream.route()?.action;
	return (
		action?.kind !== "forward" || action.forward.clusters(stream.request).some((name) => isExternal(name, clusters))
	);
}

function isExternal(name: string, clusters: ClusterLookup): boolean {
	const cluster = clusters.get(name);
	// A name from a pattern that takes any destination says nothing about where the request goes.
	if (!cluster || name === "PassthroughCluster" || name === "AllowAnyDynamicDNSCluster") return true;
	const istio = cluster.info.metadata.istio;
	return istio?.external === true || istio?.disable_mx === true;
}

/** Peers by the text of their header, so that it is decoded once per peer. */
class PeerCache {
	readonly #peers = new Map<string, WorkloadMetadata | undefined>();

	read(headers: HeaderMap): WorkloadMetadata | undefined {
		const value = headers.get(PEER_HEADER);
		if (value === undefined || value.length > MAX_VALUE_LENGTH) return undefined;
		const known = this.#peers.get(value);
		if (known) return known;
		if (this.#peers.size >= PEER_CACHE_SIZE) this.#peers.clear();
		const peer = decodePeerMetadata(headers.get(PEER_ID_HEADER) ?? "", value);
		this.#peers.set(value, peer);
		return peer;
	}
}
