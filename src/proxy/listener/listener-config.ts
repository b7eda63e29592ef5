import type { AccessLog } from "../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.ts";
import type { HcmConfig } from "../hcm/hcm-config.ts";
import type { ConnectionInfo, ConnectionListener } from "../http/info/connection-info.ts";
import type { NetworkFilterConfig } from "../network/network-filter.ts";
import type { TcpProxyConfig } from "../network/tcp-proxy/tcp-proxy-config.ts";
import type { PlainTerminal } from "../network/terminal/plain-terminal.ts";
import type { DownstreamTransport } from "./downstream-transport.ts";
import type { ListenerFilterConfig } from "./inspect/listener-filter.ts";
import type { MatchedConnection } from "./match/chain-index.ts";

/** A listener's configuration, read and checked (`parse/parse-listener.ts`). */
export interface ListenerConfig {
	readonly name: string;
	/** The address of the listener, then its additional ones; the first names its stats. */
	readonly addresses: readonly BindAddress[];
	/** False: it has no socket of its own and gets connections from a listener that restores destinations. */
	readonly bindToPort: boolean;
	/** Connections whose destination was restored go to the listener of that address, when there is one. */
	readonly useOriginalDst: boolean;
	/** Several processes may bind the same address (enable_reuse_port). */
	readonly reusePort: boolean;
	/** Undefined: the system's. */
	readonly backlog: number | undefined;
	readonly keepAlive: TcpKeepAlive | undefined;
	/** The part behind `listener.` in its stats. */
	readonly statPrefix: string;
	/** The default chain among them. */
	readonly chains: readonly FilterChainConfig[];
	/** The chain that serves a connection; undefined: none does, the connection is closed. */
	pickChain(connection: Candidate): FilterChainConfig | undefined;
	readonly listenerFilters: readonly ListenerFilterConfig[];
	/** 0 = as long as it takes. */
	readonly listenerFiltersTimeoutMs: number;
	readonly continueOnTimeout: boolean;
	readonly perConnectionBufferLimitBytes: number;
	/** The process' limit of connections does not hold here. */
	readonly ignoreGlobalConnectionLimit: boolean;
	/** Overload actions change nothing here. */
	readonly bypassesOverloadManager: boolean;
	/** Compiled by whoever wires listeners: this room knows no formats. */
	readonly accessLogs: readonly AccessLog[];
	/** What connections are told of it. */
	readonly shown: ConnectionListener;
	/** Equal for two versions of a listener that differ in nothing but filter chains: those alone are exchanged then. */
	readonly fingerprint: string;
}

/** A connection that needs a filter chain. */
export type Candidate = ConnectionInfo & Pick<MatchedConnection, "offeredProtocols">;

export type BindAddress =
	/** Port 0: the system chooses. */
	| { readonly kind: "ip"; readonly ip: string; readonly port: number }
	/** `@name` is an abstract address of Linux. Mode 0: as the umask says. */
	| { readonly kind: "pipe"; readonly path: string; readonly mode: number };

export interface TcpKeepAlive {
	readonly idleMs: number;
	readonly intervalMs: number | undefined;
	readonly probes: number | undefined;
}

/** How connections of one kind are served. */
export interface FilterChainConfig {
	readonly name: string;
	/** Equal for two versions that are the same: its connections live on when the listener is exchanged. */
	readonly key: string;
	/** Undefined: plaintext. */
	readonly transport: DownstreamTransport | undefined;
	/** How long the handshake may take; 0 = as long as it takes. */
	readonly transportConnectTimeoutMs: number;
	/** What stands before the terminal filter. */
	readonly filters: readonly NetworkFilterConfig[];
	readonly terminal: TerminalConfig;
	/** `filter_metadata`. */
	readonly metadata: ConnectionListener["metadata"];
}

export type TerminalConfig =
	| { readonly kind: "http"; readonly hcm: HcmConfig }
	| { readonly kind: "tcp"; readonly tcp: TcpProxyConfig }
	/** A terminal filter that needs no cluster. */
	| { readonly kind: "plain"; readonly plain: PlainTerminal };

/** `ip:port`, `[ip]:port` or the path of a Unix socket: how Envoy prints addresses and names the stats. */
export function formatAddress(address: BindAddress): string {
	if (address.kind === "pipe") return address.path;
	return address.ip.includes(":") ? `[${address.ip}]:${address.port}` : `${address.ip}:${address.port}`;
}
