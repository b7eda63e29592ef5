import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import type { ClientConfig } from "./client-config.ts";
import { h1Transport } from "./h1-transport.ts";
import { h2Transport } from "./h2-transport.ts";
import { connectionFailed, type Transport } from "./transport.ts";

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * A transport that asks the server once whether it speaks HTTP/2 (then all requests and watches share one connection)
 * and falls back to HTTP/1.1 keep-alive connections.
 */
export function connectTransport(config: ClientConfig): Transport {
	const url = new URL(config.server);
	if (url.protocol === "http:") return h1Transport(url, new HttpAgent({ keepAlive: true }));
	let chosen: Promise<Transport> | undefined;
	let closed = false;
	const choose = async (): Promise<Transport> => {
		const socket = await openTls(url, config, ["h2", "http/1.1"]);
		if (socket.alpnProtocol === "h2") return h2Transport(url, socket, () => openTls(url, config, ["h2"]));
		socket.destroy();
		return h1Transport(url, new HttpsAgent({ keepAlive: true, ...tlsOptions(config) }));
	};
	return {
		async request(request) {
			if (closed) throw connectionFailed(config.server, new Error("the client is closed"));
			chosen ??= choose();
			const transport = await chosen.catch((cause: unknown) => {
				chosen = undefined; // the next request tries again
				throw connectionFailed(config.server, cause);
			});
			if (closed) transport.close();
			return transport.request(request);
		},
		close() {
			closed = true;
			chosen?.then(
				(transport) => transport.close(),
				() => undefined, // never connected: whoever asked was told
			);
		},
	};
}

function tlsOptions(config: ClientConfig) {
	return {
		...(config.caPem === undefined ? {} : { ca: config.caPem }),
		...(config.clientCertPem === undefined ? {} : { cert: config.clientCertPem }),
		...(config.clientKeyPem === undefined ? {} : { key: config.clientKeyPem }),
		...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
		rejectUnauthorized: config.skipTlsVerify !== true,
	};
}

function openTls(url: URL, config: ClientConfig, protocols: string[]): Promise<TLSSocket> {
	return new Promise((resolve, reject) => {
		const host = url.hostname.replace(/^\[|\]$/g, "");
		const socket = tlsConnect({
			host,
			port: Number(url.port || 443),
			ALPNProtocols: protocols,
			...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }), // an address is no server name (RFC 6066)
			...tlsOptions(config),
		});
		socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error("connecting took too long")));
		socket.once("error", reject);
		socket.once("secureConnect", () => {
			socket.setTimeout(0);
			socket.off("error", reject);
			resolve(socket);
		});
	});
}
