import type { Random } from "../../../lib/random.ts";
import { batchWrites } from "../../codec/transport.ts";
import type { HttpFilter } from "../../filter/http-filter.ts";
import type { HostOverride } from "../../forward/downstream.ts";
import type { ConnectionInfo } from "../../http/info/connection-info.ts";
import { RequestInfo } from "../../http/info/request-info.ts";
import type { RequestHead, ResponseHead } from "../../http/message.ts";
import type { InternalRedirects, RedirectHistory } from "../../router/action/internal-redirect.ts";
import type { ClusterChoice, RouteMatch } from "../../router/route-match.ts";
import type { Exchange } from "../connection/exchange.ts";
import type { HcmShared } from "../hcm-shared.ts";
import { followRedirect } from "./internal-redirect.ts";
import type { RequestPipe } from "./request-pipe.ts";
import type { ResponsePipe } from "./response-pipe.ts";

/** What filters see and do of a stream: its route, its two pipes, who pauses what. */
export abstract class FilteredStream {
	readonly request: RequestHead;
	readonly info: RequestInfo;
	choice: ClusterChoice | undefined = undefined;
	hostOverride: HostOverride | undefined = undefined;
	/** Undefined: the request is the client's own, no redirect has changed it. */
	readonly redirected: RedirectHistory | undefined;
	protected readonly exchange: Exchange;
	protected requestPipe: RequestPipe | undefined = undefined;
	protected responsePipe: ResponsePipe | undefined = undefined;
	protected responseLimitBytes: number;
	protected selectedRoute: RouteMatch | undefined = undefined;
	/** The route has been looked for. */
	protected routed = false;
	#history: RedirectHistory | undefined = undefined;
	#requestPauses = 0;
	#responsePauses = 0;

	constructor(exchange: Exchange, request: RequestHead, redirected: RedirectHistory | undefined) {
		this.exchange = exchange;
		this.request = request;
		this.redirected = redirected;
		this.responseLimitBytes = exchange.bufferLimitBytes;
		const { connection, shared } = exchange;
		const { clock } = shared.services;
		const info = new RequestInfo(clock.epochMs(), clock.nowMs());
		info.protocol = request.protocol;
		info.connection = connection;
		info.requestedServerName = connection.requestedServerName;
		this.info = info;
	}

	abstract readonly requestOver: boolean;
	abstract readonly responseOver: boolean;
	abstract onDownstreamDrain(): void;

	get random(): Random {
		return this.shared.services.random;
	}

	get connection(): ConnectionInfo {
		return this.exchange.connection;
	}

	get bufferLimitBytes(): number {
		return this.requestPipe?.limitBytes ?? this.exchange.bufferLimitBytes;
	}

	get congested(): boolean {
		return this.#responsePauses > 0 || this.exchange.congested;
	}

	protected get shared(): HcmShared {
		return this.exchange.shared;
	}

	route(): RouteMatch | undefined {
		if (!this.routed) {
			this.routed = true;
			const { info } = this;
			const { clock } = this.shared.services;
			const beganMs = info.downstreamMeter ? clock.nowMs() : 0;
			this.selectedRoute = this.shared.services.routeTable(this.request)?.match(this.request, this);
			info.routeResolutions++;
			if (info.downstreamMeter) info.routeResolutionMs += clock.nowMs() - beganMs;
			if (this.selectedRoute) this.#noteRoute(this.selectedRoute);
		}
		return this.selectedRoute;
	}

	#noteRoute({ routeName, virtualHostName, action }: RouteMatch): void {
		const { info } = this;
		info.routeName = routeName;
		info.virtualHostName = virtualHostName;
		this.choice = undefined;
		info.upstreamCluster = undefined;
		if (action.kind !== "forward") return;
		const { clusters, allEjected } = this.shared.forward;
		this.choice = action.forward.chooseCluster(this.request, this.random, allEjected, info);
		this.selectedRoute = this.selectedRoute!.forChoice(this.choice);
		info.upstreamCluster = clusters.get(this.choice.cluster)?.name;
	}

	clearRoute(): void {
		this.routed = false;
	}

	demandRoute(done: () => void): boolean {
		return this.shared.services.demandRoute?.(this.request, done) ?? false;
	}

	routeConfig(filterName: string): unknown {
		return this.route()?.perFilterConfig(filterName);
	}

	continueDecoding(filter: HttpFilter): void {
		if (!this.requestOver) batchWrites(() => this.requestPipe?.resume(filter));
	}

	continueEncoding(filter: HttpFilter): void {
		if (!this.responseOver) batchWrites(() => this.responsePipe?.resume(filter));
	}

	heldRequest(filter: HttpFilter): Uint8Array {
		return this.requestPipe!.held(filter);
	}

	heldResponse(filter: HttpFilter): Uint8Array {
		return this.responsePipe!.held(filter);
	}

	injectRequest(filter: HttpFilter, bytes: Uint8Array): void {
		if (!this.requestOver) batchWrites(() => this.requestPipe?.inject(filter, bytes));
	}

	injectResponse(filter: HttpFilter, bytes: Uint8Array): void {
		if (!this.responseOver) batchWrites(() => this.responsePipe?.inject(filter, bytes));
	}

	limitRequestBuffer(maxBytes: number): void {
		this.requestPipe!.limitBytes = maxBytes;
	}

	limitResponseBuffer(maxBytes: number): void {
		this.responseLimitBytes = maxBytes;
		if (this.responsePipe) this.responsePipe.limitBytes = maxBytes;
	}

	pauseRequest(): void {
		if (this.#requestPauses++ === 0) this.exchange.pauseReading();
	}

	resumeRequest(): void {
		if (this.#requestPauses > 0 && --this.#requestPauses === 0) this.exchange.resumeReading();
	}

	pauseResponse(): void {
		this.#responsePauses++;
	}

	resumeResponse(): void {
		if (this.#responsePauses > 0 && --this.#responsePauses === 0 && !this.responseOver)
			batchWrites(() => this.onDownstreamDrain());
	}

	followRedirect(answer: ResponseHead, policy: InternalRedirects): boolean {
		const { request, choice } = this;
		const follows = followRedirect(
			{
				request,
				history: this.historyOfRedirects(),
				secure: this.connection.tls !== undefined,
				stats: this.shared.stats,
				routeName: this.selectedRoute?.routeName ?? "",
				reroute: () => {
					this.clearRoute();
					this.info.routeName = undefined;
					this.info.upstreamCluster = undefined;
					return this.route()?.routeName;
				},
			},
			answer,
			policy,
		);
		// The answer still belongs to the cluster that gave it.
		this.choice = choice;
		return follows;
	}

	overrideHost(address: string, strict: boolean): void {
		this.hostOverride = { address, strict };
	}

	protected historyOfRedirects(): RedirectHistory {
		this.#history ??= this.redirected ?? { count: 0, targets: new Map() };
		return this.#history;
	}

	/** Nobody holds the request back any more. */
	protected releaseRequest(): void {
		if (this.#requestPauses > 0) this.exchange.resumeReading();
		this.#requestPauses = 0;
	}
}
