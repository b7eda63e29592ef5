import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { HeaderMap } from "../http/header-map.ts";
import type { SideCalls } from "../http/side-calls.ts";
import type { Span, SpanKind } from "./span.ts";

/** What a new span is begun with. */
export interface SpanStart {
	readonly headers: HeaderMap;
	/** Of the request. */
	readonly authority: string;
	readonly name: string;
	readonly kind: SpanKind;
	readonly startEpochMs: number;
	/** What this proxy decided, if nothing that came says otherwise. */
	readonly traced: boolean;
}

/** One provider: how its spans begin, what is told to upstreams, where finished ones go. */
export interface Tracer {
	/** The request's span, in the trace that came or in a new one; undefined when what came cannot be read: no span then. */
	start(start: SpanStart): Span | undefined;
	child(parent: Span, name: string, startEpochMs: number): Span;
	/** Tells the next hop that `span` is its parent. */
	inject(span: Span, headers: HeaderMap): void;
	/** The span has ended; it goes to the collector when it is sampled. */
	report(span: Span): void;
}

/** What providers need of the process. */
export interface ProviderDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly calls: SideCalls;
	readonly metrics: Pick<Metrics, "scope">;
	readonly node: {
		/** `node.cluster`. */
		readonly cluster: string;
		/** By which this node is known to others. */
		readonly ip: string;
	};
	/** Of this proxy. */
	readonly version: string;
	readonly environment: (name: string) => string | undefined;
}
