import type { Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { Protocol } from "../http/message.ts";
import type { HostPool, UpstreamContext } from "./host-pool.ts";
import { Http1Pool } from "./http1-pool.ts";

/** What `Host.pool` holds. */
interface HostPools {
	http1: HostPool | undefined;
}

/** The pool for a request to this endpoint, made at first use. `downstream`: the request's own protocol, which clusters with `use_downstream_protocol_config` go by. */
export function poolFor(
	host: Host,
	cluster: UpstreamCluster,
	downstream: Protocol,
	context: UpstreamContext,
): HostPool {
	host.pool ??= { http1: undefined } satisfies HostPools;
	const pools = host.pool as HostPools;
	const protocol = upstreamProtocol(cluster, downstream);
	if (protocol === "HTTP/2")
		throw new Error(`cluster ${cluster.name}: HTTP/2 to endpoints was let through by the configuration`);
	pools.http1 ??= new Http1Pool(host, context);
	return pools.http1;
}

function upstreamProtocol({ info }: UpstreamCluster, downstream: Protocol): Protocol {
	if (info.httpProtocol === "http2") return "HTTP/2";
	return info.httpProtocol === "downstream" && downstream === "HTTP/2" ? "HTTP/2" : "HTTP/1.1";
}
