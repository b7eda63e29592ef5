// Lateen's request path for the benchmark, from the same bootstrap file as Envoy's: lateen-entry.ts FILE.
import { readFileSync } from "node:fs";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { FakeCluster } from "../../src/proxy/forward/fake-cluster.ts";
import { HCM_DEFAULTS } from "../../src/proxy/hcm/hcm-defaults.ts";
import { Deadlines } from "../../src/proxy/http/deadlines.ts";
import { ListenerSet } from "../../src/proxy/listener/listener-set.ts";
import { compileRouteConfiguration } from "../../src/proxy/router/route-configuration.ts";
import { MetricRegistry } from "../../src/telemetry/metric-registry.ts";
import { RouteConfigurationSchema } from "../../src/xds/generated/envoy/config/route/v3/route_pb.ts";

const bootstrap = JSON.parse(readFileSync(process.argv[2]!, "utf8"));
const { listeners, clusters } = bootstrap.static_resources;
const hcm = listeners[0].filter_chains[0].filters[0].typed_config;
const endpoint = clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint;
const table = compileRouteConfiguration(fromJson(RouteConfigurationSchema, hcm.route_config as JsonObject), {
	env: { hostname: "bench", nowMs: () => Date.now(), environment: () => undefined },
	parseFilterConfig: () => undefined,
});
const cluster = new FakeCluster("app", [endpoint.address.socket_address.port_value]);
const set = new ListenerSet({
	clock: systemClock,
	random: systemRandom,
	deadlines: new Deadlines(systemClock),
	clusters: { get: (name) => (name === cluster.name ? cluster : undefined) },
	metrics: new MetricRegistry(),
	drainTimeMs: 1000,
	httpServices: () => ({ routeTable: () => table }),
});
await set.put({
	name: "bench",
	address: "127.0.0.1",
	port: listeners[0].address.socket_address.port_value,
	reusePort: false,
	perConnectionBufferLimitBytes: 1024 * 1024,
	chain: {
		kind: "http",
		hcm: { ...HCM_DEFAULTS, statPrefix: hcm.stat_prefix, routes: { kind: "rds", name: "bench" }, filters: [] },
	},
});
