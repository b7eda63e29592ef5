import { connect, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { ClusterConfig } from "../../cluster/cluster-config.ts";
import { isSocketPath } from "../../cluster/compile/endpoint-place.ts";
import type { ChannelTls, GoogleChannel } from "../../tls/google-channel.ts";
import type { TlsDeps } from "../../tls/tls-deps.ts";
import { ClusterTransports } from "../../tls/upstream/cluster-transports.ts";
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

/** A target as gRPC writes it: `unix:/path`, `unix-abstract:name`, `dns:///host:port`, `ipv4:1.2.3.4:80`, `host:port`; with TLS where it has some. */
export function dialOfChannel({ uri, tls }: GoogleChannel): Dial {
	const [, abstract, name] = /^unix(-abstract)?:(?:\/\/)?(.+)$/.exec(uri) ?? [];
	if (name !== undefined) {
		const path = abstract ? `\0${name}` : name;
		const open = () => connect({ path });
		return { url: "http://localhost", connect: tls ? () => secured({ socket: open() }, "localhost", tls) : open };
	}
	const place = uri.replace(/^(?:dns:(?:\/\/[^/]*\/)?|ipv4:|ipv6:)/, "");
	const url = new URL(`http://${place}`);
	const host = url.hostname.replace(/^\[|\]$/g, "");
	const port = Number(url.port || (tls ? 443 : 80));
	return { url: `http://${place}`, connect: tls && (() => secured({ host, port }, host, tls)) };
}

/** The server must show a certificate for its name. */
function secured(options: ConnectionOptions, name: string, { ca, cert, key }: ChannelTls): Socket {
	return connectTls({
		...options,
		ALPNProtocols: ["h2"],
		...(isIP(name) === 0 && { servername: name }),
		...(ca && { ca }),
		...(cert && { cert }),
		...(key && { key }),
	});
}

function firstEndpoint({ discovery }: ClusterConfig) {
	return "endpoints" in discovery ? discovery.endpoints.endpoints[0] : undefined;
}
