import type { FieldPath } from "../../lib/field-path.ts";
import { unpackAs } from "../../xds/any.ts";
import type { Tracing_Http as Provider } from "../../xds/generated/envoy/config/trace/v3/http_tracer_pb.ts";
import { OpenTelemetryConfigSchema } from "../../xds/generated/envoy/config/trace/v3/opentelemetry_pb.ts";
import { ZipkinConfigSchema } from "../../xds/generated/envoy/config/trace/v3/zipkin_pb.ts";
import type { HttpConnectionManager_Tracing as Message } from "../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import type { FormatEnvironment } from "../router/format/format-context.ts";
import type { TextFormat } from "../router/format/text-format.ts";
import { ProblemList } from "../router/problem-list.ts";
import { type CustomTag, compileCustomTags } from "../router/tracing/custom-tag.ts";
import { compileOperation } from "../router/tracing/route-tracing.ts";
import type { SamplingShares, Share } from "../router/tracing/sampling-shares.ts";
import { HeadersOnlyTracer } from "./headers-only-tracer.ts";
import { compileOtel } from "./otel/otel-provider.ts";
import type { RequestIdRules } from "./sampling.ts";
import type { ProviderDeps, Tracer } from "./tracer.ts";
import { compileZipkin } from "./zipkin/zipkin-provider.ts";

/** A connection manager's tracing, ready to use. */
export interface CompiledTracing {
	readonly tracer: Tracer;
	readonly sampling: SamplingShares;
	readonly requestId: RequestIdRules;
	readonly customTags: readonly CustomTag[];
	readonly maxPathTagLength: number;
	readonly operation: TextFormat | undefined;
	readonly upstreamOperation: TextFormat | undefined;
	/** The listener serves outbound calls. */
	readonly egress: boolean;
	/** Each attempt has a span of its own. */
	readonly spawnsUpstreamSpan: boolean;
	readonly propagates: boolean;
	/** Spans tell when what was sent and received. */
	readonly verbose: boolean;
}

export interface TracingScope {
	readonly provider: ProviderDeps;
	readonly env: FormatEnvironment;
	readonly egress: boolean;
	readonly requestId: RequestIdRules;
	/** Of the bootstrap (`tracing`), for connection managers that name none. */
	readonly defaultProvider: Provider | undefined;
}

const MAX_PATH_TAG = 256;

/** Compiles a connection manager's `tracing`; throws ProblemError. */
export function compileTracing(message: Message, scope: TracingScope, at: FieldPath): CompiledTracing {
	const problems = new ProblemList();
	const { env } = scope;
	const tracing: CompiledTracing = {
		tracer: compileProvider(message.provider ?? scope.defaultProvider, scope, at.field("provider"), problems),
		sampling: {
			client: share(message.clientSampling, 100),
			random: share(message.randomSampling, 10_000),
			overall: share(message.overallSampling, 100),
		},
		requestId: scope.requestId,
		customTags: compileCustomTags(message.customTags, env, at.field("custom_tags"), problems),
		maxPathTagLength: message.maxPathTagLength ?? MAX_PATH_TAG,
		operation: compileOperation(message.operation, env, at.field("operation"), problems),
		upstreamOperation: compileOperation(message.upstreamOperation, env, at.field("upstream_operation"), problems),
		egress: scope.egress,
		spawnsUpstreamSpan: message.spawnUpstreamSpan ?? false,
		propagates: !message.noContextPropagation,
		verbose: message.verbose,
	};
	problems.throwIfAny();
	if (message.verbose && env.metering) env.metering.wanted = true;
	return tracing;
}

/** A percentage as Envoy rounds it: to hundredths of a percent where `of` is ten thousand. */
function share(percent: { readonly value: number } | undefined, of: number): Share {
	return { of, wanted: percent ? Math.round((percent.value / 100) * of) : of };
}

function compileProvider(
	provider: Provider | undefined,
	{ provider: deps }: TracingScope,
	at: FieldPath,
	problems: ProblemList,
): Tracer {
	if (!provider) return new HeadersOnlyTracer(deps.random);
	const any = provider.configType.case === "typedConfig" ? provider.configType.value : undefined;
	const here = at.field("typed_config");
	const zipkin = unpackAs(any, ZipkinConfigSchema);
	if (zipkin) return compileZipkin(zipkin, deps, here, problems);
	const otel = unpackAs(any, OpenTelemetryConfigSchema);
	if (otel) return compileOtel(otel, deps, here, problems);
	problems.notImplemented(here, `the tracer ${any?.typeUrl || provider.name}`);
	return new HeadersOnlyTracer(deps.random);
}
