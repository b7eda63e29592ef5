import { connect, type Socket } from "node:net";
import type { ClusterConfig } from "../cluster/cluster-config.ts";
import { isSocketPath } from "../cluster/endpoint-place.ts";
import { ClusterTransports } from "../tls/cluster-transports.ts";
import type { TlsDeps } from "../tls/tls-deps.ts";
import type { SecuredCluster } from "./secured-clusters.ts";

/** Where a gRPC service is, and how a connection to it is made. */
export interface Dial {
	/** `http://host:port`; a name only where `connect` goes elsewhere. */
	readonly url: string;
	/** Undefined: plain TCP to the URL. */
	readonly connect: (() => Socket) | undefined;
}

/** How to reach the first endpoint of a cluster: over TCP, a Unix socket, with its transport socket. Undefined when it has none. */
export function dialOf(config: SecuredCluster, tls: TlsDeps): Dial | undefined {
	const first = firstEndpoint(config);
	if (!first) return undefined;
	const { host, port } = first;
	const path = isSocketPath(first) ? host.replace(/^@/, "\0") : undefined;
	const url = path === undefined ? `http://${host.includes(":") ? `[${host}]` : host}:${port}` : "http://localhost";
	if (config.sockets) {
		const transports = new ClusterTransports(config.sockets, tls, `cluster.${config.statName}.`);
		const user = { onReady: () => {} };
		const dial = () =>
			transports
				.forEndpoint(first.metadata)
				.dial({ host, port, path }, { fallbackAlpn: ["h2"], hostname: first.hostname }, user);
		return { url, connect: () => dial().socket };
	}
	return { url, connect: path === undefined ? undefined : () => connect({ path }) };
}

/** A target as gRPC writes it: `unix:/path`, `unix-abstract:name`, `dns:///host:port`, `ipv4:1.2.3.4:80`, `host:port`. */
export function dialOfUri(uri: string): Dial {
	const [, abstract, name] = /^unix(-abstract)?:(?:\/\/)?(.+)$/.exec(uri) ?? [];
	if (name !== undefined) {
		const path = abstract ? `\0${name}` : name;
		return { url: "http://localhost", connect: () => connect({ path }) };
	}
	return { url: `http://${uri.replace(/^(?:dns:(?:\/\/[^/]*\/)?|ipv4:|ipv6:)/, "")}`, connect: undefined };
}

function firstEndpoint({ discovery }: ClusterConfig) {
	return "endpoints" in discovery ? discovery.endpoints.endpoints[0] : undefined;
}
