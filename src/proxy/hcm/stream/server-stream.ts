import type { CodecError } from "../../codec/codec-error.ts";
import { TUNNEL } from "../../codec/message-parser.ts";
import { statusText } from "../../codec/status-text.ts";
import { batchWrites } from "../../codec/transport.ts";
import { filtersFor } from "../../filter/filter-chain.ts";
import type { Downstream } from "../../forward/downstream.ts";
import { ForwardStream } from "../../forward/forward-stream.ts";
import { BytesMeter } from "../../http/bytes-meter.ts";
import { isGrpc } from "../../http/grpc-status.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import type { LocalReply, RequestHead, ResponseFlag, ResponseHead } from "../../http/message.ts";
import type { RouteContext, RouteMatch } from "../../router/route-match.ts";
import { streamDurationMs } from "../../router/timeout.ts";
import type { Exchange, RestartedRequest } from "../connection/exchange.ts";
import { finishResponseHeaders } from "../fields/response-headers.ts";
import type { HcmShared, StreamLogType } from "../hcm-shared.ts";
import { FilteredStream } from "./filtered-stream.ts";
import type { RewrittenBody } from "./local-reply-rules.ts";
import { localResponse } from "./local-response.ts";
import { PeriodicLog } from "./log-moments.ts";
import { admitRequest, type IncomingStream } from "./request-admission.ts";
import { RequestPipe, type RequestPipeHost } from "./request-pipe.ts";
import { ResponsePipe, type ResponsePipeHost } from "./response-pipe.ts";
import { anyWants, lengthAfterFilters, lengthOfRestarted, type StreamFilters } from "./stream-filters.ts";
import { StreamTimers, type StreamTimersOwner } from "./stream-timers.ts";

const GRPC_DEADLINE_EXCEEDED = 4;
const NO_FILTERS: StreamFilters = [];

/** Envoy: overload action stop_accepting_requests. Its documentation promises the flag OM, but Envoy 1.40 sets none. */
const OVERLOADED: LocalReply = { status: 503, body: "envoy overloaded", details: "overload" };

function opensTunnel({ status }: ResponseHead, upgrade: string): boolean {
	return status === 101 || (upgrade === "connect" && status >= 200 && status < 300);
}

/** One request and its answer: filters, route, forwarding or local reply, timeouts, log. */
export class ServerStream
	extends FilteredStream
	implements IncomingStream, Downstream, RouteContext, RequestPipeHost, ResponsePipeHost, StreamTimersOwner
{
	requestLength: number;
	upgrade = "";
	/** Answered whole. */
	done = false;
	response: ResponseHead | undefined = undefined;
	readonly #timers: StreamTimers;
	/** What the client spoke, before filters changed it; undefined: no filter has run. */
	#grpc: boolean | undefined = undefined;
	#filters = NO_FILTERS;
	/** Of the request nothing more comes. */
	#requestDone: boolean;
	#endSeen = false;
	#forward: ForwardStream | undefined = undefined;
	#replied = false;
	#responseLength = 0;
	#headWritten = false;
	#ended = false;
	#trailers: HeaderMap | undefined = undefined;
	#periodicLog: PeriodicLog | undefined = undefined;

	constructor(exchange: Exchange, request: RequestHead, from?: RestartedRequest) {
		super(exchange, request, from?.history);
		this.requestLength = from ? lengthOfRestarted(request, from) : exchange.requestLength;
		this.#requestDone = this.requestLength === 0;
		const { services, stats } = exchange.shared;
		this.#timers = new StreamTimers(this, services, this.info.startMs);
		if (services.metering?.wanted) {
			this.info.downstreamMeter = new BytesMeter();
			this.info.upstreamMeter = new BytesMeter();
			if (this.#requestDone && request.method !== "") this.info.requestReceivedMs = this.info.startMs;
		}
		stats.rqTotal.inc();
		(request.protocol === "HTTP/2" ? stats.rqHttp2Total : stats.rqHttp1Total).inc();
		stats.rqActive.add(1);
	}

	/** Bytes flow both ways without HTTP. */
	get tunnelling(): boolean {
		return this.upgrade !== "";
	}

	get requestHeadOnly(): boolean {
		return this.requestLength === 0;
	}

	get requestOver(): boolean {
		return this.#replied || this.#ended;
	}

	get responseHeadOnly(): boolean {
		return this.#responseLength === 0;
	}

	get responseOver(): boolean {
		return this.#ended;
	}

	/** Takes the request in; its body follows by `onRequestBody`. */
	start(): void {
		const { config } = this.shared;
		this.#timers.limitIdle(config.timeouts.streamIdleMs);
		if (!this.#requestDone) this.#timers.limitRequest(config.timeouts.requestMs);
		const refusal = this.#refusedByLoad() ?? admitRequest(this, this.exchange);
		if (refusal) {
			// It never had a route, whatever the log asks for.
			this.routed = true;
			this.sendLocalReply(refusal);
			return;
		}
		const route = this.route();
		this.#limitDuration(route);
		const { services } = this.shared;
		const { tracing } = services;
		if (tracing) this.#beginTrace(tracing);
		if (services.accessLog) this.#beginLog();
		const filters = filtersFor(config.filters, route);
		if (!anyWants(filters, this)) {
			this.dispatch();
			return;
		}
		this.#grpc = this.#isGrpc();
		this.requestPipe = new RequestPipe(this, filters, this.exchange.bufferLimitBytes);
		this.#filters = this.requestPipe.filters;
		this.requestPipe.head();
	}

	#beginTrace(tracing: NonNullable<HcmShared["services"]["tracing"]>): void {
		this.info.trace = tracing.start(this);
		// The decision is written into it.
		this.info.requestId = this.request.headers.get("x-request-id");
	}

	#beginLog(): void {
		const { onNewRequest, intervalMs } = this.shared.config.logging;
		if (onNewRequest) this.#log("DownstreamStart");
		if (intervalMs <= 0) return;
		const log = () => this.#log("DownstreamPeriodic");
		this.#periodicLog = new PeriodicLog(this.shared.services.deadlines, intervalMs, log);
	}

	#log(type: StreamLogType): void {
		const { downstreamMeter } = this.info;
		if (downstreamMeter) this.exchange.measure(downstreamMeter, this.#trailers, this.done);
		this.shared.services.accessLog?.(this, this.response, this.#trailers, type);
	}

	#isGrpc(): boolean {
		return isGrpc(this.request.headers.get("content-type"));
	}

	#refusedByLoad(): LocalReply | undefined {
		const { services, stats } = this.shared;
		if (!services.loadShedding?.()?.refusesRequest()) return undefined;
		stats.rqOverloadClose.inc();
		return OVERLOADED;
	}

	#limitDuration(route: RouteMatch | undefined): void {
		const { maxStreamDurationMs } = this.shared.config.timeouts;
		const limits = route?.action.kind === "forward" ? route.action.forward.streamDuration : undefined;
		if (limits !== undefined || maxStreamDurationMs > 0)
			this.#timers.limitDuration(streamDurationMs(this.request, limits, maxStreamDurationMs));
	}

	beginTunnel(protocol: string): void {
		this.upgrade = protocol;
		this.requestLength = TUNNEL;
		this.#requestDone = false;
		this.exchange.beginTunnel();
	}

	/** Answers a request that never got as far as the filters; `whole`: nothing more of it would have come. */
	refuse(reply: LocalReply, whole: boolean): void {
		this.#requestDone = whole;
		this.routed = true;
		this.sendLocalReply(reply);
	}

	/** Takes in a request that has come whole before. */
	startAgain({ bytesReceived, body }: RestartedRequest): void {
		this.info.bytesReceived = bytesReceived;
		this.start();
		for (const piece of body) this.onRequestBody(piece, 0, piece.length);
		this.onRequestEnd(undefined);
	}

	onRequestBody(buf: Buffer, start: number, end: number): void {
		this.info.bytesReceived += end - start;
		this.#timers.touch();
		if (this.#replied) return;
		if (this.requestPipe) this.requestPipe.body(buf, start, end);
		else this.forwardBody(buf, start, end);
	}

	onRequestEnd(trailers: HeaderMap | undefined): void {
		this.#requestDone = true;
		this.#endSeen = true;
		this.#timers.requestCame();
		if (this.info.downstreamMeter) this.info.requestReceivedMs ??= this.shared.services.clock.nowMs();
		if (this.#replied) return;
		// The end of a request without body goes with its head, through no filter.
		if (this.requestPipe && !this.requestHeadOnly) this.requestPipe.end(trailers);
		else this.forwardEnd(trailers);
	}

	onDownstreamDrain(): void {
		if (!this.congested) this.#forward?.onDownstreamDrain();
	}

	/** The connection is gone before the answer was whole. */
	onDisconnect(byUs: boolean): void {
		if (!byUs) this.onStreamReset("DC", "downstream_remote_disconnect");
		else if (!this.#ended) {
			this.shared.stats.rqTxReset.inc();
			this.#forward?.cancel();
			this.#end();
		}
	}

	/** The client's side has ended before its time; what is to be said of it. */
	onStreamReset(flag: ResponseFlag, details: string): void {
		if (this.#ended) return;
		this.shared.stats.rqRxReset.inc();
		this.info.responseFlags.add(flag);
		this.info.responseCodeDetails = details;
		this.#forward?.cancel();
		this.#end();
	}

	/** The body's framing broke. */
	onCodecError(error: CodecError): void {
		this.info.responseFlags.add("DPE");
		this.#forward?.cancel();
		if (this.response) this.cut();
		else this.sendLocalReply({ status: error.status, body: statusText(error.status), details: error.details });
	}

	onStreamTooLong(): void {
		if (this.#ended) return;
		this.shared.stats.rqMaxDurationReached.inc();
		const status = this.#requestDone ? 504 : 408;
		const body = "downstream duration timeout";
		this.sendLocalReply({ status, body, details: "max_duration_timeout", grpcStatus: GRPC_DEADLINE_EXCEEDED });
	}

	onStreamIdle(): void {
		this.shared.stats.rqIdleTimeout.inc();
		batchWrites(() =>
			this.sendLocalReply({
				status: this.#requestDone ? 504 : 408,
				body: "stream timeout",
				flag: "SI",
				details: "stream_idle_timeout",
			}),
		);
	}

	onRequestTooSlow(): void {
		this.shared.stats.rqTimeout.inc();
		batchWrites(() =>
			this.sendLocalReply({ status: 408, body: "request timeout", details: "request_overall_timeout" }),
		);
	}

	requestTooLarge(): void {
		this.shared.stats.rqTooLarge.inc();
		this.sendLocalReply({ status: 413, body: "Payload Too Large", details: "request_payload_too_large" });
	}

	responseTooLarge(): void {
		this.shared.stats.rsTooLarge.inc();
		this.sendLocalReply({ status: 500, body: "Internal Server Error", details: "response_payload_too_large" });
	}

	sendLocalReply(reply: LocalReply): void {
		if (this.#headWritten) {
			this.cut();
			return;
		}
		this.#forward?.cancel();
		this.#replied = true;
		this.releaseRequest();
		if (reply.flag) this.info.responseFlags.add(reply.flag);
		// As Envoy: after a bad request nothing on this connection can be trusted.
		if (reply.status === 400) this.exchange.endAfterAnswer?.();
		// Response header operations of the route apply to our own answers too (as in Envoy).
		const asked = { request: this.request, grpc: this.#grpc ?? this.#isGrpc() };
		this.info.responseCodeDetails = reply.details;
		const { head, body } = localResponse(reply, asked, {
			finalize: (answer) => {
				if (this.routed) this.selectedRoute?.finalizeResponse(answer, this.request, this.info, this.choice);
			},
			rewrite: this.shared.services.localReplies && ((answer, text) => this.#rewriteReply(answer, text)),
		});
		batchWrites(() => this.#answer(head, body));
	}

	#rewriteReply(response: ResponseHead, body: string): RewrittenBody {
		const { request, info } = this;
		info.responseCode = response.status;
		const route = this.routed ? this.selectedRoute : undefined;
		return this.shared.services.localReplies!.rewrite(response, body, { request, info, response, route });
	}

	sendInformational(status: number, headers: HeaderMap): void {
		if (!this.shared.config.proxy100Continue) return;
		this.shared.stats.countResponse(status);
		this.exchange.sendInterim(status, headers);
	}

	sendHead(response: ResponseHead, contentLength: number): void {
		this.response = response;
		this.info.responseCode = response.status;
		this.#responseLength = contentLength;
		this.#timers.touch();
		if (this.#filters.length === 0) this.writeHead();
		else {
			this.responsePipe = new ResponsePipe(this, response, this.#filters, this.responseLimitBytes);
			this.responsePipe.head();
		}
	}

	sendBody(buf: Buffer, start: number, end: number): void {
		this.#timers.touch();
		if (this.responsePipe) this.responsePipe.body(buf, start, end);
		else this.writeBody(buf, start, end);
	}

	finish(trailers: HeaderMap | undefined): void {
		if (this.#ended) return;
		if (this.responsePipe && (!this.responseHeadOnly || !this.#headWritten)) this.responsePipe.end(trailers);
		else this.writeEnd(trailers);
	}

	cut(): void {
		this.shared.stats.rqTxReset.inc();
		this.#forward?.cancel();
		this.#end();
		this.exchange.reset();
	}

	restart(answer: ResponseHead, body: readonly Buffer[]): void {
		const { info, request } = this;
		this.response = answer;
		info.responseCode = answer.status;
		info.responseCodeDetails = "internal_redirect";
		this.#end();
		const { bytesReceived } = info;
		this.exchange.restart(request, { history: this.historyOfRedirects(), bytesReceived, body });
	}

	/** What the terminal router filter does. */
	dispatch(): void {
		const { stats, forward } = this.shared;
		stats.rqRouted.inc();
		const match = this.route();
		if (!match) {
			stats.noRoute.inc();
			this.sendLocalReply({ status: 404, body: "", flag: "NR", details: "route_not_found" });
			return;
		}
		if (match.action.kind === "reply") {
			const reply = match.action.reply(this.request, this.info);
			(reply.status >= 300 && reply.status < 400 ? stats.rqRedirect : stats.rqDirectResponse).inc();
			this.sendLocalReply(reply);
			return;
		}
		const action = match.action.forward;
		if (action.idleTimeoutMs !== undefined) this.#timers.limitIdle(action.idleTimeoutMs);
		if (this.#filters.length > 0) this.requestLength = lengthAfterFilters(this.request.headers, this.requestLength);
		this.#forward = new ForwardStream(this, match, action, forward);
		this.#forward.start();
		if (!this.#forward.hasCluster) stats.noCluster.inc();
		if (this.#endSeen && this.requestHeadOnly) this.#forward.onEnd(undefined);
	}

	forwardBody(buf: Buffer, start: number, end: number): void {
		this.#forward?.onBody(buf, start, end);
	}

	forwardEnd(trailers: HeaderMap | undefined): void {
		this.#forward?.onEnd(trailers);
	}

	writeHead(): void {
		const response = this.response!;
		const { stats } = this.shared;
		finishResponseHeaders(response, this.request, this.shared);
		this.info.trace?.onResponse(response);
		this.#headWritten = true;
		if (this.info.downstreamMeter) this.info.downstreamSentMs = this.shared.services.clock.nowMs();
		this.info.responseCode = response.status;
		stats.countResponse(response.status);
		if (this.#filters.length > 0) this.#responseLength = lengthAfterFilters(response.headers, this.#responseLength);
		if (!this.#requestDone && !this.tunnelling) stats.rqResponseBeforeComplete.inc();
		this.exchange.sendHead(response, this.#responseLength);
		if (this.tunnelling && this.shared.config.logging.onTunnel && opensTunnel(response, this.upgrade))
			this.#log("DownstreamTunnelSuccessfullyEstablished");
	}

	writeBody(buf: Buffer, start: number, end: number): void {
		this.info.bytesSent += this.exchange.sendBody(buf, start, end);
	}

	writeEnd(trailers: HeaderMap | undefined): void {
		this.done = true;
		this.#trailers = trailers;
		this.#end();
		this.exchange.sendEnd(trailers);
	}

	#answer(response: ResponseHead, body: Buffer): void {
		if (this.response) {
			// Filters have had a head of this stream already: what takes its place goes straight to the client.
			this.response = response;
			this.responsePipe = undefined;
			this.#responseLength = body.length;
			this.writeHead();
		} else this.sendHead(response, body.length);
		if (body.length > 0 && !this.#ended) this.sendBody(body, 0, body.length);
		this.finish(undefined);
	}

	/** Counts and logs; once. */
	#end(): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#timers.cancel();
		const { stats, services } = this.shared;
		const { info } = this;
		info.durationMs = services.clock.nowMs() - info.startMs;
		this.#periodicLog?.stop();
		stats.rqActive.add(-1);
		stats.rqTime.record(info.durationMs);
		for (const filter of this.#filters) filter?.onStreamEnd?.(this);
		if (info.trace) {
			if (this.#trailers) info.trace.onTrailers(this.#trailers);
			info.trace.finish(this.request);
		}
		this.#log("DownstreamEnd");
	}
}
