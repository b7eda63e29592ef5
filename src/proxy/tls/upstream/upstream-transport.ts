import type { Socket } from "node:net";
import type { TlsInfo } from "../../http/info/connection-info.ts";

/** Where a connection goes, as `net.connect` takes it. */
export interface DialTarget {
	/** IP address ... */
	readonly host: string;
	readonly port: number;
	/** ... or the path of a Unix socket in place of both. */
	readonly path?: string | undefined;
	/** Other addresses of the endpoint, tried when the first does not answer (happy eyeballs, RFC 8305). */
	readonly more?: readonly string[] | undefined;
	readonly localAddress?: string | undefined;
	readonly localPort?: number | undefined;
	/** Where Node puts what it reads (`codec/transport.ts`); used unless `readsByEvent` of the dialled connection says otherwise. */
	readonly onread?: OnRead | undefined;
}

export interface OnRead {
	readonly buffer: Uint8Array;
	readonly callback: (bytes: number, buf: Uint8Array) => boolean;
}

/** What one request or endpoint wants of a connection, beyond what the cluster says. Connections are shared by those that want the same. */
export interface TransportWishes {
	/** SNI (`auto_sni`, `upstream_server_name` of filter state). */
	readonly serverName?: string | undefined;
	/** The endpoint's `hostname`, for `auto_host_sni`. */
	readonly hostname?: string | undefined;
	/** Names of which the certificate must have one (`auto_san_validation`). */
	readonly names?: readonly string[] | undefined;
	/** In place of the context's ALPN (Istio's `istio.alpn`) ... */
	readonly alpn?: readonly string[] | undefined;
	/** ... or, when the context has none, what the protocol of the cluster asks for. */
	readonly fallbackAlpn?: readonly string[] | undefined;
	/** The client's connection, for a PROXY protocol header. */
	readonly client?: ProxiedClient | undefined;
}

/** What a PROXY protocol header tells of a client. */
export interface ProxiedClient {
	readonly sourceIp: string;
	readonly sourcePort: number;
	readonly destinationIp: string;
	readonly destinationPort: number;
	/** Type-length-values that the client's own PROXY header brought. */
	readonly tlvs: readonly { readonly type: number; readonly value: Uint8Array }[];
}

/** Told once that the connection may carry the request's bytes; when it fails, the socket closes with an error (`TlsFailure` for TLS). */
export interface DialUser {
	/** `tls` is undefined on plaintext connections. */
	onReady(tls: TlsInfo | undefined): void;
}

export interface Dialled {
	readonly socket: Socket;
	/** `onread` of the target could not be used: read by 'data' events. */
	readonly readsByEvent: boolean;
}

/** How a cluster's connections are secured: a compiled transport socket. */
export interface UpstreamTransport {
	/** Connections with the same key may be shared; "" where wishes make no difference. */
	keyOf(wishes: TransportWishes): string;
	/** Bytes may be sent from `onReady` on. */
	dial(target: DialTarget, wishes: TransportWishes, user: DialUser): Dialled;
	/** False while a secret is missing: connections would fail. */
	readonly ready: boolean;
	/** Calls `task` once, when all secrets are there or were waited for long enough. */
	whenSettled(task: () => void): void;
	/** True when TLS agrees on the application's protocol (ALPN). */
	readonly negotiates: boolean;
	/** No longer in force: nothing new is dialled. */
	readonly closed: boolean;
	close(): void;
}
