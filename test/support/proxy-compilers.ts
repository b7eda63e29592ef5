import { create, type DescMessage, type Message } from "@bufbuild/protobuf";
import { systemClock } from "../../src/lib/clock.ts";
import { formatProblem, ProblemError } from "../../src/lib/problem.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { makeRequestPath } from "../../src/proxy/runtime/request-path.ts";
import { LogSinks } from "../../src/proxy/runtime/services/log-sinks.ts";
import { createLogging } from "../../src/telemetry/logger.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { type Cluster, ClusterSchema } from "../../src/xds/generated/envoy/config/cluster/v3/cluster_pb.ts";
import { NodeSchema } from "../../src/xds/generated/envoy/config/core/v3/base_pb.ts";
import { type Listener, ListenerSchema } from "../../src/xds/generated/envoy/config/listener/v3/listener_pb.ts";
import {
	type RouteConfiguration,
	RouteConfigurationSchema,
} from "../../src/xds/generated/envoy/config/route/v3/route_pb.ts";
import { findUnsupported } from "../../src/xds/supported.ts";

/** What Lateen's proxy is made of, without sockets: says why it would refuse a resource. */
export function proxyCompilers() {
	const { compilers, extensions } = makeRequestPath({
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
	});
	const compile = (schema: DescMessage, message: Message) => {
		if (schema === ClusterSchema) compilers.cluster(message as Cluster, "");
		else if (schema === ListenerSchema) compilers.listener(message as Listener, "");
		else if (schema === RouteConfigurationSchema) compilers.routes(message as RouteConfiguration, "");
	};
	return {
		/** As the proxy lists them in its node. */
		extensions: extensions.map((e) => e.name),
		/** Problems of a resource, empty when the proxy takes it. */
		refusals(schema: DescMessage, message: Message): readonly string[] {
			const unsupported = findUnsupported(schema, message, compilers.supported);
			try {
				compile(schema, message);
				return unsupported.map(formatProblem);
			} catch (error) {
				if (!(error instanceof ProblemError)) throw error;
				return [...unsupported, ...error.problems].map(formatProblem);
			}
		},
	};
}
