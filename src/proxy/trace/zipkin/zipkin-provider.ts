import type { FieldPath } from "../../../lib/field-path.ts";
import {
	ZipkinConfig_TraceContextOption as ContextOption,
	ZipkinConfig_CollectorEndpointVersion as Version,
	type ZipkinConfig,
} from "../../../xds/generated/envoy/config/trace/v3/zipkin_pb.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import { type Collector, CollectorCalls } from "../collector-call.ts";
import { parseHttpService } from "../http-service.ts";
import { SpanQueue } from "../span-queue.ts";
import type { ProviderDeps, Tracer } from "../tracer.ts";
import { encodeZipkinSpans } from "./zipkin-json.ts";
import { ZipkinTracer } from "./zipkin-tracer.ts";

/** Envoy's runtime defaults `tracing.zipkin.min_flush_spans` and `request_timeout`. */
const BATCH = 5;
const TIMEOUT_MS = 5000;
const ACCEPTED = 202;

/** Compiles a Zipkin provider: JSON version 2 posted to the collector's cluster. */
export function compileZipkin(config: ZipkinConfig, deps: ProviderDeps, at: FieldPath, problems: ProblemList): Tracer {
	if (config.collectorEndpointVersion !== Version.HTTP_JSON)
		problems.notImplemented(at.field("collector_endpoint_version"), "a collector of another version than HTTP_JSON");
	if (config.splitSpansForRequest)
		problems.notImplemented(
			at.field("split_spans_for_request"),
			"splitting spans here instead of by spawn_upstream_span",
		);
	const collector = parseCollector(config, at, problems);
	const scope = deps.metrics.scope("tracing.zipkin.");
	const calls = new CollectorCalls(deps.calls, collector, {
		sent: scope.counter("reports_sent"),
		dropped: scope.counter("reports_dropped"),
		failed: scope.counter("reports_failed"),
		noCluster: scope.counter("reports_skipped_no_cluster"),
	});
	const spansSent = scope.counter("spans_sent");
	const timerFlushed = scope.counter("timer_flushed");
	const endpoint = { serviceName: deps.node.cluster, ip: deps.node.ip };
	const queue = new SpanQueue({
		clock: deps.clock,
		batch: BATCH,
		onTimer: () => timerFlushed.inc(),
		send(spans) {
			spansSent.inc(spans.length);
			const body = new TextEncoder().encode(encodeZipkinSpans(spans, endpoint));
			calls.post(body, "application/json", (status) => status === ACCEPTED);
		},
	});
	const settings = {
		longTraceIds: config.traceId128bit,
		sharesSpans: config.sharedSpanContext ?? true,
		alsoW3c: config.traceContextOption === ContextOption.USE_B3_WITH_W3C_PROPAGATION,
	};
	return new ZipkinTracer(settings, deps.random, (span) => queue.add(span));
}

function parseCollector(config: ZipkinConfig, at: FieldPath, problems: ProblemList): Collector {
	if (config.collectorService)
		return parseHttpService(config.collectorService, at.field("collector_service"), problems);
	const { collectorCluster: cluster, collectorEndpoint: path, collectorHostname } = config;
	if (cluster === "") problems.add("missing", at.field("collector_cluster"), "the collector has no cluster");
	if (path === "") problems.add("missing", at.field("collector_endpoint"), "the collector has no path");
	return { cluster, path, authority: collectorHostname || cluster, timeoutMs: TIMEOUT_MS, headers: [] };
}
