import type { Host, UpstreamCluster } from "../../cluster/cluster.ts";
import { CHUNKED, TUNNEL } from "../../codec/message-parser.ts";
import { Timer } from "../../http/deadlines.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { TransportWishes } from "../../tls/upstream/upstream-transport.ts";
import type { HostPool, UpstreamContext } from "../../upstream/host-pool.ts";
import { poolFor } from "../../upstream/pool-for.ts";
import type { UnavailableReason, UpstreamChannel, UpstreamUser } from "../../upstream/upstream-user.ts";
import type { TcpConnectFailure, TcpDial, TcpUpstream, TcpUpstreamUser } from "./tcp-upstream.ts";

/** What a tunnel is asked for with, and who wants to hear of the answer. */
export interface TunnelRequest {
	readonly request: RequestHead;
	/** The endpoint has opened the tunnel. */
	onHeaders(headers: HeaderMap): void;
	onTrailers(trailers: HeaderMap): void;
}

export interface TunnelTarget {
	readonly cluster: UpstreamCluster;
	readonly host: Host;
	readonly wishes: TransportWishes;
}

/** How long the endpoint may take to end its side once the client has gone. */
const LINGER_MS = 1000;

/** A connection's bytes as the body of one HTTP request, CONNECT or POST, and of its answer. */
export class TunnelUpstream implements TcpUpstream, TcpDial, UpstreamUser {
	readonly #target: TunnelTarget;
	readonly #tunnel: TunnelRequest;
	readonly #user: TcpUpstreamUser;
	readonly #context: UpstreamContext;
	readonly #pool: HostPool;
	#channel: UpstreamChannel | undefined = undefined;
	#open = false;
	#over = false;
	#linger: Timer | undefined = undefined;

	constructor(target: TunnelTarget, tunnel: TunnelRequest, user: TcpUpstreamUser, context: UpstreamContext) {
		this.#target = target;
		this.#tunnel = tunnel;
		this.#user = user;
		this.#context = context;
		const { host, cluster, wishes } = target;
		this.#pool = poolFor({ host, cluster, wishes, downstream: "HTTP/1.1" }, context);
		this.#pool.acquire(cluster, this);
	}

	get localAddress(): string {
		return this.#channel?.localAddress ?? "";
	}

	get congested(): boolean {
		return this.#channel?.congested ?? false;
	}

	write(buf: Buffer, start: number, end: number): void {
		this.#channel?.sendBody(buf, start, end);
	}

	end(): void {
		this.#channel?.sendEnd(undefined);
	}

	pauseReading(): void {
		this.#channel?.pauseReading();
	}

	resumeReading(): void {
		this.#channel?.resumeReading();
	}

	closeAfterFlush(): boolean {
		const pending = this.congested;
		this.end();
		this.resumeReading();
		this.#linger = new Timer({ onTimer: () => this.destroy() });
		this.#context.deadlines.arm(this.#linger, LINGER_MS);
		return pending;
	}

	destroy(): void {
		this.#channel?.close();
		this.#ended();
	}

	abandon(): void {
		if (this.#over) return;
		if (this.#channel) this.#channel.close();
		else this.#pool.cancel(this);
		this.#ended();
	}

	onReady(channel: UpstreamChannel): void {
		const { cluster, host } = this.#target;
		this.#channel = channel;
		cluster.stats.upstreamRqTotal.inc();
		cluster.stats.upstreamRqActive.add(1);
		host.stats.rqTotal++;
		host.activeRequests++;
		const { request } = this.#tunnel;
		if (request.method === "CONNECT") channel.sendHead(request, TUNNEL, "connect");
		else channel.sendHead(request, CHUNKED, "");
	}

	onUnavailable(reason: UnavailableReason, detail: string): void {
		const { cluster, host } = this.#target;
		this.#over = true;
		if (reason !== "overflow") cluster.reportLocalFailure(host, reason === "connect-timeout" ? "timeout" : "connect");
		this.#user.onUpstreamFailed({ reason: FAILURES[reason], detail });
	}

	onInformational(): void {
		// Not meant for the bytes' receiver.
	}

	onResponse({ status, headers }: ResponseHead): void {
		if (status < 200 || status > 299) {
			this.#channel?.close();
			this.#ended();
			this.#user.onUpstreamFailed({ reason: "refused", detail: `tunnel_response:${status}` });
			return;
		}
		this.#open = true;
		this.#tunnel.onHeaders(headers);
		this.#user.onUpstreamReady(this);
	}

	onBody(buf: Buffer, start: number, end: number): void {
		if (!this.#linger) this.#user.onUpstreamData(buf, start, end);
	}

	onEnd(trailers: HeaderMap | undefined): void {
		if (trailers) this.#tunnel.onTrailers(trailers);
		if (this.#linger) {
			this.#ended();
			return;
		}
		this.#user.onUpstreamEnd();
		// There is no half-open request: with the answer's end the tunnel is over.
		this.#ended();
		this.#user.onUpstreamClosed(false);
	}

	onReset(): void {
		const wasOpen = this.#open;
		this.#ended();
		if (wasOpen) this.#user.onUpstreamClosed(false);
		else this.#user.onUpstreamFailed({ reason: "refused", detail: "" });
	}

	onUpstreamDrain(): void {
		this.#user.onUpstreamDrain();
	}

	/** Once: gives back what the cluster counts. */
	#ended(): void {
		if (this.#over) return;
		this.#over = true;
		this.#linger?.cancel();
		if (!this.#channel) return;
		this.#target.cluster.stats.upstreamRqActive.add(-1);
		this.#target.host.activeRequests--;
	}
}

const FAILURES: Readonly<Record<UnavailableReason, TcpConnectFailure["reason"]>> = {
	"connect-failure": "refused",
	"connect-timeout": "timeout",
	overflow: "overflow",
};
