/** What is known of a client's connection; one object per connection, shared by its streams. */
export interface ConnectionInfo {
	/** Grows by one per connection of the process (Envoy: %CONNECTION_ID%). */
	readonly id: number;
	/** IP of the direct peer; "" on a Unix socket. */
	readonly remoteIp: string;
	readonly remotePort: number;
	/** Where the client meant to go: changed by `original_dst` and the PROXY protocol. */
	localIp: string;
	localPort: number;
	/** Our end as it was accepted, whatever was restored since. */
	readonly acceptedIp?: string;
	readonly acceptedPort?: number;
	/** What the PROXY protocol said of the client, when it spoke; the peer itself otherwise. */
	sourceIp: string;
	sourcePort: number;
	/** The two addresses as `sourceAddress` and `localAddress` told them last. */
	sourceText?: AddressText | undefined;
	localText?: AddressText | undefined;
	/** SNI as tls_inspector saw it; what a handshake that ends here said is `tls.sni` (as in Envoy, where this one is empty without the inspector). */
	requestedServerName: string | undefined;
	/** ALPN: what the handshake agreed on, or what http_inspector found in plaintext. */
	applicationProtocol: string | undefined;
	transportProtocol: "raw_buffer" | "tls";
	/** Undefined on plaintext connections. */
	tls: TlsInfo | undefined;
	/** Filter state of connection scope, e.g. what network filters leave for HTTP filters. */
	readonly filterState: Map<string, unknown>;
	/** Bytes sent to the client as far as its connection manager has told; 0 where none serves it. */
	sentBytes?: number;
	/** The listener that accepted it. */
	listener?: ConnectionListener | undefined;
	/** Name of the filter chain that serves it; undefined before one was chosen. */
	filterChainName?: string | undefined;
	/** Its `filter_metadata`. */
	filterChainMetadata?: Metadata | undefined;
	/** Why it was not secured or not recognised (%DOWNSTREAM_TRANSPORT_FAILURE_REASON%). */
	transportFailure?: string | undefined;
	/** Why the proxy itself ended it (%DOWNSTREAM_LOCAL_CLOSE_REASON%). */
	localCloseReason?: string | undefined;
	/** Dynamic metadata that listener and network filters set (PROXY protocol TLVs). */
	readonly dynamicMetadata: Map<string, Record<string, unknown>>;
}

interface AddressText {
	readonly ip: string;
	readonly port: number;
	readonly text: string;
}

/** `ip:port` of the client; made once for a connection's requests. */
export function sourceAddress(connection: ConnectionInfo): string {
	const { sourceIp, sourcePort, sourceText } = connection;
	if (sourceText?.ip === sourceIp && sourceText.port === sourcePort) return sourceText.text;
	connection.sourceText = { ip: sourceIp, port: sourcePort, text: hostPort(sourceIp, sourcePort) };
	return connection.sourceText.text;
}

/** `ip:port` of where the client meant to go. */
export function localAddress(connection: ConnectionInfo): string {
	const { localIp, localPort, localText } = connection;
	if (localText?.ip === localIp && localText.port === localPort) return localText.text;
	connection.localText = { ip: localIp, port: localPort, text: hostPort(localIp, localPort) };
	return connection.localText.text;
}

/** `ip:port`, an IPv6 address in brackets. */
export function hostPort(ip: string, port: number): string {
	return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

type Metadata = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What format operators tell of a listener. */
export interface ConnectionListener {
	readonly name: string;
	readonly metadata: Metadata;
}

/** One finished TLS handshake; texts as Envoy's format operators print them. */
export interface TlsInfo {
	/** `TLSv1.2`, `TLSv1.3`. */
	readonly version: string;
	/** OpenSSL's name of the cipher. */
	readonly cipher: string;
	readonly alpn: string | undefined;
	readonly sni: string | undefined;
	/** Hex; "" when there is none (TLS 1.3 before tickets). */
	readonly sessionId: string;
	/** The other side showed a certificate and it was verified against the validation context. */
	readonly peerValidated: boolean;
	readonly peer: CertificateInfo | undefined;
	readonly local: CertificateInfo | undefined;
}

export interface CertificateInfo {
	/** RFC 2253, as Envoy prints it: `CN=client,OU=...`. */
	readonly subject: string;
	readonly issuer: string;
	/** Lower-case hex. */
	readonly serial: string;
	readonly uriSans: readonly string[];
	readonly dnsSans: readonly string[];
	readonly ipSans: readonly string[];
	readonly emailSans: readonly string[];
	/** Other names, without their kind. */
	readonly otherSans: readonly string[];
	/** Lower-case hex. */
	readonly sha256: string;
	readonly sha1: string;
	/** Epoch milliseconds. */
	readonly notBeforeMs: number;
	readonly notAfterMs: number;
	/** PEM of the certificate itself; made when asked for. */
	pem(): string;
	/** PEM of the certificate and what was sent with it. */
	chainPem(): string;
	/** The certificate and what was sent with it. */
	chain(): readonly CertificateInfo[];
	/** Who signed it, as far as that was sent or is an authority here. */
	signer(): CertificateInfo | undefined;
}

/** The addresses of a socket, as `node:net` tells them. */
export interface SocketAddresses {
	readonly remoteAddress?: string | undefined;
	readonly remotePort?: number | undefined;
	readonly localAddress?: string | undefined;
	readonly localPort?: number | undefined;
}

let lastId = 0;

/** The next connection's number; connections of clients and to endpoints are counted together, as in Envoy. */
export function nextConnectionId(): number {
	return ++lastId;
}

/** What is known of a connection of which nothing but its socket is known yet. */
export function plainConnection(socket: SocketAddresses): ConnectionInfo {
	const remoteIp = plainIp(socket.remoteAddress ?? "");
	const remotePort = socket.remotePort ?? 0;
	const localIp = plainIp(socket.localAddress ?? "");
	const localPort = socket.localPort ?? 0;
	return {
		id: ++lastId,
		remoteIp,
		remotePort,
		localIp,
		localPort,
		acceptedIp: localIp,
		acceptedPort: localPort,
		sourceIp: remoteIp,
		sourcePort: remotePort,
		sourceText: undefined,
		localText: undefined,
		requestedServerName: undefined,
		applicationProtocol: undefined,
		transportProtocol: "raw_buffer",
		tls: undefined,
		sentBytes: 0,
		filterChainName: undefined,
		filterChainMetadata: undefined,
		listener: undefined,
		transportFailure: undefined,
		localCloseReason: undefined,
		filterState: new Map(),
		dynamicMetadata: new Map(),
	};
}

/** `::ffff:127.0.0.1` → `127.0.0.1`. */
function plainIp(ip: string): string {
	return ip.startsWith("::ffff:") ? ip.slice(7) : ip;
}
