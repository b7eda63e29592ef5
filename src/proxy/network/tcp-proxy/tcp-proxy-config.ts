import type { AccessLog } from "../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { MetadataMatch } from "../../http/info/metadata-match.ts";
import type { TextFormat } from "../../router/format/text-format.ts";
import type { HeaderOperations } from "../../router/headers/header-operations.ts";

/** tcp_proxy: bytes to a cluster, whole connections at a time. */
export interface TcpProxyConfig {
	readonly statPrefix: string;
	/** Drawn by weight per connection; one entry for a plain cluster. */
	readonly clusters: readonly WeightedTarget[];
	/** Both directions quiet for this long: closed; 0 = never. */
	readonly idleTimeoutMs: number;
	/** 0 = however long. */
	readonly maxDurationMs: number;
	/** Up to this share of the duration is added by chance. */
	readonly maxDurationJitterPercent: number;
	readonly maxConnectAttempts: number;
	/** Between attempts; undefined: at once. */
	readonly backoff: { readonly baseMs: number; readonly maxMs: number } | undefined;
	/** What consistent balancers hash: the client's IP, or a value that a filter left. */
	readonly hashPolicy:
		| { readonly kind: "source-ip" }
		| { readonly kind: "filter-state"; readonly key: string }
		| undefined;
	/** Type-length-values for PROXY headers to endpoints; undefined: none of our own. */
	readonly tlvs: TlvSettings | undefined;
	/** The endpoint is called when the client's first bytes come (`upstream_connect_mode`). */
	readonly waitsForData: boolean;
	/** Connections end with the next bytes once the listener drains (`check_drain_close`). */
	readonly closesOnDrain: boolean;
	/** Undefined: bytes go to the endpoint as they are. */
	readonly tunneling: TunnelingSettings | undefined;
	readonly logging: TcpLogging;
}

export interface TlvSettings {
	readonly added: readonly { readonly type: number; readonly value: Uint8Array }[];
	/** Where the client's own header brought some: leave it at those, replace those of the same type, or append. */
	readonly policy: "absent" | "replace" | "append";
}

export interface WeightedTarget {
	readonly name: string;
	readonly weight: number;
	/** `envoy.lb` metadata that endpoints must have; undefined: none. */
	readonly metadataMatch: MetadataMatch | undefined;
}

/** A connection's bytes travel in an HTTP request. */
export interface TunnelingSettings {
	/** The request's authority, made for each connection. */
	readonly hostname: TextFormat;
	/** Path of a POST; undefined: CONNECT. */
	readonly postPath: string | undefined;
	readonly headers: HeaderOperations | undefined;
	/** Leave the answer's head and trailers in filter state. */
	readonly keepsHeaders: boolean;
	readonly keepsTrailers: boolean;
	/** The request gets an id; undefined: it does not. */
	readonly requestId: { readonly header: string; readonly metadataKey: string } | undefined;
}

export interface TcpLogging {
	/** Compiled by whoever wires listeners. */
	readonly accessLogs: readonly AccessLog[];
	/** 0 = at the end only. */
	readonly flushIntervalMs: number;
	readonly onStart: boolean;
	readonly onConnected: boolean;
}
