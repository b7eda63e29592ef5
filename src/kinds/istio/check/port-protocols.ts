/** Protocols of Istio's ports (reference 10.1), upper case. */
const KNOWN = new Set([
	"HTTP",
	"HTTPS",
	"GRPC",
	"GRPC-WEB",
	"HTTP2",
	"MONGO",
	"TCP",
	"TLS",
	"REDIS",
	"MYSQL",
	"HTTP_PROXY",
	"UDP",
]);
const HTTP = new Set(["HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"]);
const TLS = new Set(["HTTPS", "TLS"]);

/** Names are compared without regard to case, as Istio does. */
export function isKnownProtocol(protocol: string): boolean {
	return KNOWN.has(protocol.toUpperCase());
}

export function isHttpProtocol(protocol: string): boolean {
	return HTTP.has(protocol.toUpperCase());
}

export function isTlsProtocol(protocol: string): boolean {
	return TLS.has(protocol.toUpperCase());
}
