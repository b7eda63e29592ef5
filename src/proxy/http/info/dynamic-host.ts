/** Filter state that names the host of a dynamic forward proxy in place of the request or the server name (Envoy's keys). */
export const DYNAMIC_HOST = "envoy.upstream.dynamic_host";
export const DYNAMIC_PORT = "envoy.upstream.dynamic_port";

/** `host:port`, or the host alone, as filter state names it; undefined when it does not. */
export function dynamicHost(filterState: ReadonlyMap<string, unknown>, fallback?: string): string | undefined {
	const named = filterState.get(DYNAMIC_HOST);
	const host = typeof named === "string" && named !== "" ? named : fallback;
	const port = Number(filterState.get(DYNAMIC_PORT) ?? 0);
	return host !== undefined && port > 0 && port < 65_536 ? `${host}:${port}` : host;
}
