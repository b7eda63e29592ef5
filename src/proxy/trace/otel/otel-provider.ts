import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { OpenTelemetryConfig } from "../../../xds/generated/envoy/config/trace/v3/opentelemetry_pb.ts";
import { AlwaysOnSamplerConfigSchema } from "../../../xds/generated/envoy/extensions/tracers/opentelemetry/samplers/v3/always_on_sampler_pb.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { CollectorCalls } from "../collector-call.ts";
import { grpcCollector, grpcFrame } from "../grpc-collector.ts";
import { parseHttpService } from "../http-service.ts";
import type { Span } from "../span.ts";
import { SpanQueue } from "../span-queue.ts";
import type { ProviderDeps, Tracer } from "../tracer.ts";
import { OtelTracer } from "./otel-tracer.ts";
import { encodeOtlpSpans, type OtlpOrigin } from "./otlp-message.ts";
import { otlpResource } from "./otlp-resource.ts";

/** Envoy's runtime default `tracing.opentelemetry.min_flush_spans`. */
const BATCH = 5;
const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/** Compiles an OpenTelemetry provider: OTLP by gRPC or HTTP. */
export function compileOtel(
	config: OpenTelemetryConfig,
	deps: ProviderDeps,
	at: FieldPath,
	problems: ProblemList,
): Tracer {
	const scope = deps.metrics.scope("tracing.opentelemetry.");
	const send = compileExporter(config, deps, at, problems);
	const origin: OtlpOrigin = {
		resource: otlpResource(config, deps, at, problems),
		scope: config.setInstrumentationScope === false ? undefined : { name: "lateen", version: deps.version },
	};
	const spansSent = scope.counter("spans_sent");
	const timerFlushed = scope.counter("timer_flushed");
	const queue = new SpanQueue({
		clock: deps.clock,
		batch: Math.max(1, Math.min(BATCH, config.maxCacheSize ?? BATCH)),
		onTimer: () => timerFlushed.inc(),
		send(spans: readonly Span[]) {
			spansSent.inc(spans.length);
			send(encodeOtlpSpans(spans, origin));
		},
	});
	return new OtelTracer(isAlwaysOn(config, at, problems), deps.random, (span) => queue.add(span));
}

function isAlwaysOn({ sampler }: OpenTelemetryConfig, at: FieldPath, problems: ProblemList): boolean {
	if (!sampler) return false;
	if (unpackAs(sampler.typedConfig, AlwaysOnSamplerConfigSchema)) return true;
	problems.notImplemented(
		at.field("sampler").field("typed_config"),
		`the sampler ${sampler.typedConfig?.typeUrl ?? ""}`,
	);
	return false;
}

function compileExporter(
	config: OpenTelemetryConfig,
	deps: ProviderDeps,
	at: FieldPath,
	problems: ProblemList,
): (message: Uint8Array) => void {
	const { grpcService, httpService } = config;
	if (grpcService && httpService)
		problems.add("invalid", at, "grpc_service and http_service exclude each other", "keep one of them");
	if (httpService) {
		const collector = parseHttpService(httpService, at.field("http_service"), problems);
		const headers = [["user-agent", `OTel-OTLP-Exporter-Lateen/${deps.version}`] as const, ...collector.headers];
		const calls = new CollectorCalls(deps.calls, { ...collector, headers }, undefined);
		return (message) => calls.post(message, "application/x-protobuf", (status) => status >= 200 && status < 300);
	}
	if (!grpcService) {
		problems.add("missing", at, "there is no collector", "set grpc_service or http_service");
		return () => {};
	}
	const calls = new CollectorCalls(
		deps.calls,
		grpcCollector(grpcService, EXPORT, at.field("grpc_service"), problems),
		undefined,
	);
	return (message) => calls.post(grpcFrame(message), "application/grpc", (status) => status === 200);
}
