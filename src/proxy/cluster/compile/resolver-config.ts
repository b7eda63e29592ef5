/** Whom a cluster asks for addresses (Envoy: typed_dns_resolver_config). */
export interface ResolverConfig {
	/** `ip:port` of name servers, asked in this order; empty: the system's. */
	readonly servers: readonly string[];
	/** The servers are asked only when the system knows none. */
	readonly asFallback: boolean;
	/** Names are the system's to resolve (getaddrinfo); otherwise name servers are asked, the hosts file first. */
	readonly bySystem: boolean;
	readonly timeoutMs: number;
	readonly tries: number;
}
