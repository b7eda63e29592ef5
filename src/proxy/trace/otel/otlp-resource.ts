import type { FieldPath } from "../../../lib/field-path.ts";
import { unpackAs } from "../../../xds/any.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import type { OpenTelemetryConfig } from "../../../xds/generated/envoy/config/trace/v3/opentelemetry_pb.ts";
import { EnvironmentResourceDetectorConfigSchema } from "../../../xds/generated/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/environment_resource_detector_pb.ts";
import { StaticConfigResourceDetectorConfigSchema } from "../../../xds/generated/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.ts";
import type { ProblemList } from "../../router/problem-list.ts";
import type { ProviderDeps } from "../tracer.ts";

const DEFAULT_SERVICE = "unknown_service:envoy";

/** The attributes of this proxy as the source of spans: its service name, this program, what the detectors find. */
export function otlpResource(
	config: OpenTelemetryConfig,
	deps: Pick<ProviderDeps, "environment" | "version">,
	at: FieldPath,
	problems: ProblemList,
): ReadonlyMap<string, string> {
	const attributes = new Map<string, string>();
	if (config.setServiceNameResourceAttribute !== false)
		attributes.set("service.name", config.serviceName || DEFAULT_SERVICE);
	if (config.setTelemetrySdkResourceAttributes !== false) {
		attributes.set("telemetry.sdk.language", "nodejs");
		attributes.set("telemetry.sdk.name", "lateen");
		attributes.set("telemetry.sdk.version", deps.version);
	}
	const detected = detectedAttributes(config.resourceDetectors, deps.environment, at, problems);
	for (const [key, value] of detected) attributes.set(key, value);
	return attributes;
}

/** What `resource_detectors` find. */
export function detectedAttributes(
	detectors: readonly TypedExtensionConfig[],
	environment: ProviderDeps["environment"],
	at: FieldPath,
	problems: ProblemList,
): ReadonlyMap<string, string> {
	const attributes = new Map<string, string>();
	detectors.forEach((detector, i) => {
		const any = detector.typedConfig;
		const fixed = unpackAs(any, StaticConfigResourceDetectorConfigSchema);
		if (fixed) for (const [key, value] of Object.entries(fixed.attributes)) attributes.set(key, value);
		else if (unpackAs(any, EnvironmentResourceDetectorConfigSchema)) addFromEnvironment(attributes, environment);
		else {
			const here = at.field("resource_detectors").index(i).field("typed_config");
			problems.notImplemented(here, `the resource detector ${any?.typeUrl ?? ""}`);
		}
	});
	return attributes;
}

/** OTEL_RESOURCE_ATTRIBUTES: `key=value,key2=value2`. */
function addFromEnvironment(attributes: Map<string, string>, environment: ProviderDeps["environment"]): void {
	for (const pair of (environment("OTEL_RESOURCE_ATTRIBUTES") ?? "").split(",")) {
		const equals = pair.indexOf("=");
		if (equals > 0) attributes.set(pair.slice(0, equals).trim(), pair.slice(equals + 1).trim());
	}
}
