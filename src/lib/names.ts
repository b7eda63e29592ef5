/** Names that several processes agree on. */

export const VERSION = "0.1.0";

/** The image that injection puts into pods and gateways; the pod runner maps it to Lateen's own proxy. */
export const PROXY_IMAGE = `docker.io/lateen/proxy:${VERSION}`;
export const PROXY_CONTAINER = "istio-proxy";

export const SYSTEM_NAMESPACE = "istio-system";
export const CLUSTER_DOMAIN = "cluster.local";
export const TRUST_DOMAIN = "cluster.local";

/** Ports as Istio's users know them (design.md section 3). */
export const PORTS = {
	xds: 15010,
	xdsTls: 15012,
	controlPlaneDebug: 15014,
	webhook: 15017,
	proxyAdmin: 15000,
	outbound: 15001,
	inbound: 15006,
	httpProxy: 15007,
	agent: 15020,
	ready: 15021,
	dns: 15053,
	proxyPrometheus: 15090,
	console: 20001,
	kubeApi: 6443,
} as const;
