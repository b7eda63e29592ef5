import type { UpstreamCluster } from "../cluster/cluster.ts";
import { TUNNEL } from "../codec/message-parser.ts";
import { Timer, type TimerOwner } from "../http/deadlines.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { LocalReply, ResponseFlag, ResponseHead } from "../http/message.ts";
import type { ForwardAction, RouteMatch } from "../router/route-match.ts";
import type { UpstreamChannel } from "../upstream/upstream-user.ts";
import { Attempt, type AttemptOwner } from "./attempt/attempt.ts";
import { noteAttempt, noteAttemptBytes, noteRequestSent, noteResponseHead } from "./attempt/attempt-bytes.ts";
import { percentUsed } from "./attempt/attempt-tracker.ts";
import { SlowAttempts } from "./attempt/hedge.ts";
import { Retries, type RetryBooks, retryPolicyFor } from "./attempt/retries.ts";
import { actionFor } from "./cluster-rules.ts";
import type { Downstream } from "./downstream.ts";
import {
	cutShort,
	DROP_OVERLOAD,
	type Failure,
	failureReply,
	NO_HEALTHY_UPSTREAM,
	NO_WEBSOCKET,
	retriedAs,
	TIMEOUT_REPLY,
	TOO_LARGE_TO_RETRY,
	timeoutReply,
	UNCONDITIONAL_DROP,
} from "./failure.ts";
import type { ForwardContext } from "./forward-context.ts";
import { nameHost, pickEndpoint } from "./host/pick-endpoint.ts";
import { RequestBody } from "./request-body.ts";
import { RequestCounts } from "./request-counts.ts";
import { Mirrors } from "./side/mirror.ts";
import { strictRefusal } from "./strict-headers.ts";
import { TimeTerms } from "./time-terms.ts";
import { wishesFor } from "./transport-wishes.ts";

const ORIGINAL_PATH = "x-envoy-original-path";
const NO_COOKIES: readonly string[] = [];

/**
 * One request on its way upstream: cluster, endpoint, attempts until one's response goes to the client, or the local reply
 * that tells why none did. What Envoy's router filter does.
 */
export class ForwardStream implements AttemptOwner, TimerOwner {
	readonly #downstream: Downstream;
	readonly #match: RouteMatch;
	#action: ForwardAction;
	readonly #context: ForwardContext;
	readonly #body: RequestBody;
	#cluster: UpstreamCluster | undefined = undefined;
	#hash: bigint | undefined = undefined;
	#cookies = NO_COOKIES;
	#attempt: Attempt | undefined = undefined;
	#attempts = 0;
	/** The last attempt ran into its own timeout. */
	#triedTooLong = false;
	/** Undefined: sent once. */
	#retries: Retries | undefined = undefined;
	/** Undefined before its cluster is known. */
	#counts: RequestCounts | undefined = undefined;
	/** Undefined before it is sent for the first time. */
	#terms: TimeTerms | undefined = undefined;
	/** When the request was whole; kept where the use of timeouts is tracked. */
	#endedMs = 0;
	#slow: SlowAttempts | undefined = undefined;
	/** The whole request's timeout, and the pause before a retry. */
	#timeout: Timer | undefined = undefined;
	#backoff: Timer | undefined = undefined;
	/** A 1xx has come; Envoy passes the first one only. */
	#informed = false;
	#keepsBody = false;
	#mirrors: Mirrors | undefined = undefined;
	#requestPaused = false;
	#responsePaused = false;
	#done = false;

	constructor(downstream: Downstream, match: RouteMatch, action: ForwardAction, context: ForwardContext) {
		this.#downstream = downstream;
		this.#match = match;
		this.#action = action;
		this.#context = context;
		this.#body = new RequestBody(downstream.requestLength);
	}

	/** The cluster of the route exists. */
	get hasCluster(): boolean {
		return this.#cluster !== undefined;
	}

	/** Starts forwarding; `onBody` and `onEnd` follow as the request comes in. */
	start(): void {
		const { request } = this.#downstream;
		const found = this.#context.clusters.get(this.#downstream.choice!.cluster);
		const cluster = this.#action.highPriority ? found?.highPriority : found;
		if (!cluster) {
			const status = this.#action.clusterNotFoundStatus;
			this.#reply({ status, body: "", flag: "NC", details: "cluster_not_found" });
			return;
		}
		this.#cluster = cluster;
		if (cluster.info.rules !== undefined) this.#action = actionFor(this.#action, cluster.info);
		this.#downstream.info.upstreamClusterMetadata = cluster.info.metadata;
		this.#counts = new RequestCounts(cluster, this.#match, this.#downstream, this.#context);
		const { strictHeaders } = this.#context.router;
		const refusal = strictHeaders.length === 0 ? undefined : strictRefusal(request.headers, strictHeaders);
		if (refusal) {
			this.#refuse(refusal);
			return;
		}
		const drops = cluster.dropsRequest();
		if (drops !== "no") {
			this.#reply(drops === "all" ? UNCONDITIONAL_DROP : DROP_OVERLOAD);
			return;
		}
		const policy = retryPolicyFor(request, this.#action.retryPolicy);
		if (policy) this.#retries = new Retries(policy, this.#books(cluster));
		const retries = policy !== undefined && policy.maxRetries > 0 && this.#downstream.upgrade === "";
		this.#keepsBody = retries || this.#action.internalRedirects !== undefined;
		this.#prepareRequest();
		if (this.#action.mirrors.length > 0 && this.#downstream.upgrade === "") this.#tryWithCopies();
		else this.#tryNext();
	}

	#tryWithCopies(): void {
		const mirrored = {
			downstream: this.#downstream,
			route: this.#match,
			timeoutMs: this.#terms!.timeoutMs,
			limitBytes: this.#downstream.bufferLimitBytes,
		};
		// The copies are of the request as it was before the endpoint was known.
		const mirrors = Mirrors.of(mirrored, this.#action, this.#context);
		this.#tryNext();
		if (this.#done) return;
		this.#mirrors = mirrors;
		mirrors?.start();
	}

	#books(cluster: UpstreamCluster): RetryBooks {
		return { cluster, routeStats: this.#counts!.routeStats, info: this.#downstream.info, context: this.#context };
	}

	/** `buf` is valid during the call only. */
	onBody(buf: Buffer, start: number, end: number): void {
		if (this.#done) return;
		const channel = this.#attempt?.channel;
		const body = this.#body;
		this.#mirrors?.onBody(buf, start, end);
		if (this.#keepsBody && body.bytes + end - start > this.#mostKept) this.#abandonBody();
		if (this.#done) return;
		if (channel) {
			channel.sendBody(buf, start, end);
			this.#attempt!.touch();
			if (channel.congested) this.#pauseRequest();
		}
		if (!channel || this.#keepsBody) body.keep(buf, start, end);
		else body.incomplete = true;
		if (!channel && body.bytes > (this.#downstream.bufferLimitBytes || Number.POSITIVE_INFINITY)) this.#pauseRequest();
	}

	/** Bytes of a body that are kept for another attempt. */
	get #mostKept(): number {
		return this.#action.bufferLimitBytes ?? (this.#downstream.bufferLimitBytes || Number.POSITIVE_INFINITY);
	}

	/** The body is too large to be kept: this attempt is the last one. */
	#abandonBody(): void {
		this.#cluster!.stats.retryOrShadowAbandoned.inc();
		this.#keepsBody = false;
		this.#retries = undefined;
		if (this.#attempt?.channel) this.#body.letGo();
		else if (!this.#attempt) this.#reply(TOO_LARGE_TO_RETRY);
	}

	onEnd(trailers: HeaderMap | undefined): void {
		if (this.#done) return;
		this.#body.ended = true;
		if (this.#cluster?.info.tracks?.timeouts) this.#endedMs = this.#context.clock.nowMs();
		this.#body.trailers = trailers;
		const timeoutMs = this.#terms?.timeoutMs ?? 0;
		if (timeoutMs > 0) {
			this.#timeout = new Timer(this);
			this.#context.deadlines.arm(this.#timeout, timeoutMs);
		}
		if (this.#attempt?.channel) this.#endRequest(this.#attempt);
		this.#mirrors?.onEnd(trailers);
	}

	/** The client takes bytes again. */
	onDownstreamDrain(): void {
		if (!this.#responsePaused) return;
		this.#responsePaused = false;
		this.#attempt?.channel?.resumeReading();
	}

	/** The client is gone, or the connection manager has answered. */
	cancel(): void {
		if (this.#done) return;
		this.#measure(this.#attempt);
		this.#close();
		this.#slow?.cancel();
		this.#attempt?.cancel();
	}

	onTimer(timer: Timer): void {
		if (this.#done) return;
		if (timer === this.#backoff) {
			this.#tryNext();
			return;
		}
		const attempt = this.#attempt;
		this.#counts!.timeout();
		// Each of several tries counts, when one of them runs the reply counts as its.
		for (let more = (this.#slow?.size ?? 0) - (attempt ? 0 : 1); more > 0; more--) {
			this.#counts!.timeout();
			this.#counts!.status(TIMEOUT_REPLY.status);
		}
		this.#slow?.cancel();
		if (attempt) {
			attempt.host.stats.rqTimeout++;
			this.#cluster!.reportLocalFailure(attempt.host, "timeout");
			this.#measure(attempt);
			attempt.cancel();
		}
		if (attempt?.responded) this.#cut("UT", "response_timeout");
		else this.#reply(timeoutReply(TIMEOUT_REPLY, this.#terms!.altResponse));
	}

	onAttemptReady(attempt: Attempt, channel: UpstreamChannel): void {
		const { request, info, upgrade } = this.#downstream;
		info.upstreamLocalAddress = channel.localAddress;
		info.upstreamTls = channel.tls;
		info.upstreamProtocol = channel.protocol;
		channel.sendHead(request, this.#body.length, upgrade);
		if (info.upstreamMeter) noteRequestSent(info, channel, request, this.#context.clock.nowMs());
		this.#body.sendKept(channel);
		if (!this.#keepsBody && this.#body.bytes > 0) this.#body.letGo();
		if (this.#body.ended) this.#endRequest(attempt);
		this.#resumeRequest();
	}

	onAttemptInformational(status: number, headers: HeaderMap): void {
		if (this.#informed) return;
		this.#informed = true;
		this.#counts!.status(status);
		this.#downstream.sendInformational(status, headers);
	}

	onAttemptResponse(attempt: Attempt, head: ResponseHead): void {
		this.#triedTooLong = false;
		if (this.#downstream.info.upstreamMeter) noteResponseHead(this.#downstream.info, attempt.channel!, head);
		const slow = this.#slow?.has(attempt) === true;
		if (!slow && this.#retries?.afterResponse(head, this.#attempts, this.#resendable)) {
			this.#measure(attempt);
			attempt.abandon();
			this.#retry();
			return;
		}
		if (this.#slow && !this.#settles(attempt, head)) return;
		if (this.#redirects(attempt, head)) return;
		const { info, request } = this.#downstream;
		if (this.#downstream.upgrade === "websocket" && head.status === 200) {
			attempt.cancel();
			this.#reply(NO_WEBSOCKET);
			return;
		}
		// As Envoy: a retry succeeded when its answer is none that asks for another one, whatever it says.
		if (this.#attempts > 1 && !slow && !this.#retries?.policy.retriesResponse(head)) this.#counts!.retrySuccess();
		this.#counts!.status(head.status);
		// An answer to a request that has not come whole yet tells nothing of the service's speed.
		const nowMs = this.#context.clock.nowMs();
		info.upstreamAnsweredMs = nowMs;
		if (attempt.sentMs > 0) this.#tellServiceTime(head, nowMs - attempt.sentMs);
		info.responseCodeDetails = "via_upstream";
		if (this.#action.includeAttemptCountInResponse) head.headers.set("x-envoy-attempt-count", String(this.#attempts));
		for (const cookie of this.#cookies) head.headers.append("set-cookie", cookie);
		info.responseCode = head.status;
		this.#match.finalizeResponse(head, request, info, this.#downstream.choice);
		const { contentLength } = attempt.channel!;
		if (contentLength === TUNNEL) this.#timeout?.cancel();
		this.#downstream.sendHead(head, contentLength);
	}

	/** A try took longer than it may: another one begins beside it. False: it is to end. */
	onAttemptSlow(attempt: Attempt): boolean {
		if (!this.#terms!.hedges) return false;
		if (this.#done || attempt.responded || !this.#retries?.afterSlowness(this.#attempts, this.#resendable)) return true;
		this.#triedTooLong = true;
		this.#slow ??= new SlowAttempts();
		this.#slow.add(attempt);
		this.#retry();
		return true;
	}

	/** One of several tries answers: true when its answer is the one. */
	#settles(attempt: Attempt, head: ResponseHead): boolean {
		if (!this.#retries?.policy.retriesResponse(head) || !this.#awaitsOther(attempt)) {
			this.#settleOn(attempt);
			return true;
		}
		this.#measure(attempt);
		attempt.abandon();
		return false;
	}

	/** Does another try run or wait for its time? If so, `attempt` is forgotten. */
	#awaitsOther(attempt: Attempt): boolean {
		const slow = this.#slow;
		if (!slow) return false;
		slow.remove(attempt);
		if (this.#attempt === attempt) this.#attempt = undefined;
		return slow.size > 0 || this.#attempt !== undefined || this.#backoff?.armed === true;
	}

	/** This attempt's answer counts, the others end. */
	#settleOn(attempt: Attempt): void {
		this.#slow?.remove(attempt);
		this.#slow?.cancel();
		if (this.#attempt !== attempt) this.#attempt?.cancel();
		this.#attempt = attempt;
		if (this.#backoff?.armed) {
			this.#backoff.cancel();
			this.#cluster!.breakers.releaseRetry();
		}
		const { info } = this.#downstream;
		info.upstreamHost = attempt.host.address;
		info.upstreamEndpoint = attempt.host;
	}

	/** The answer is a redirect that the proxy follows itself. */
	#redirects(attempt: Attempt, head: ResponseHead): boolean {
		const policy = this.#action.internalRedirects;
		if (!policy?.statuses.has(head.status)) return false;
		const { stats } = this.#cluster!;
		const { request } = this.#downstream;
		const { method } = request;
		const complete = this.#body.ended && !this.#body.incomplete && this.#downstream.upgrade === "";
		if (!complete || !head.headers.has("location") || !this.#downstream.followRedirect(head, policy)) {
			stats.upstreamInternalRedirectFailed.inc();
			return false;
		}
		stats.upstreamInternalRedirectSucceeded.inc();
		this.#close();
		attempt.abandon();
		// Told by 303 to come with GET.
		this.#downstream.restart(head, request.method === method ? this.#body.kept() : []);
		return true;
	}

	#tellServiceTime(head: ResponseHead, ms: number): void {
		const serviceMs = Math.max(0, Math.floor(ms));
		this.#downstream.info.upstreamServiceTimeMs = serviceMs;
		if (!this.#context.router.suppressEnvoyHeaders)
			head.headers.set("x-envoy-upstream-service-time", String(serviceMs));
	}

	onAttemptBody(attempt: Attempt, buf: Buffer, start: number, end: number): void {
		const { info } = this.#downstream;
		if (info.upstreamMeter) info.upstreamBodyMs ??= this.#context.clock.nowMs();
		this.#downstream.sendBody(buf, start, end);
		if (!this.#downstream.congested || this.#responsePaused) return;
		this.#responsePaused = true;
		attempt.channel?.pauseReading();
	}

	onAttemptEnd(attempt: Attempt, trailers: HeaderMap | undefined): void {
		if (this.#responsePaused) attempt.channel?.resumeReading();
		this.#measure(attempt);
		if (this.#downstream.info.upstreamMeter) this.#downstream.info.upstreamEndMs = this.#context.clock.nowMs();
		this.#close();
		this.#downstream.finish(trailers);
	}

	#measure(attempt: Attempt | undefined): void {
		const { info } = this.#downstream;
		if (info.upstreamMeter) noteAttemptBytes(info, attempt?.channel, this.#context.clock.nowMs());
	}

	onAttemptFailure(attempt: Attempt, failure: Failure, responded: boolean): void {
		if (this.#done) return;
		this.#measure(attempt);
		if (responded) {
			const { flag, details } = cutShort(failure);
			this.#cut(flag, details);
			return;
		}
		this.#triedTooLong = failure.kind === "per-try-timeout";
		const slow = this.#slow?.has(attempt) === true;
		if (!slow && this.#retries?.afterFailure(retriedAs(failure.kind), this.#attempts, this.#resendable)) {
			this.#retry();
			return;
		}
		if (this.#slow && this.#awaitsOther(attempt)) return;
		this.#attempt = attempt;
		if (attempt.unplaced) this.#downstream.info.upstreamHost = undefined;
		this.#downstream.info.upstreamTransportFailureReason = failure.transport;
		this.#reply(timeoutReply(failureReply(failure, this.#attempts > 1), this.#terms!.altResponse));
	}

	/** All of the request is at hand and may go out again. */
	get #resendable(): boolean {
		return !this.#body.incomplete && this.#downstream.upgrade === "";
	}

	mayResend(): boolean {
		return !this.#body.incomplete;
	}

	onAttemptDrain(): void {
		this.#resumeRequest();
	}

	#prepareRequest(): void {
		const { request, info } = this.#downstream;
		const { router } = this.#context;
		this.#terms = new TimeTerms(request, this.#downstream.upgrade !== "", this.#action, router);
		if (this.#action.includeAttemptCount) request.headers.set("x-envoy-attempt-count", "1");
		const toldPath = request.headers.get(ORIGINAL_PATH);
		this.#match.finalizeRequest(request, info, this.#downstream.choice);
		if (router.suppressEnvoyHeaders && toldPath === undefined) request.headers.remove(ORIGINAL_PATH);
		const { hash, newCookies } = this.#action.hash(request, info);
		this.#hash = hash;
		this.#cookies = newCookies;
	}

	#tryNext(): void {
		const cluster = this.#cluster!;
		const { request, info } = this.#downstream;
		this.#attempts++;
		info.attemptCount = this.#attempts;
		const by = { hash: this.#hash, retries: this.#retries, first: this.#attempts === 1 };
		const host = pickEndpoint(cluster, this.#downstream, by);
		if (!host) {
			if (this.#attempts > 1) cluster.breakers.releaseRetry();
			this.#reply(NO_HEALTHY_UPSTREAM);
			return;
		}
		info.upstreamHost = host.address;
		info.upstreamEndpoint = host;
		info.upstreamLocalAddress = undefined;
		info.upstreamProtocol = undefined;
		if (info.upstreamMeter) noteAttempt(info, host, this.#context.clock.nowMs());
		const isRetry = this.#attempts > 1;
		if (isRetry) this.#retellRequest();
		this.#retries?.noteHost(host);
		if (this.#action.autoHostRewrite) nameHost(request, host, isRetry, this.#action.appendForwardedHost);
		const member = cluster.memberOf(host);
		const wishes = wishesFor(member, host, request, info);
		const downstream = request.protocol;
		const raw = this.#action.terminatesConnect && this.#downstream.upgrade === "connect";
		const trace = info.trace?.onAttempt(request, { cluster: member.name, attempt: this.#attempts });
		const owner = member.info.poolPerConnection ? info.connection : undefined;
		const sent = member.info.tracks && this.#downstream;
		const counts = { routeStats: this.#counts!.routeStats, retryBreakers: cluster.breakers, sent, owner };
		const target = { cluster: member, host, downstream, wishes, raw, isRetry, trace, ...counts };
		this.#attempt = new Attempt(this, this.#context, target);
		this.#attempt.start(this.#retries?.policy.perTryIdleTimeoutMs ?? 0);
	}

	/** What the endpoint of another attempt is told anew. */
	#retellRequest(): void {
		const { request } = this.#downstream;
		if (this.#action.includeAttemptCount) request.headers.set("x-envoy-attempt-count", String(this.#attempts));
		if (this.#action.includeTimeoutRetryHeader)
			request.headers.set("x-envoy-is-timeout-retry", String(this.#triedTooLong));
		if (!this.#timeout) return;
		const leftMs = Math.max(1, Math.round(this.#timeout.dueMs - this.#context.clock.nowMs()));
		this.#terms!.tellAgain(leftMs);
	}

	#endRequest(attempt: Attempt): void {
		attempt.channel!.sendEnd(this.#body.trailers);
		attempt.requestSent(this.#terms!.perTryTimeoutMs);
		this.#downstream.info.upstreamSentMs = attempt.sentMs;
	}

	#retry(): void {
		this.#attempt = undefined;
		this.#backoff ??= new Timer(this);
		this.#context.deadlines.arm(this.#backoff, Math.max(1, Math.round(this.#retries!.pauseMs(this.#attempts))));
	}

	#reply(reply: LocalReply): void {
		this.#close();
		// Envoy counts no status for an answer that took too long altogether.
		if (reply.flag !== "UMSDR") this.#counts?.status(reply.status);
		this.#downstream.sendLocalReply(this.#withAttempts(reply));
	}

	#withAttempts(reply: LocalReply): LocalReply {
		if (!this.#action.includeAttemptCountInResponse || this.#attempts === 0) return reply;
		return { ...reply, headers: [...(reply.headers ?? []), ["x-envoy-attempt-count", String(this.#attempts)]] };
	}

	/** An answer that is not counted as an endpoint's. */
	#refuse(reply: LocalReply): void {
		this.#close();
		this.#downstream.sendLocalReply(reply);
	}

	#cut(flag: ResponseFlag, details: string): void {
		this.#close();
		const { info } = this.#downstream;
		info.responseFlags.add(flag);
		info.responseCodeDetails = details;
		this.#downstream.cut();
	}

	#close(): void {
		this.#done = true;
		if (this.#endedMs > 0)
			this.#cluster!.stats.tracked.timeoutUsed.record(
				percentUsed(this.#context.clock.nowMs() - this.#endedMs, this.#terms!.timeoutMs),
			);
		this.#mirrors?.cancel();
		this.#timeout?.cancel();
		if (!this.#backoff?.armed) return;
		this.#backoff.cancel();
		this.#cluster!.breakers.releaseRetry();
	}

	#pauseRequest(): void {
		if (this.#requestPaused) return;
		this.#requestPaused = true;
		this.#downstream.pauseRequest();
	}

	#resumeRequest(): void {
		if (!this.#requestPaused) return;
		this.#requestPaused = false;
		this.#downstream.resumeRequest();
	}
}
