import { DEFAULT_BUCKETS } from "../../../telemetry/bucket-histogram.ts";
import type { Metrics } from "../../../telemetry/metric-registry.ts";
import type { Counter, Family, Histogram } from "../../../telemetry/metrics.ts";

/** Labels of Istio's standard request metrics, in the order in which `Family.with` takes their values. */
export const ISTIO_LABELS = [
	"reporter",
	"source_workload",
	"source_canonical_service",
	"source_canonical_revision",
	"source_workload_namespace",
	"source_principal",
	"source_app",
	"source_version",
	"source_cluster",
	"destination_workload",
	"destination_workload_namespace",
	"destination_principal",
	"destination_app",
	"destination_version",
	"destination_service",
	"destination_canonical_service",
	"destination_canonical_revision",
	"destination_service_name",
	"destination_service_namespace",
	"destination_cluster",
	"request_protocol",
	"response_code",
	"grpc_response_status",
	"response_flags",
	"connection_security_policy",
] as const;

export type IstioLabel = (typeof ISTIO_LABELS)[number];

/** Istio's standard metrics for HTTP and gRPC. */
export interface IstioMetrics {
	readonly requestsTotal: Family<Counter>;
	readonly requestDurationMs: Family<Histogram>;
	readonly requestBytes: Family<Histogram>;
	readonly responseBytes: Family<Histogram>;
	readonly requestMessages: Family<Counter>;
	readonly responseMessages: Family<Counter>;
}

export type IstioMetric = keyof IstioMetrics;

/** The metrics with Istio's labels, and with more behind them that a configuration adds. */
export interface IstioFamilies extends IstioMetrics {
	withLabels(more: readonly string[]): IstioMetrics;
}

type FamilyMaker = Pick<Metrics, "counterFamily" | "histogramFamily">;

/** Registers the families; once per process. */
export function istioFamilies(metrics: FamilyMaker): IstioFamilies {
	const own = register(metrics, ISTIO_LABELS);
	return {
		...own,
		withLabels: (more) => (more.length === 0 ? own : register(metrics, [...ISTIO_LABELS, ...more])),
	};
}

function register(metrics: FamilyMaker, labels: readonly string[]): IstioMetrics {
	const histogram = (name: string, help: string) =>
		metrics.histogramFamily({ name, help, labels, buckets: DEFAULT_BUCKETS });
	const counter = (name: string, help: string) => metrics.counterFamily({ name, help, labels });
	return {
		requestsTotal: counter("istio_requests_total", "Requests that have ended"),
		requestDurationMs: histogram("istio_request_duration_milliseconds", "Time from a request's first byte to its end"),
		requestBytes: histogram("istio_request_bytes", "Size of request bodies"),
		responseBytes: histogram("istio_response_bytes", "Size of response bodies"),
		requestMessages: counter("istio_request_messages_total", "gRPC messages sent by clients"),
		responseMessages: counter("istio_response_messages_total", "gRPC messages sent by servers"),
	};
}
