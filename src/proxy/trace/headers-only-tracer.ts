import type { Random } from "../../lib/random.ts";
import type { HeaderMap } from "../http/header-map.ts";
import { Span } from "./span.ts";
import { randomId, randomLongId } from "./trace-ids.ts";
import type { SpanStart, Tracer } from "./tracer.ts";
import { readW3cContext, writeW3cContext } from "./w3c-context.ts";
import { readB3Context, readB3Sampled, writeB3Context } from "./zipkin/b3-context.ts";

/**
 * Tracing without a provider: spans go nowhere, but B3 and W3C fields keep the calls of a request together for whoever reports them
 * (docs/envoy-differences.md: trace-headers-without-provider).
 */
export class HeadersOnlyTracer implements Tracer {
	readonly #random: Random;

	constructor(random: Random) {
		this.#random = random;
	}

	start({ headers, kind, name, startEpochMs, traced }: SpanStart): Span {
		const fromB3 = readB3Context(headers, readB3Sampled(headers) ?? traced);
		const found = fromB3 === undefined || fromB3 === "invalid" ? readW3cContext(headers) : fromB3;
		const parent = found === "invalid" ? undefined : found;
		return new Span({
			traceId: parent?.traceId ?? randomLongId(this.#random),
			spanId: randomId(this.#random),
			parentId: parent?.spanId ?? "",
			kind,
			name,
			sampled: parent?.sampled ?? traced,
			traceState: "",
			shared: false,
			startEpochMs,
		});
	}

	child(parent: Span): Span {
		return parent;
	}

	inject(span: Span, headers: HeaderMap): void {
		writeB3Context(headers, span);
		writeW3cContext(headers, span);
	}

	report(): void {
		// There is nobody to tell.
	}
}
