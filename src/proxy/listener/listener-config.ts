import type { HcmConfig } from "../hcm/hcm-config.ts";
import type { TcpProxyConfig } from "./tcp-proxy.ts";

/** A listener's configuration, read and checked (`parse-listener.ts`). */
export interface ListenerConfig {
	readonly name: string;
	readonly address: string;
	/** 0: the system chooses. */
	readonly port: number;
	/** Several processes may bind the same address (enable_reuse_port). */
	readonly reusePort: boolean;
	readonly chain: ListenerChain;
	readonly perConnectionBufferLimitBytes: number;
}

export type ListenerChain =
	| { readonly kind: "http"; readonly hcm: HcmConfig }
	| { readonly kind: "tcp"; readonly tcp: TcpProxyConfig };
