import type { Clock } from "../../lib/clock.ts";
import { seededRandom } from "../../lib/random.ts";
import type { MetricRegistry } from "../../telemetry/metric-registry.ts";
import { DnsCaches } from "../cluster/forward/dns-caches.ts";
import { FakeSideCalls } from "../filter/fake-side-calls.ts";
import { istioTcpFamilies } from "../filter/istio-stats/istio-tcp-families.ts";
import { workloadOfNode } from "../filter/workload-metadata.ts";
import { Deadlines } from "../http/deadlines.ts";
import type { NetworkFilterDeps } from "./network-filter.ts";

const NO_NAMES = { resolve: () => Promise.resolve({ addresses: [], ttlMs: undefined }) };

/** For tests: what network filters are built with, of a workload `me` in `ns` that knows no cluster. */
export function networkFilterDeps(
	clock: Clock,
	metrics: MetricRegistry,
): NetworkFilterDeps & { readonly sideCalls: FakeSideCalls; readonly warnings: readonly string[] } {
	const warnings: string[] = [];
	return {
		clock,
		metrics,
		deadlines: new Deadlines(clock),
		clusters: new Map(),
		dnsCaches: new DnsCaches({ clock, metrics, random: seededRandom(1), resolver: NO_NAMES }),
		env: { hostname: "h", nowMs: () => clock.nowMs(), environment: () => undefined },
		sideCalls: new FakeSideCalls(),
		node: workloadOfNode("n", { WORKLOAD_NAME: "me", NAMESPACE: "ns" }),
		istio: istioTcpFamilies(metrics),
		warn: (path) => void warnings.push(path),
		warnings,
	};
}
