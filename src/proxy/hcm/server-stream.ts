import type { Random } from "../../lib/random.ts";
import type { CodecError } from "../codec/codec-error.ts";
import { TUNNEL } from "../codec/message-parser.ts";
import { statusText } from "../codec/status-text.ts";
import { batchWrites } from "../codec/transport.ts";
import { filtersFor } from "../filter/filter-chain.ts";
import type { HttpFilter } from "../filter/http-filter.ts";
import type { Downstream } from "../forward/downstream.ts";
import { ForwardStream } from "../forward/forward-stream.ts";
import { Timer, type TimerOwner } from "../http/deadlines.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { LocalReply, RequestHead, ResponseHead } from "../http/message.ts";
import { RequestInfo } from "../http/request-info.ts";
import type { RouteContext, RouteMatch } from "../router/route-match.ts";
import type { Exchange } from "./exchange.ts";
import { HeldBody } from "./held-body.ts";
import { admitRequest, type IncomingStream } from "./request-admission.ts";
import { finishResponseHeaders, localResponse } from "./response-headers.ts";

const BEFORE_FILTERS = 0;
const IN_FILTERS = 1;
const HELD = 2;
const PASSED = 3;

/** One request and its answer: filters, route, forwarding or local reply, timeouts, log. */
export class ServerStream implements IncomingStream, Downstream, RouteContext, TimerOwner {
	readonly request: RequestHead;
	readonly info: RequestInfo;
	requestLength: number;
	upgrade = "";
	/** Answered whole. */
	done = false;
	readonly #exchange: Exchange;
	readonly #filters: HttpFilter[] = [];
	#phase = BEFORE_FILTERS;
	#nextFilter = 0;
	#requestDone: boolean;
	#route: RouteMatch | undefined = undefined;
	#routed = false;
	#forward: ForwardStream | undefined = undefined;
	#held: HeldBody | undefined = undefined;
	#response: ResponseHead | undefined = undefined;
	#idleTimer: Timer | undefined = undefined;
	#requestTimer: Timer | undefined = undefined;
	#lastActivityMs: number;
	#idleMs = 0;
	#ended = false;

	constructor(exchange: Exchange, request: RequestHead) {
		this.#exchange = exchange;
		this.request = request;
		this.requestLength = exchange.requestLength;
		this.#requestDone = this.requestLength === 0;
		const { connection, shared } = exchange;
		const { clock } = shared.services;
		const info = new RequestInfo(clock.epochMs(), clock.nowMs());
		info.protocol = request.protocol;
		info.connection = connection;
		info.requestedServerName = connection.requestedServerName;
		this.info = info;
		this.#lastActivityMs = info.startMs;
		const { stats } = shared;
		stats.rqTotal.inc();
		(request.protocol === "HTTP/2" ? stats.rqHttp2Total : stats.rqHttp1Total).inc();
		stats.rqActive.add(1);
	}

	get random(): Random {
		return this.#exchange.shared.services.random;
	}

	get congested(): boolean {
		return this.#exchange.congested;
	}

	/** Bytes flow both ways without HTTP. */
	get tunnelling(): boolean {
		return this.upgrade !== "";
	}

	/** Takes the request in; its body follows by `onRequestBody`. */
	start(): void {
		const { config } = this.#exchange.shared;
		this.#armTimers();
		const refusal = admitRequest(this, this.#exchange);
		if (refusal) {
			this.sendLocalReply(refusal);
			return;
		}
		for (const filter of filtersFor(config.filters, this.route())) this.#filters.push(filter.create());
		this.#phase = IN_FILTERS;
		this.#runFilters();
	}

	beginTunnel(protocol: string): void {
		this.upgrade = protocol;
		this.requestLength = TUNNEL;
		this.#requestDone = false;
		this.#exchange.beginTunnel();
	}

	/** Answers a request that never got as far as the filters. */
	refuse(reply: LocalReply): void {
		this.#requestDone = false;
		this.sendLocalReply(reply);
	}

	onRequestBody(buf: Buffer, start: number, end: number): void {
		this.info.bytesReceived += end - start;
		if (this.#idleTimer) this.#touch();
		if (this.#forward) this.#forward.onBody(buf, start, end);
		else if (this.#phase === HELD) this.#hold().keep(buf, start, end);
	}

	onRequestEnd(trailers: HeaderMap | undefined): void {
		this.#requestDone = true;
		this.#requestTimer?.cancel();
		if (this.#forward) this.#forward.onEnd(trailers);
		else if (this.#phase === HELD) this.#hold().end(trailers);
	}

	onDownstreamDrain(): void {
		this.#forward?.onDownstreamDrain();
	}

	/** The connection is gone before the answer was whole. */
	onDisconnect(byUs: boolean): void {
		if (this.#ended) return;
		const { stats } = this.#exchange.shared;
		if (!byUs) {
			stats.rqRxReset.inc();
			this.info.responseFlags.add("DC");
			this.info.responseCodeDetails = "downstream_remote_disconnect";
		} else stats.rqTxReset.inc();
		this.#forward?.cancel();
		this.#end();
	}

	/** The body's framing broke. */
	onCodecError(error: CodecError): void {
		this.info.responseFlags.add("DPE");
		this.#forward?.cancel();
		if (this.#response) this.cut();
		else this.sendLocalReply({ status: error.status, body: statusText(error.status), details: error.details });
	}

	onTimer(timer: Timer): void {
		batchWrites(() => (timer === this.#requestTimer ? this.#requestTimedOut() : this.#checkIdle()));
	}

	route(): RouteMatch | undefined {
		if (!this.#routed) {
			this.#routed = true;
			this.#route = this.#exchange.shared.services.routeTable()?.match(this.request, this);
			if (this.#route) {
				this.info.routeName = this.#route.routeName;
				this.info.virtualHostName = this.#route.virtualHostName;
			}
		}
		return this.#route;
	}

	routeConfig(filterName: string): unknown {
		return this.route()?.perFilterConfig(filterName);
	}

	continueDecoding(): void {
		if (this.#phase !== HELD || this.#ended) return;
		batchWrites(() => {
			this.#phase = IN_FILTERS;
			this.#exchange.resumeReading();
			this.#runFilters();
		});
	}

	sendLocalReply(reply: LocalReply): void {
		if (this.#response) {
			this.cut();
			return;
		}
		this.#forward?.cancel();
		if (this.#phase === HELD) this.#exchange.resumeReading();
		this.#phase = PASSED;
		if (reply.flag) this.info.responseFlags.add(reply.flag);
		const response = localResponse(reply);
		// Response header operations of the route apply to our own answers too (as in Envoy).
		if (this.#routed) this.#route?.finalizeResponse(response, this.request, this.info, this.#forward?.choice);
		this.info.responseCodeDetails = reply.details;
		batchWrites(() => {
			this.sendHead(response, Buffer.byteLength(reply.body));
			if (reply.body !== "") {
				const body = Buffer.from(reply.body);
				this.info.bytesSent += this.#exchange.sendBody(body, 0, body.length);
			}
			this.finish(undefined);
		});
	}

	sendInformational(status: number, headers: HeaderMap): void {
		if (this.#exchange.shared.config.proxy100Continue) this.#exchange.sendInterim(status, headers);
	}

	sendHead(response: ResponseHead, contentLength: number): void {
		const { shared } = this.#exchange;
		this.#response = response;
		if (this.#idleTimer) this.#touch();
		finishResponseHeaders(response, this.request, shared);
		for (let i = this.#filters.length - 1; i >= 0; i--) this.#filters[i]!.encodeHeaders?.(this, response);
		this.info.responseCode = response.status;
		if (!this.#requestDone && !this.tunnelling) shared.stats.rqResponseBeforeComplete.inc();
		this.#exchange.sendHead(response, contentLength);
	}

	sendBody(buf: Buffer, start: number, end: number): void {
		if (this.#idleTimer) this.#touch();
		this.info.bytesSent += this.#exchange.sendBody(buf, start, end);
	}

	finish(trailers: HeaderMap | undefined): void {
		if (this.#ended) return;
		this.done = true;
		this.#end();
		this.#exchange.sendEnd(trailers);
	}

	cut(): void {
		this.#exchange.shared.stats.rqTxReset.inc();
		this.#forward?.cancel();
		this.#end();
		this.#exchange.reset();
	}

	pauseRequest(): void {
		this.#exchange.pauseReading();
	}

	resumeRequest(): void {
		this.#exchange.resumeReading();
	}

	#runFilters(): void {
		const filters = this.#filters;
		while (this.#nextFilter < filters.length) {
			const filter = filters[this.#nextFilter++]!;
			const outcome = filter.decodeHeaders?.(this, this.#requestDone) ?? "continue";
			if (this.#phase === PASSED) return;
			if (outcome === "stop") {
				this.#phase = HELD;
				if (!this.#requestDone) this.#exchange.pauseReading();
				return;
			}
		}
		this.#phase = PASSED;
		this.#dispatch();
	}

	/** What the terminal router filter does. */
	#dispatch(): void {
		const { stats, forward } = this.#exchange.shared;
		const match = this.route();
		if (!match) {
			stats.noRoute.inc();
			this.sendLocalReply({ status: 404, body: "", flag: "NR", details: "route_not_found" });
			return;
		}
		if (match.action.kind === "reply") {
			const reply = match.action.reply(this.request);
			(reply.status >= 300 && reply.status < 400 ? stats.rqRedirect : stats.rqDirectResponse).inc();
			this.sendLocalReply(reply);
			return;
		}
		stats.rqRouted.inc();
		const action = match.action.forward;
		if (action.idleTimeoutMs !== undefined) this.#setIdle(action.idleTimeoutMs);
		this.#forward = new ForwardStream(this, match, action, forward);
		this.#forward.start();
		if (this.#forward.choice === undefined) stats.noCluster.inc();
		this.#held?.replay(this.#forward);
		this.#held = undefined;
	}

	#hold(): HeldBody {
		this.#held ??= new HeldBody();
		return this.#held;
	}

	#armTimers(): void {
		const { timeouts } = this.#exchange.shared.config;
		this.#setIdle(timeouts.streamIdleMs);
		if (timeouts.requestMs <= 0 || this.#requestDone) return;
		this.#requestTimer = new Timer(this);
		this.#exchange.shared.services.deadlines.arm(this.#requestTimer, timeouts.requestMs);
	}

	#setIdle(idleMs: number): void {
		this.#idleMs = idleMs;
		if (idleMs <= 0) this.#idleTimer?.cancel();
		else {
			this.#idleTimer ??= new Timer(this);
			this.#exchange.shared.services.deadlines.arm(this.#idleTimer, idleMs, this.#lastActivityMs);
		}
	}

	/** The timer is not armed anew for each piece: when it rings it looks how long the quiet has lasted. */
	#touch(): void {
		this.#lastActivityMs = this.#exchange.shared.services.clock.nowMs();
	}

	#checkIdle(): void {
		const { services, stats } = this.#exchange.shared;
		const leftMs = this.#idleMs - (services.clock.nowMs() - this.#lastActivityMs);
		if (leftMs > 0) {
			services.deadlines.arm(this.#idleTimer!, Math.ceil(leftMs));
			return;
		}
		stats.rqIdleTimeout.inc();
		this.sendLocalReply({ status: 408, body: "stream timeout", flag: "SI", details: "stream_idle_timeout" });
	}

	#requestTimedOut(): void {
		this.#exchange.shared.stats.rqTimeout.inc();
		this.sendLocalReply({ status: 408, body: "request timeout", details: "request_overall_timeout" });
	}

	/** Counts and logs; once. */
	#end(): void {
		if (this.#ended) return;
		this.#ended = true;
		this.#idleTimer?.cancel();
		this.#requestTimer?.cancel();
		const { stats, services } = this.#exchange.shared;
		const { info } = this;
		info.durationMs = services.clock.nowMs() - info.startMs;
		stats.rqActive.add(-1);
		stats.rqCompleted.inc();
		stats.rqTime.record(info.durationMs);
		if (info.responseCode > 0) stats.rqClasses[Math.floor(info.responseCode / 100)]?.inc();
		for (const filter of this.#filters) filter.onStreamEnd?.(this);
		services.accessLog?.(this, this.#response);
	}
}
