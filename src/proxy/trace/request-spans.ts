import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Counter } from "../../telemetry/metrics.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { AttemptTrace, RequestTrace } from "../http/info/request-trace.ts";
import type { StreamInfo } from "../http/info/stream-info.ts";
import type { RequestHead, ResponseHead } from "../http/message.ts";
import type { RouteMatch } from "../router/route-match.ts";
import type { TagContext } from "../router/tracing/custom-tag.ts";
import { decideTracing, type TraceReason } from "./sampling.ts";
import type { Span } from "./span.ts";
import { tagAttempt, tagRequest, tagResponse } from "./span-tags.ts";
import type { CompiledTracing } from "./tracing-config.ts";
import { verboseEvents } from "./verbose-events.ts";

/** What the spans of one connection manager are made with. */
export interface TracingServices {
	readonly clock: Clock;
	readonly random: Random;
	/** A stat of the connection manager: `tracing.random_sampling` and the like. */
	counter(name: string): Counter;
	/** `node.id` and `node.locality.zone`. */
	readonly node: { readonly id: string; readonly zone: string };
	metadataOf(kind: "cluster" | "host", info: StreamInfo): ReturnType<TagContext["metadataOf"]>;
}

/** A request that has just come, with its route. */
export interface IncomingRequest {
	readonly request: RequestHead;
	readonly info: StreamInfo;
	route(): RouteMatch | undefined;
}

/** Tracing of one connection manager: decides, and begins the spans of its requests (Envoy: HCM tracing). */
export class RequestTracing {
	readonly config: CompiledTracing;
	readonly services: TracingServices;
	readonly #counters: Readonly<Record<TraceReason | "health-check", Counter>>;

	constructor(config: CompiledTracing, services: TracingServices) {
		this.config = config;
		this.services = services;
		const counter = (name: string) => services.counter(`tracing.${name}`);
		this.#counters = {
			"not-traceable": counter("not_traceable"),
			sampling: counter("random_sampling"),
			"service-forced": counter("service_forced"),
			"client-forced": counter("client_enabled"),
			"health-check": counter("health_check"),
		};
	}

	/** Undefined: the request has no spans, and nothing is told to upstreams. */
	start(incoming: IncomingRequest): RequestTrace | undefined {
		const { config, services } = this;
		const { request, info } = incoming;
		const route = incoming.route();
		const shares = route?.tracing?.sampling ?? config.sampling;
		const reason = decideTracing(request.headers, shares, config.requestId, services.random);
		const span = config.tracer.start({
			headers: request.headers,
			authority: request.authority,
			name: config.egress ? `egress ${request.authority}` : "ingress",
			kind: config.spawnsUpstreamSpan || !config.egress ? "server" : "client",
			startEpochMs: info.startEpochMs,
			traced: reason !== "not-traceable",
		});
		if (span) return new RequestSpans(this, { span, reason, route }, incoming);
		this.count(reason, false);
		return undefined;
	}

	/** As in Envoy, a health check counts as one beside not being traced. */
	count(reason: TraceReason, healthCheck: boolean): void {
		this.#counters[healthCheck ? "not-traceable" : reason].inc();
		if (healthCheck) this.#counters["health-check"].inc();
	}
}

class RequestSpans implements RequestTrace {
	readonly #tracing: RequestTracing;
	readonly #span: Span;
	readonly #reason: TraceReason;
	readonly #route: RouteMatch | undefined;
	readonly #info: StreamInfo;
	/** The decorator's name, while nobody has overridden it. */
	#decorated: string;
	#response: ResponseHead | undefined;
	#trailers: HeaderMap | undefined;

	constructor(
		tracing: RequestTracing,
		{ span, reason, route }: { span: Span; reason: TraceReason; route: RouteMatch | undefined },
		{ request, info }: IncomingRequest,
	) {
		this.#tracing = tracing;
		this.#span = span;
		this.#reason = reason;
		this.#route = route;
		this.#info = info;
		this.#decorated = route?.decoratorOperation ?? "";
		const { node } = tracing.services;
		span.tags.set("node_id", node.id);
		span.tags.set("zone", node.zone);
		const operation = route?.tracing?.operation ?? tracing.config.operation;
		if (operation) span.name = operation.format({ request, info, route }) || span.name;
		if (this.#decorated !== "") span.name = this.#decorated;
		this.#decorateRequest(request);
	}

	get traceId(): string {
		return this.#span.traceId;
	}

	get spanId(): string {
		return this.#span.spanId;
	}

	onAttempt(
		request: RequestHead,
		{ cluster, attempt }: { cluster: string; attempt: number },
	): AttemptTrace | undefined {
		const { config, services } = this.#tracing;
		const { tracer } = config;
		if (!config.spawnsUpstreamSpan) {
			if (config.propagates) tracer.inject(this.#span, request.headers);
			return undefined;
		}
		const operation = this.#route?.tracing?.upstreamOperation ?? config.upstreamOperation;
		const name = operation?.format({ request, info: this.#info, route: this.#route }) || `router ${cluster} egress`;
		const span = tracer.child(this.#span, name, services.clock.epochMs());
		if (attempt > 1) span.tags.set("retry.count", String(attempt - 1));
		if (config.propagates) tracer.inject(span, request.headers);
		return this.#attemptTrace(span, cluster);
	}

	onCopy(copy: RequestHead, { cluster, sampled }: { cluster: string; sampled: boolean | undefined }): AttemptTrace {
		const { config, services } = this.#tracing;
		const span = config.tracer.child(this.#span, "mirror", services.clock.epochMs());
		span.sampled = sampled ?? span.sampled;
		if (config.propagates) config.tracer.inject(span, copy.headers);
		return this.#attemptTrace(span, cluster);
	}

	onResponse(response: ResponseHead): void {
		this.#response = response;
		const { headers } = response;
		const { egress } = this.#tracing.config;
		if (!egress) {
			if (this.#decorated !== "" && this.#propagates) headers.set("x-envoy-decorator-operation", this.#decorated);
			return;
		}
		const override = headers.get("x-envoy-decorator-operation");
		if (override === undefined) return;
		if (override !== "") this.#span.name = override;
		headers.remove("x-envoy-decorator-operation");
	}

	onTrailers(trailers: HeaderMap): void {
		this.#trailers = trailers;
	}

	dismiss(): void {
		this.#span.sampled = false;
	}

	finish(request: RequestHead): void {
		const info = this.#info;
		const { config } = this.#tracing;
		const span = this.#span;
		this.#tracing.count(this.#reason, info.healthCheck);
		span.endEpochMs = info.startEpochMs + (info.durationMs ?? 0);
		if (!span.sampled) return;
		tagRequest(span, request, info, config.maxPathTagLength);
		tagResponse(span, info, { response: this.#response, trailers: this.#trailers });
		this.#addCustomTags(request, info);
		if (config.verbose) span.events = verboseEvents(info);
		config.tracer.report(span);
	}

	#attemptTrace(span: Span, cluster: string): AttemptTrace {
		const { config, services } = this.#tracing;
		return {
			finish: (outcome) => {
				tagAttempt(span, cluster, outcome);
				span.endEpochMs = services.clock.epochMs();
				config.tracer.report(span);
			},
		};
	}

	get #propagates(): boolean {
		return this.#route?.decoratorPropagates ?? true;
	}

	/** Outbound: tells the server our name for the call. Inbound: takes the client's. */
	#decorateRequest({ headers }: RequestHead): void {
		if (this.#tracing.config.egress) {
			if (this.#decorated !== "" && this.#propagates) headers.set("x-envoy-decorator-operation", this.#decorated);
			return;
		}
		const override = headers.get("x-envoy-decorator-operation");
		if (override === undefined) return;
		if (override !== "") {
			this.#span.name = override;
			this.#decorated = "";
		}
		headers.remove("x-envoy-decorator-operation");
	}

	#addCustomTags(request: RequestHead, info: StreamInfo): void {
		const { config, services } = this.#tracing;
		const tags = this.#route?.tracing?.customTags ?? [];
		if (config.customTags.length === 0 && tags.length === 0) return;
		const ctx: TagContext = {
			request,
			info,
			response: this.#response,
			trailers: this.#trailers,
			route: this.#route,
			metadataOf: (kind) => services.metadataOf(kind, info),
		};
		for (const tag of [...config.customTags, ...tags]) {
			const value = tag.value(ctx);
			if (value !== "") this.#span.tags.set(tag.name, value);
		}
	}
}
