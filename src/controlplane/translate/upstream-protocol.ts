import { type Problem, problem } from "../../lib/problem.ts";
import { isHttp2, type Protocol } from "../model/protocol.ts";

/** A proxy that can speak HTTP/2 to upstreams lists this. */
const HTTP2_UPSTREAM = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

export function speaksHttp2Upstream(extensions: ReadonlySet<string>): boolean {
	return extensions.has(HTTP2_UPSTREAM);
}

/**
 * What a proxy without HTTP/2 towards upstreams does with a port: `http2` ports usually take HTTP/1.1 as well, gRPC cannot do
 * without. Undefined: there is no way, so there is no cluster.
 */
export function withoutHttp2(protocol: Protocol): Protocol | undefined {
	if (!isHttp2(protocol)) return protocol;
	return protocol === "HTTP2" ? "HTTP" : undefined;
}

export function http2Problem(host: string, port: number, protocol: Protocol): Problem {
	const consequence = protocol === "HTTP2" ? "it is called with HTTP/1.1" : "calls answer 503";
	const what = `${host}:${port} speaks ${protocol}, for which the proxy would need HTTP/2 to upstreams; ${consequence}`;
	return problem("LTN3724", `Service ${host} port ${port}`, what);
}
