import { hasLoadReport } from "../../cluster/balance/load-report.ts";
import type { CircuitBreakers, Host, UpstreamCluster } from "../../cluster/cluster.ts";
import type { UpstreamRequestStats } from "../../cluster/cluster-stat-set.ts";
import type { CodecError } from "../../codec/codec-error.ts";
import { Timer, type TimerOwner } from "../../http/deadlines.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { AttemptTrace } from "../../http/info/request-trace.ts";
import type { Protocol, ResponseHead } from "../../http/message.ts";
import type { TransportWishes } from "../../tls/upstream/upstream-transport.ts";
import type { HostPool, UpstreamContext } from "../../upstream/host-pool.ts";
import { poolFor } from "../../upstream/pool-for.ts";
import type { ResetReason, UnavailableReason, UpstreamChannel, UpstreamUser } from "../../upstream/upstream-user.ts";
import { cutShort, type Failure } from "../failure.ts";
import { AttemptTracker, type TrackedRequest } from "./attempt-tracker.ts";

/** Who made the attempt. */
export interface AttemptOwner {
	/** Write the request's head and what there is of its body. */
	onAttemptReady(attempt: Attempt, channel: UpstreamChannel): void;
	onAttemptInformational(status: number, headers: HeaderMap): void;
	onAttemptResponse(attempt: Attempt, head: ResponseHead): void;
	onAttemptBody(attempt: Attempt, buf: Buffer, start: number, end: number): void;
	onAttemptEnd(attempt: Attempt, trailers: HeaderMap | undefined): void;
	/** Before (`responded` false) or after its response began. */
	onAttemptFailure(attempt: Attempt, failure: Failure, responded: boolean): void;
	onAttemptDrain(): void;
	/** The try takes longer than it may; true: it goes on all the same. */
	onAttemptSlow?(attempt: Attempt): boolean;
	/** Nothing of the request has left: can all of it be sent once more? */
	mayResend(): boolean;
}

/** Where an attempt goes and who else counts it. */
export interface AttemptTarget {
	readonly cluster: UpstreamCluster;
	readonly host: Host;
	/** The request's own protocol. */
	readonly downstream: Protocol;
	/** The endpoint gets the bytes of a tunnel and no HTTP. */
	readonly raw?: boolean;
	/** The attempt's own span. */
	readonly trace?: AttemptTrace | undefined;
	readonly isRetry: boolean;
	/** What its connection must be like beyond the cluster's configuration. */
	readonly wishes?: TransportWishes | undefined;
	readonly routeStats?: UpstreamRequestStats | undefined;
	/** The client's connection, where it has upstream connections of its own. */
	readonly owner?: object | undefined;
	/** What is sent, for clusters that track it. */
	readonly sent?: TrackedRequest | undefined;
	/** Where retries are counted, when not with the cluster. */
	readonly retryBreakers?: CircuitBreakers | undefined;
}

/** One try of one request on one endpoint: keeps the books of endpoint, cluster and breakers; every attempt ends exactly once. */
export class Attempt implements UpstreamUser, TimerOwner {
	readonly host: Host;
	readonly cluster: UpstreamCluster;
	channel: UpstreamChannel | undefined = undefined;
	responded = false;
	/** It may not even wait for a connection: Envoy then names no endpoint. */
	unplaced = false;
	/** When the request was sent whole. */
	sentMs = 0;
	/** A retry that the breakers count. */
	readonly isRetry: boolean;
	readonly #owner: AttemptOwner;
	readonly #context: UpstreamContext;
	readonly #pool: HostPool;
	readonly #breakers: CircuitBreakers;
	readonly #retryBreakers: CircuitBreakers;
	readonly #routeStats: UpstreamRequestStats | undefined;
	readonly #startMs: number;
	readonly #tracker: AttemptTracker | undefined;
	#perTryTimeoutMs = 0;
	#trace: AttemptTrace | undefined;
	#status = 0;
	#timer: Timer | undefined = undefined;
	#idleTimer: Timer | undefined = undefined;
	#idleTimeoutMs = 0;
	#durationTimer: Timer | undefined = undefined;
	#lastActivityMs = 0;
	#ended = false;
	#redispatched = false;
	#loadRead = false;

	constructor(owner: AttemptOwner, context: UpstreamContext, target: AttemptTarget) {
		this.#owner = owner;
		this.#context = context;
		this.cluster = target.cluster;
		this.host = target.host;
		this.isRetry = target.isRetry;
		this.#pool = poolFor(target, context);
		this.#breakers = target.cluster.breakers;
		this.#retryBreakers = target.retryBreakers ?? this.#breakers;
		this.#routeStats = target.routeStats;
		this.#trace = target.trace;
		this.#tracker = target.cluster.info.tracks && new AttemptTracker(target.cluster, target.sent);
		this.#startMs = context.clock.nowMs();
	}

	/** `idleTimeoutMs`: the longest quiet of this try; 0: any. */
	start(idleTimeoutMs = 0): void {
		const { stats } = this.cluster;
		if (!this.#breakers.tryRequest()) {
			this.#ended = true;
			if (this.isRetry) this.#retryBreakers.releaseRetry();
			stats.upstreamRqActiveOverflow.inc();
			this.#owner.onAttemptFailure(this, failure("overflow"), false);
			return;
		}
		stats.upstreamRqActive.add(1);
		this.host.activeRequests++;
		if (idleTimeoutMs > 0) this.#watchIdle(idleTimeoutMs);
		this.#pool.acquire(this.cluster, this);
	}

	/** Arms the per-try timeout: the request has been sent whole. */
	requestSent(perTryTimeoutMs: number): void {
		this.sentMs = this.#context.clock.nowMs();
		this.#perTryTimeoutMs = perTryTimeoutMs;
		if (perTryTimeoutMs <= 0) return;
		this.#timer ??= new Timer(this);
		this.#context.deadlines.arm(this.#timer, perTryTimeoutMs, this.sentMs);
	}

	/** The response is not wanted: another attempt will be made. */
	abandon(): void {
		this.channel?.abandon();
		if (this.#trace) this.#finishTrace(NO_FLAGS, true);
		this.#end();
	}

	/** The request is over for another reason (client gone, timeout). */
	cancel(): void {
		if (this.#ended) return;
		if (this.#trace) this.#finishTrace(NO_FLAGS, true);
		if (this.channel) {
			if (this.channel.protocol === "HTTP/2") this.cluster.stats.upstreamRqTxReset.inc();
			this.channel.close();
		} else {
			this.cluster.stats.upstreamRqCancelled.inc();
			this.#pool.cancel(this);
		}
		this.#end();
	}

	/** A piece of the request or the answer has passed. */
	touch(): void {
		if (this.#idleTimer) this.#lastActivityMs = this.#context.clock.nowMs();
	}

	onTimer(timer: Timer): void {
		if (timer === this.#idleTimer) {
			this.#checkIdle();
			return;
		}
		if (timer === this.#durationTimer) {
			this.cluster.stats.upstreamRqMaxDurationReached.inc();
			this.cancel();
			this.#owner.onAttemptFailure(this, failure("max-duration"), this.responded);
			return;
		}
		this.host.stats.rqTimeout++;
		this.cluster.reportLocalFailure(this.host, "timeout");
		if (this.#owner.onAttemptSlow?.(this)) return;
		this.cluster.stats.upstreamRqPerTryTimeout.inc();
		this.cancel();
		this.#owner.onAttemptFailure(this, failure("per-try-timeout"), this.responded);
	}

	onReady(channel: UpstreamChannel): void {
		this.channel = channel;
		const { maxStreamDurationMs = 0 } = this.cluster.info;
		if (maxStreamDurationMs > 0) this.#limitDuration(maxStreamDurationMs);
		if (!this.#redispatched) {
			this.cluster.stats.upstreamRqTotal.inc();
			this.#routeStats?.upstreamRqTotal.inc();
			this.host.stats.rqTotal++;
		}
		this.#owner.onAttemptReady(this, channel);
	}

	onUnavailable(reason: UnavailableReason, detail: string): void {
		if (reason !== "overflow") this.cluster.reportLocalFailure(this.host, "connect");
		else this.unplaced = true;
		this.host.stats.rqError++;
		this.#fail({ kind: reason, transport: detail, error: undefined });
	}

	onInformational(status: number, headers: HeaderMap): void {
		this.#owner.onAttemptInformational(status, headers);
	}

	onResponse(head: ResponseHead): void {
		this.responded = true;
		this.touch();
		this.#status = head.status;
		this.#tracker?.onResponse(head);
		this.#timer?.cancel();
		if (head.status >= 500) this.host.stats.rqError++;
		else this.host.stats.rqSuccess++;
		const { detectsOutliers, healthChecked } = this.cluster.info;
		if (detectsOutliers) this.cluster.reportStatus(this.host, outlierStatus(head));
		if (healthChecked && head.headers.has("x-envoy-immediate-health-check-fail"))
			this.cluster.reportImmediateFailure(this.host);
		if (this.host.onLoadReport) this.#readLoad(head.headers);
		if (this.host.onDegraded && head.headers.has("x-envoy-degraded")) this.host.onDegraded();
		this.#owner.onAttemptResponse(this, head);
	}

	onBody(buf: Buffer, start: number, end: number): void {
		this.touch();
		this.#tracker?.onBody(end - start);
		this.#owner.onAttemptBody(this, buf, start, end);
	}

	onEnd(trailers: HeaderMap | undefined): void {
		if (trailers && this.host.onLoadReport) this.#readLoad(trailers);
		const tookMs = this.#context.clock.nowMs() - this.#startMs;
		this.cluster.stats.upstreamRqTime.record(tookMs);
		this.#routeStats?.upstreamRqTime.record(tookMs);
		this.#end();
		this.#owner.onAttemptEnd(this, trailers);
	}

	onReset(reason: ResetReason, error: CodecError | undefined): void {
		if (reason === "unsent" && !this.#redispatched && this.#owner.mayResend()) {
			// The idle connection had died under us and nothing of this request left: a new connection, the same attempt.
			this.#redispatched = true;
			this.channel = undefined;
			this.#pool.acquire(this.cluster, this);
			return;
		}
		this.#countReset(reason);
		this.cluster.reportLocalFailure(this.host, "reset");
		if (!this.responded) this.host.stats.rqError++;
		this.#fail({ kind: FAILURE_OF[reason], transport: "", error });
	}

	/** The first report of an answer counts. */
	#readLoad(headers: HeaderMap): void {
		if (this.#loadRead || !hasLoadReport(headers)) return;
		this.#loadRead = true;
		this.host.onLoadReport?.(headers);
	}

	onUpstreamDrain(): void {
		this.#owner.onAttemptDrain();
	}

	#limitDuration(ms: number): void {
		this.#durationTimer ??= new Timer(this);
		this.#context.deadlines.arm(this.#durationTimer, ms);
	}

	#watchIdle(idleTimeoutMs: number): void {
		this.#idleTimeoutMs = idleTimeoutMs;
		this.#idleTimer = new Timer(this);
		this.#lastActivityMs = this.#startMs;
		this.#context.deadlines.arm(this.#idleTimer, idleTimeoutMs, this.#startMs);
	}

	#checkIdle(): void {
		const leftMs = this.#idleTimeoutMs - (this.#context.clock.nowMs() - this.#lastActivityMs);
		if (leftMs > 0) {
			this.#context.deadlines.arm(this.#idleTimer!, Math.ceil(leftMs));
			return;
		}
		this.cluster.stats.upstreamRqPerTryIdleTimeout.inc();
		this.host.stats.rqTimeout++;
		this.cluster.reportLocalFailure(this.host, "timeout");
		this.cancel();
		this.#owner.onAttemptFailure(this, failure("per-try-idle-timeout"), this.responded);
	}

	/** As Envoy's HTTP/2 pool counts (conn_pool_base: onStreamReset); HTTP/1 knows no resets of streams. */
	#countReset(reason: ResetReason): void {
		const { stats } = this.cluster;
		if (reason === "remote-reset") stats.upstreamRqRxReset.inc();
		else if (this.channel?.protocol !== "HTTP/2") return;
		else if (reason === "protocol-error") stats.upstreamRqTxReset.inc();
		else if (reason === "terminated") stats.upstreamRqPendingFailureEject.inc();
	}

	#finishTrace(flags: ReadonlySet<string>, cancelled = false): void {
		const protocol = this.channel?.protocol;
		this.#trace?.finish({ host: this.host.address, protocol, status: this.#status, flags, cancelled });
		this.#trace = undefined;
	}

	#fail(why: Failure): void {
		if (this.#trace) this.#finishTrace(new Set([cutShort(why).flag]));
		this.#end();
		this.#owner.onAttemptFailure(this, why, this.responded);
	}

	#end(): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#timer?.cancel();
		this.#idleTimer?.cancel();
		this.#durationTimer?.cancel();
		if (this.#trace) this.#finishTrace(NO_FLAGS);
		this.#tracker?.end(this.#context.clock.nowMs() - this.#startMs, this.#perTryTimeoutMs);
		this.host.activeRequests--;
		this.#breakers.releaseRequest();
		if (this.isRetry) this.#retryBreakers.releaseRetry();
		this.cluster.stats.upstreamRqActive.add(-1);
	}
}

const NO_FLAGS: ReadonlySet<string> = new Set();

const FAILURE_OF: Readonly<Record<ResetReason, Failure["kind"]>> = {
	unsent: "reset-before-request",
	terminated: "reset",
	"remote-reset": "remote-reset",
	refused: "refused-stream",
	"connect-error": "connect-error",
	"protocol-error": "protocol-error",
};

function failure(kind: Failure["kind"]): Failure {
	return { kind, transport: "", error: undefined };
}

/** A gRPC answer without a body says in its head how the call ended, which counts for outlier detection (as in Envoy). */
function outlierStatus({ status, headers }: ResponseHead): number {
	if (status !== 200) return status;
	const grpcStatus = headers.get("grpc-status");
	return grpcStatus === undefined ? status : (HTTP_STATUS_OF_GRPC[Number(grpcStatus)] ?? 500);
}

/** Envoy: Grpc::Utility::grpcToHttpStatus. */
const HTTP_STATUS_OF_GRPC: readonly number[] = [
	200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];
