import type { Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { Protocol } from "../http/message.ts";
import type { HostPool, UpstreamContext } from "./host-pool.ts";
import { Http1Pool } from "./http1-pool.ts";
import { Http2Pool } from "./http2-pool.ts";

/** What `Host.pool` holds. */
interface HostPools {
	http1: HostPool | undefined;
	http2: HostPool | undefined;
}

/** The pool for a request to this endpoint, made at first use. `downstream`: the request's own protocol, which clusters with `use_downstream_protocol_config` go by. */
export function poolFor(
	host: Host,
	cluster: UpstreamCluster,
	downstream: Protocol,
	context: UpstreamContext,
): HostPool {
	host.pool ??= { http1: undefined, http2: undefined } satisfies HostPools;
	const pools = host.pool as HostPools;
	if (speaksHttp2(cluster, downstream)) {
		pools.http2 ??= new Http2Pool(host, context);
		return pools.http2;
	}
	pools.http1 ??= new Http1Pool(host, context);
	return pools.http1;
}

function speaksHttp2({ info }: UpstreamCluster, downstream: Protocol): boolean {
	return info.httpProtocol === "http2" || (info.httpProtocol === "downstream" && downstream === "HTTP/2");
}
