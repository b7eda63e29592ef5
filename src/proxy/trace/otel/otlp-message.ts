import { create, toBinary } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "../../../xds/generated/opentelemetry/proto/collector/trace/v1/trace_service_pb.ts";
import type { Span as OtlpSpan } from "../../../xds/generated/opentelemetry/proto/trace/v1/trace_pb.ts";
import {
	Span_SpanKind as SpanKind,
	SpanSchema,
	Status_StatusCode as StatusCode,
} from "../../../xds/generated/opentelemetry/proto/trace/v1/trace_pb.ts";
import type { Span } from "../span.ts";

/** What is said of this proxy with every batch. */
export interface OtlpOrigin {
	readonly resource: ReadonlyMap<string, string>;
	/** Undefined: no instrumentation scope is named. */
	readonly scope: { readonly name: string; readonly version: string } | undefined;
}

/** W3C trace flags in the low byte; it is known whether the parent is remote, and whether it is. */
const SAMPLED = 1;
const REMOTE_KNOWN = 0x100;
const REMOTE = 0x200;

/** A batch as OTLP's ExportTraceServiceRequest. */
export function encodeOtlpSpans(spans: readonly Span[], { resource, scope }: OtlpOrigin): Uint8Array {
	const request = create(ExportTraceServiceRequestSchema, {
		resourceSpans: [
			{
				resource: { attributes: attributes(resource) },
				scopeSpans: [{ ...(scope && { scope }), spans: spans.map(formatSpan) }],
			},
		],
	});
	return toBinary(ExportTraceServiceRequestSchema, request);
}

function formatSpan(span: Span): OtlpSpan {
	return create(SpanSchema, {
		traceId: bytesOf(span.traceId.padStart(32, "0")),
		spanId: bytesOf(span.spanId),
		traceState: span.traceState,
		parentSpanId: bytesOf(span.parentId),
		flags: (span.sampled ? SAMPLED : 0) | REMOTE_KNOWN | (span.remoteParent ? REMOTE : 0),
		name: span.name,
		kind: span.kind === "server" ? SpanKind.SERVER : SpanKind.CLIENT,
		startTimeUnixNano: nanos(span.startEpochMs),
		endTimeUnixNano: nanos(span.endEpochMs),
		attributes: attributes(span.tags),
		events: (span.events ?? []).map(({ name, epochMs }) => ({ timeUnixNano: nanos(epochMs), name })),
		...(failed(span) && { status: { code: StatusCode.ERROR } }),
	});
}

/** gRPC statuses that are a server's failure (OpenTelemetry: semantic conventions for gRPC spans). */
const SERVER_FAILURES = new Set(["2", "4", "12", "13", "14", "15"]);

/** Whether the span's status is an error: failures of the server, to a client also what was refused (OpenTelemetry: HTTP spans). */
function failed({ tags, kind }: Span): boolean {
	const status = Number(tags.get("http.status_code"));
	if (status >= (kind === "client" ? 400 : 500)) return true;
	const grpcStatus = tags.get("grpc.status_code");
	if (grpcStatus === undefined) return false;
	return kind === "client" ? grpcStatus !== "0" : SERVER_FAILURES.has(grpcStatus);
}

function attributes(from: ReadonlyMap<string, string>) {
	return [...from].map(([key, value]) => ({ key, value: { value: { case: "stringValue" as const, value } } }));
}

function nanos(epochMs: number): bigint {
	return BigInt(Math.round(epochMs * 1000)) * 1000n;
}

/** Bytes that hex digits stand for. */
export function bytesOf(hex: string): Uint8Array {
	return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
