import type { ConnectionInfo } from "./connection-info.ts";

/**
 * Where a captured connection meant to go, `ip:port`; undefined when nothing but its own address is known: a cluster that sends on
 * to there would call the proxy itself (Envoy: localAddressRestored).
 */
export function originalDestination(connection: ConnectionInfo | undefined): string | undefined {
	if (!connection) return undefined;
	const { localIp, localPort, acceptedIp, acceptedPort } = connection;
	if (localIp === "" || (localIp === acceptedIp && localPort === acceptedPort)) return undefined;
	return localIp.includes(":") ? `[${localIp}]:${localPort}` : `${localIp}:${localPort}`;
}
