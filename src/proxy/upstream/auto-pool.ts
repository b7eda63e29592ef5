import type { Host, UpstreamCluster } from "../cluster/cluster.ts";
import type { HostPool, UpstreamContext } from "./host-pool.ts";
import { Http1Pool } from "./http1-pool.ts";
import { Http2Pool } from "./http2-pool.ts";
import type { ConnectionRoute } from "./open-transport.ts";
import type { UpstreamUser } from "./upstream-user.ts";

const BOTH = ["h2", "http/1.1"];
const HTTP1_ONLY = ["http/1.1"];

/**
 * The connections to an endpoint that chooses its protocol in the TLS handshake (Envoy: `auto_config`). HTTP/2 is tried; an endpoint that does not choose it
 * gets HTTP/1 connections from then on.
 */
export class AutoPool implements HostPool {
	readonly #http1: HostPool;
	readonly #http2: HostPool;
	#speaksHttp1 = false;

	constructor(host: Host, { security, wishes }: ConnectionRoute, context: UpstreamContext) {
		const route = (fallbackAlpn: readonly string[]) => ({ security, wishes: { fallbackAlpn, ...wishes } });
		this.#http1 = new Http1Pool(host, route(HTTP1_ONLY), context);
		this.#http2 = new Http2Pool(host, route(BOTH), context, (waiting) => {
			this.#speaksHttp1 = true;
			for (const { cluster, user } of waiting) this.#http1.acquire(cluster, user);
		});
	}

	acquire(cluster: UpstreamCluster, user: UpstreamUser): void {
		(this.#speaksHttp1 ? this.#http1 : this.#http2).acquire(cluster, user);
	}

	cancel(user: UpstreamUser): void {
		this.#http1.cancel(user);
		this.#http2.cancel(user);
	}

	retire(how: "left" | "cut"): void {
		this.#http1.retire(how);
		this.#http2.retire(how);
	}
}
