import type { CertificateInfo, ConnectionInfo, TlsInfo } from "../../http/info/connection-info.ts";

/** For tests: a plaintext connection from 10.0.0.9 to 10.0.0.1:8080. */
export function testConnection(known: Partial<ConnectionInfo> = {}): ConnectionInfo {
	return {
		id: 1,
		remoteIp: "10.0.0.9",
		remotePort: 4000,
		localIp: "10.0.0.1",
		localPort: 8080,
		sourceIp: "10.0.0.9",
		sourcePort: 4000,
		requestedServerName: undefined,
		applicationProtocol: undefined,
		transportProtocol: "raw_buffer",
		tls: undefined,
		filterState: new Map(),
		dynamicMetadata: new Map(),
		...known,
	};
}

/** For tests: a handshake with a client certificate of these names. */
export function testTls(peer: Partial<CertificateInfo> | undefined, known: Partial<TlsInfo> = {}): TlsInfo {
	const pem = () => "PEM";
	const certificate = { subject: "", issuer: "", serial: "1", sha256: "", sha1: "", notBeforeMs: 0, notAfterMs: 0 };
	const names = { uriSans: [], dnsSans: [], ipSans: [], emailSans: [], otherSans: [] };
	return {
		version: "TLSv1.3",
		cipher: "TLS_AES_128_GCM_SHA256",
		alpn: undefined,
		sni: undefined,
		sessionId: "",
		peerValidated: peer !== undefined,
		peer: peer && { ...certificate, ...names, pem, chainPem: pem, chain: () => [], signer: () => undefined, ...peer },
		local: undefined,
		...known,
	};
}
