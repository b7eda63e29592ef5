/** What a span is about: the proxy as server of its client, or as client of its upstream. */
export type SpanKind = "server" | "client";

/** One span; ids are lower-case hex. */
export class Span {
	/** 32 digits, or 16 where 64-bit ids are configured or came. */
	readonly traceId: string;
	readonly spanId: string;
	/** Empty: the trace begins here. */
	readonly parentId: string;
	readonly kind: SpanKind;
	name: string;
	/** Reported, and told to be wanted further on. */
	sampled: boolean;
	/** W3C tracestate that came along. */
	readonly traceState: string;
	/** The span was begun by the client: both sides report to it (Zipkin). */
	readonly shared: boolean;
	/** The parent is a span of somebody else. */
	readonly remoteParent: boolean;
	readonly startEpochMs: number;
	endEpochMs = 0;
	readonly tags = new Map<string, string>();
	/** What happened when, in order; undefined: nothing is told of it. */
	events: readonly SpanEvent[] | undefined = undefined;

	constructor(init: SpanInit) {
		this.traceId = init.traceId;
		this.spanId = init.spanId;
		this.parentId = init.parentId;
		this.kind = init.kind;
		this.name = init.name;
		this.sampled = init.sampled;
		this.traceState = init.traceState;
		this.shared = init.shared;
		this.remoteParent = init.remoteParent ?? false;
		this.startEpochMs = init.startEpochMs;
	}
}

/** An instant of a span. */
export interface SpanEvent {
	readonly name: string;
	readonly epochMs: number;
}

export interface SpanInit {
	readonly traceId: string;
	readonly spanId: string;
	readonly parentId: string;
	readonly kind: SpanKind;
	readonly name: string;
	readonly sampled: boolean;
	readonly traceState: string;
	readonly shared: boolean;
	readonly startEpochMs: number;
	readonly remoteParent?: boolean;
}
