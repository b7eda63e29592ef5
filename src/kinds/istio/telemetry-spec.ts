import { s, type ValueOf } from "../schema-builder.ts";
import { POLICY_TARGETS_ONE_OF, policyTargets } from "./shared-fields.ts";

const providers = () =>
	s
		.list(s.object({ name: s.string({ minLength: 1 }).doc("Name of an extension provider of the mesh.").required() }))
		.doc("Where the data goes; the mesh's default when absent.");

const mode = () => s.enumOf("CLIENT_AND_SERVER", "CLIENT", "SERVER").doc("Which side reports.");

const tracing = () =>
	s.object({
		match: s.object({ mode: mode() }).doc("Which side the entry is for."),
		providers: providers(),
		randomSamplingPercentage: s.double().doc("Share of requests that are traced, in percent."),
		disableSpanReporting: s.bool().doc("Send no spans; headers still pass on."),
		customTags: s
			.map(
				s.object(
					{
						literal: s.object({ value: s.string({ minLength: 1 }).doc("The value.").required() }).doc("Fixed text."),
						environment: s
							.object({
								name: s.string({ minLength: 1 }).doc("Variable name.").required(),
								defaultValue: s.string().doc("Value when it is not set."),
							})
							.doc("An environment variable of the proxy."),
						header: s
							.object({
								name: s.string({ minLength: 1 }).doc("Header name.").required(),
								defaultValue: s.string().doc("Value when it is missing."),
							})
							.doc("A request header."),
						formatter: s
							.object({ value: s.string({ minLength: 1 }).doc("Access-log format.").required() })
							.doc("Text with access-log operators."),
					},
					[["literal", "environment", "header", "formatter"]],
				),
			)
			.doc("Further tags of spans."),
		useRequestIdForTraceSampling: s.bool().doc("Let the request id decide on sampling."),
		enableIstioTags: s.bool().doc("Add Istio's tags."),
		disableContextPropagation: s.bool().doc("Take trace headers away from upstream requests."),
	});

const metrics = () =>
	s.object({
		providers: providers(),
		overrides: s
			.list(
				s.object({
					match: s
						.object(
							{
								metric: s
									.enumOf(
										"ALL_METRICS",
										"REQUEST_COUNT",
										"REQUEST_DURATION",
										"REQUEST_SIZE",
										"RESPONSE_SIZE",
										"TCP_OPENED_CONNECTIONS",
										"TCP_CLOSED_CONNECTIONS",
										"TCP_SENT_BYTES",
										"TCP_RECEIVED_BYTES",
										"GRPC_REQUEST_MESSAGES",
										"GRPC_RESPONSE_MESSAGES",
									)
									.doc("Standard metric."),
								customMetric: s.string({ minLength: 1 }).doc("Other metric, by name."),
								mode: mode(),
							},
							[["metric", "customMetric"]],
						)
						.doc("Which metric is changed."),
					disabled: s.bool().doc("Leave the metric out."),
					tagOverrides: s
						.map(
							s.object({
								operation: s.enumOf("UPSERT", "REMOVE").doc("Set or remove the tag."),
								value: s.string().doc("CEL expression of the tag's value."),
							}),
						)
						.doc("Changes to tags, by name."),
				}),
			)
			.doc("Changes to metrics, in order; later ones win."),
		reportingInterval: s.duration().doc("Time between reports of TCP metrics."),
	});

const accessLogging = () =>
	s.object({
		match: s.object({ mode: mode() }).doc("Which side the entry is for."),
		providers: providers(),
		disabled: s.bool().doc("Write no log."),
		filter: s
			.object({ expression: s.string().doc("CEL expression that a logged request must meet.") })
			.doc("Which requests are logged."),
	});

/** What the `spec` of a Telemetry holds. */
export const telemetrySpec = s
	.object(
		{
			...policyTargets(),
			tracing: s.list(tracing()).doc("Tracing."),
			metrics: s.list(metrics()).doc("Metrics."),
			accessLogging: s.list(accessLogging()).doc("Access logs."),
		},
		[POLICY_TARGETS_ONE_OF],
	)
	.doc("The settings.");

export type TelemetrySpec = ValueOf<typeof telemetrySpec>;
