import type { JsonObject } from "@bufbuild/protobuf";
import { fieldPath } from "../../../lib/field-path.ts";
import { type Problem, ProblemError } from "../../../lib/problem.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { Cluster_TransportSocketMatch } from "../../../xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import type { TransportSocket } from "../../../xds/generated/envoy/config/core/v3/base_pb.ts";
import { ProxyProtocolUpstreamTransportSchema } from "../../../xds/generated/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.ts";
import { RawBufferSchema } from "../../../xds/generated/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts";
import { UpstreamTlsContextSchema } from "../../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { missingSecrets } from "../context/common-tls.ts";
import { type ProxyProtocolRules, parseProxyProtocol } from "../proxy-protocol/proxy-protocol-config.ts";
import { ProxyProtocolTransport } from "../proxy-protocol/proxy-protocol-transport.ts";
import type { SecretReading } from "../secret/data-source.ts";
import type { TlsDeps } from "../tls-deps.ts";
import { TlsProblems } from "../tls-problems.ts";
import { RAW_TRANSPORT } from "./raw-transport.ts";
import { parseUpstreamTls, type UpstreamTlsConfig } from "./upstream-config.ts";
import { UpstreamTls } from "./upstream-tls.ts";
import type { UpstreamTransport } from "./upstream-transport.ts";

/** An upstream transport socket, checked. */
export type UpstreamTransportConfig =
	| { readonly kind: "raw" }
	| { readonly kind: "tls"; readonly tls: UpstreamTlsConfig }
	| { readonly kind: "proxy-protocol"; readonly rules: ProxyProtocolRules; readonly inner: UpstreamTransportConfig };

/** The transport sockets of a cluster: the first match by an endpoint's metadata wins, else the cluster's own. */
export interface ClusterTransportsConfig {
	readonly fallback: UpstreamTransportConfig;
	readonly matches: readonly {
		readonly name: string;
		readonly criteria: Readonly<Record<string, unknown>>;
		readonly transport: UpstreamTransportConfig;
	}[];
}

/** What a Cluster message says of transport sockets. */
export interface ClusterSockets {
	readonly transportSocket?: TransportSocket | undefined;
	readonly transportSocketMatches: readonly Cluster_TransportSocketMatch[];
}

/** Reads a cluster's `transport_socket` and `transport_socket_matches`; throws ProblemError (LTN38xx) with every problem. */
export function parseClusterTransports(
	{ transportSocket, transportSocketMatches }: ClusterSockets,
	path: string,
	environment: SecretReading["environment"],
): ClusterTransportsConfig {
	const at = fieldPath(path);
	const problems = new TlsProblems();
	const parse = (socket: TransportSocket | undefined, where: string): UpstreamTransportConfig => {
		try {
			return parseTransport(socket, where, environment);
		} catch (error) {
			if (!(error instanceof ProblemError)) throw error;
			problems.problems.push(...error.problems);
			return RAW;
		}
	};
	const config = {
		fallback: parse(transportSocket, at.field("transport_socket").toString()),
		matches: transportSocketMatches.map(({ name, match, transportSocket: socket }, i) => {
			const here = at.field("transport_socket_matches").index(i);
			if (name === "") problems.add("invalid", here.field("name"), "the field is required", "set it");
			return { name, criteria: match ?? {}, transport: parse(socket, here.field("transport_socket").toString()) };
		}),
	};
	if (problems.problems.length > 0) throw new ProblemError(problems.problems);
	return config;
}

const RAW: UpstreamTransportConfig = { kind: "raw" };

function parseTransport(
	socket: TransportSocket | undefined,
	path: string,
	environment: SecretReading["environment"],
): UpstreamTransportConfig {
	if (!socket) return RAW;
	const config = socket.configType.case === "typedConfig" ? socket.configType.value : undefined;
	const at = fieldPath(path).field("typed_config");
	if (unpackAs(config, RawBufferSchema)) return RAW;
	const tls = unpackAs(config, UpstreamTlsContextSchema);
	if (tls) return { kind: "tls", tls: parseUpstreamTls(tls, at.toString(), environment) };
	const problems = new TlsProblems();
	const proxied = unpackAs(config, ProxyProtocolUpstreamTransportSchema);
	if (!proxied) problems.notImplemented(at, `the transport socket "${socket.name}"`);
	const rules = parseProxyProtocol(proxied?.config, at.field("config"), problems);
	if (problems.problems.length > 0) throw new ProblemError(problems.problems);
	const inner = parseTransport(proxied?.transportSocket, at.field("transport_socket").toString(), environment);
	return { kind: "proxy-protocol", rules, inner };
}

/** Metadata that endpoints choose their transport by. */
const MATCH_KEY = "envoy.transport_socket_match";

type Metadata = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The transports of one cluster in service. */
export class ClusterTransports {
	readonly #fallback: UpstreamTransport;
	readonly #matches: readonly { readonly criteria: [string, unknown][]; readonly transport: UpstreamTransport }[];

	/** Connections tell of the client they are for (PROXY protocol). */
	readonly tellsOfClient: boolean;

	/** `statPrefix`: of the cluster, with its closing dot. */
	constructor(config: ClusterTransportsConfig, deps: TlsDeps, statPrefix: string) {
		const all = [config.fallback, ...config.matches.map(({ transport }) => transport)];
		this.tellsOfClient = all.some(({ kind }) => kind === "proxy-protocol");
		this.#fallback = openTransport(config.fallback, deps, statPrefix);
		this.#matches = config.matches.map(({ criteria, transport }) => ({
			criteria: Object.entries(criteria),
			transport: openTransport(transport, deps, statPrefix),
		}));
	}

	/** The transport to an endpoint with this metadata; endpoint's before locality's where both are given. */
	forEndpoint(metadata: Metadata, locality?: Metadata): UpstreamTransport {
		if (this.#matches.length === 0) return this.#fallback;
		const own = metadata[MATCH_KEY] ?? locality?.[MATCH_KEY] ?? {};
		const found = this.#matches.find(({ criteria }) => criteria.every(([key, value]) => sameValue(own[key], value)));
		return found?.transport ?? this.#fallback;
	}

	/** All transports, for warming and for `/certs`. */
	all(): readonly UpstreamTransport[] {
		return [this.#fallback, ...this.#matches.map(({ transport }) => transport)];
	}

	/** Calls `task` once, when the secrets of all transports are there or were waited for long enough. */
	whenSettled(task: () => void): void {
		let waiting = 1;
		const arrived = (): void => {
			waiting--;
			if (waiting === 0) task();
		};
		for (const transport of this.all()) {
			waiting++;
			transport.whenSettled(arrived);
		}
		arrived();
	}

	close(): void {
		for (const transport of this.all()) transport.close();
	}
}

/** A problem for each secret of these transports that is said to be in the bootstrap and is not. */
export function missingTransportSecrets(
	{ fallback, matches }: ClusterTransportsConfig,
	secrets: { hasStatic(name: string): boolean },
): Problem[] {
	return [fallback, ...matches.map(({ transport }) => transport)].flatMap((config) => {
		const inner = config.kind === "proxy-protocol" ? config.inner : config;
		return inner.kind === "tls" ? missingSecrets(inner.tls.common, secrets) : [];
	});
}

function openTransport(config: UpstreamTransportConfig, deps: TlsDeps, statPrefix: string): UpstreamTransport {
	switch (config.kind) {
		case "raw":
			return RAW_TRANSPORT;
		case "tls":
			return new UpstreamTls(config.tls, deps, statPrefix);
		default:
			return new ProxyProtocolTransport(config.rules, openTransport(config.inner, deps, statPrefix));
	}
}

function sameValue(a: unknown, b: unknown): boolean {
	if (a === b) return true;
	if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
	const [left, right] = [a as JsonObject, b as JsonObject];
	const keys = Object.keys(left);
	return keys.length === Object.keys(right).length && keys.every((key) => sameValue(left[key], right[key]));
}
