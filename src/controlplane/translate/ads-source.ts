import { create } from "@bufbuild/protobuf";
import {
	AggregatedConfigSourceSchema,
	ApiVersion,
	type ConfigSource,
	ConfigSourceSchema,
} from "../../xds/generated/envoy/config/core/v3/config_source_pb.ts";
import { ZERO_DURATION } from "./duration.ts";

/** "Ask the same ADS stream"; waits without end, as Istio says, so that a slow control plane never empties a cluster. */
export const ADS_SOURCE: ConfigSource = create(ConfigSourceSchema, {
	configSourceSpecifier: { case: "ads", value: create(AggregatedConfigSourceSchema) },
	initialFetchTimeout: ZERO_DURATION,
	resourceApiVersion: ApiVersion.V3,
});
