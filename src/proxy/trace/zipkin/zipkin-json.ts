import type { Span } from "../span.ts";

/** This proxy in Zipkin's terms. */
export interface LocalEndpoint {
	readonly serviceName: string;
	readonly ip: string | undefined;
}

/** Spans in Zipkin's JSON, version 2. Times are microseconds. */
export function encodeZipkinSpans(spans: readonly Span[], endpoint: LocalEndpoint): string {
	const localEndpoint = formatEndpoint(endpoint);
	return JSON.stringify(spans.map((span) => formatSpan(span, localEndpoint)));
}

function formatSpan(span: Span, localEndpoint: object): object {
	const timestamp = micros(span.startEpochMs);
	const end = Math.max(micros(span.endEpochMs), timestamp);
	return {
		traceId: span.traceId,
		...(span.parentId !== "" && { parentId: span.parentId }),
		id: span.spanId,
		kind: span.kind === "server" ? "SERVER" : "CLIENT",
		...(span.name !== "" && { name: span.name }),
		...(span.shared && { shared: true }),
		timestamp,
		duration: end - timestamp,
		localEndpoint,
		annotations: [
			...(span.events ?? []).map(({ name, epochMs }) => ({ timestamp: micros(epochMs), value: name })),
			{ timestamp: end, value: span.kind === "server" ? "ss" : "cr" },
		],
		tags: Object.fromEntries([...span.tags].filter(([, value]) => value !== "")),
	};
}

function formatEndpoint({ serviceName, ip }: LocalEndpoint): object {
	const address = ip === undefined ? {} : { [ip.includes(":") ? "ipv6" : "ipv4"]: ip };
	return { ...address, port: 0, ...(serviceName !== "" && { serviceName }) };
}

function micros(epochMs: number): number {
	return Math.round(epochMs * 1000);
}
