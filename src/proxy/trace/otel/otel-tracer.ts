import type { Random } from "../../../lib/random.ts";
import type { HeaderMap } from "../../http/header-map.ts";
import { Span } from "../span.ts";
import { randomId, randomLongId } from "../trace-ids.ts";
import type { SpanStart, Tracer } from "../tracer.ts";
import { readW3cContext, writeW3cContext } from "../w3c-context.ts";
import { put } from "../zipkin/b3-context.ts";

/** Spans as Envoy's OpenTelemetry tracer begins and propagates them: W3C Trace Context. */
export class OtelTracer implements Tracer {
	readonly #random: Random;
	/** The `always_on` sampler: this proxy's own decision counts, whatever came. */
	readonly #alwaysOn: boolean;
	readonly #report: (span: Span) => void;

	constructor(alwaysOn: boolean, random: Random, report: (span: Span) => void) {
		this.#alwaysOn = alwaysOn;
		this.#random = random;
		this.#report = report;
	}

	start({ headers, kind, name, startEpochMs, traced }: SpanStart): Span | undefined {
		const parent = readW3cContext(headers);
		if (parent === "invalid") return undefined;
		return new Span({
			traceId: parent?.traceId ?? randomLongId(this.#random),
			spanId: randomId(this.#random),
			parentId: parent?.spanId ?? "",
			kind,
			name,
			sampled: this.#alwaysOn ? traced : (parent?.sampled ?? traced),
			traceState: parent?.traceState ?? "",
			shared: false,
			startEpochMs,
			remoteParent: parent !== undefined,
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
			traceState: parent.traceState,
			shared: false,
			startEpochMs,
		});
	}

	inject(span: Span, headers: HeaderMap): void {
		writeW3cContext(headers, span);
		put(headers, "tracestate", span.traceState);
	}

	report(span: Span): void {
		if (span.sampled) this.#report(span);
	}
}
