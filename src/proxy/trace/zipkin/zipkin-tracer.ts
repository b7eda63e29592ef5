import type { Random } from "../../../lib/random.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import { Span } from "../span.ts";
import { randomId } from "../trace-ids.ts";
import type { SpanStart, Tracer } from "../tracer.ts";
import { readW3cContext, writeW3cContext } from "../w3c-context.ts";
import { readB3Context, readB3Sampled, writeB3Context } from "./b3-context.ts";

export interface ZipkinSettings {
	readonly longTraceIds: boolean;
	/** Server and client of a call report to one span. */
	readonly sharesSpans: boolean;
	/** Reads traceparent where there is no B3, and writes it too. */
	readonly alsoW3c: boolean;
}

/** Spans as Envoy's Zipkin tracer begins and propagates them. */
export class ZipkinTracer implements Tracer {
	readonly #settings: ZipkinSettings;
	readonly #random: Random;
	readonly #report: (span: Span) => void;

	constructor(settings: ZipkinSettings, random: Random, report: (span: Span) => void) {
		this.#settings = settings;
		this.#random = random;
		this.#report = report;
	}

	start(start: SpanStart): Span | undefined {
		const { alsoW3c, sharesSpans } = this.#settings;
		const { headers, kind, startEpochMs } = start;
		const sampled = readB3Sampled(headers) ?? start.traced;
		const parent = readB3Context(headers, sampled) ?? (alsoW3c ? readW3cContext(headers) : undefined);
		if (parent === "invalid") return undefined;
		const common = { kind, name: start.authority, startEpochMs, traceState: "" };
		if (!parent) return this.#root(common, sampled);
		const shared = kind === "server" && sharesSpans;
		return new Span({
			...common,
			traceId: parent.traceId,
			spanId: shared ? parent.spanId : randomId(this.#random),
			parentId: shared ? parent.parentId : parent.spanId,
			sampled: parent.sampled,
			shared,
		});
	}

	child(parent: Span, name: string, startEpochMs: number): Span {
		return new Span({
			traceId: parent.traceId,
			spanId: randomId(this.#random),
			parentId: parent.spanId,
			kind: "client",
			name,
			sampled: parent.sampled,
			traceState: "",
			shared: false,
			startEpochMs,
		});
	}

	inject(span: Span, headers: HeaderMap): void {
		writeB3Context(headers, span);
		if (this.#settings.alsoW3c) writeW3cContext(headers, span);
	}

	report(span: Span): void {
		if (span.sampled) this.#report(span);
	}

	#root(
		common: { kind: Span["kind"]; name: string; startEpochMs: number; traceState: string },
		sampled: boolean,
	): Span {
		const id = randomId(this.#random);
		const traceId = this.#settings.longTraceIds ? randomId(this.#random) + id : id;
		const shared = common.kind === "server" && this.#settings.sharesSpans;
		return new Span({ ...common, traceId, spanId: id, parentId: "", sampled, shared });
	}
}
