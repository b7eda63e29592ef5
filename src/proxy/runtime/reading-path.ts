import { create } from "@bufbuild/protobuf";
import { systemClock } from "../../lib/clock.ts";
import { systemRandom } from "../../lib/random.ts";
import { createLogging } from "../../telemetry/logger.ts";
import { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { NodeSchema } from "../../xds/generated/envoy/config/core/v3/base_pb.ts";
import type { DataPlaneDeps } from "./data-plane.ts";
import { makeRequestPath } from "./request-path.ts";
import { LogSinks } from "./services/log-sinks.ts";

/** What a reading can be told beside the configuration. */
type Told = Partial<Pick<DataPlaneDeps, "node" | "environment" | "knowsCluster">>;

/** The proxy's own compilers for configuration that is only read: nothing is served, called or counted. */
export function readingCompilers(told: Told = {}): ReturnType<typeof makeRequestPath>["compilers"] {
	return makeRequestPath({
		clock: systemClock,
		random: systemRandom,
		clusters: { get: () => undefined },
		metrics: new MetricRegistry(),
		logging: createLogging({ level: "off" }),
		sinks: new LogSinks(systemClock),
		node: create(NodeSchema),
		routes: new Map(),
		environment: {},
		drainTimeMs: 0,
		failing: () => false,
		...told,
	}).compilers;
}
