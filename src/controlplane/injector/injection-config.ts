import { TRUST_DOMAIN } from "../../lib/names.ts";

/** What injection takes from the mesh. */
export interface InjectionConfig {
	readonly revision: string;
	readonly enabledByDefault: boolean;
	readonly clusterId: string;
	readonly meshId: string;
	readonly trustDomain: string;
	/** Mesh-wide ProxyConfig (`defaultConfig`) as JSON. */
	readonly proxyConfig: Readonly<Record<string, unknown>>;
}

export const DEFAULT_INJECTION_CONFIG: InjectionConfig = Object.freeze({
	revision: "default",
	enabledByDefault: false,
	clusterId: "Kubernetes",
	meshId: TRUST_DOMAIN,
	trustDomain: TRUST_DOMAIN,
	proxyConfig: { discoveryAddress: "127.0.0.1:15010" },
});
