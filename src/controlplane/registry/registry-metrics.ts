import type { Metrics } from "../../telemetry/metric-registry.ts";
import type { Snapshot, SnapshotChange } from "../model/snapshot.ts";

/** The registry's numbers, by Istio's names (istio-security-telemetry-cli.md 2.4). */
export interface RegistryMetrics {
	event(kind: string, type: "added" | "updated" | "deleted"): void;
	rebuilt(snapshot: Snapshot, change: SnapshotChange, waitedMs: number): void;
}

const EVENT_NAMES = { added: "add", updated: "update", deleted: "delete" } as const;

export function createRegistryMetrics(metrics: Metrics): RegistryMetrics {
	const events = metrics.counterFamily({
		name: "pilot_k8s_cfg_events",
		help: "Watch events",
		labels: ["type", "event"],
	});
	const triggers = metrics.counterFamily({ name: "pilot_push_triggers", help: "Pushes by reason", labels: ["type"] });
	const gauge = (name: string, help: string) => metrics.gaugeFamily({ name, help, labels: [] }).with();
	const services = gauge("pilot_services", "Known services");
	const virtualServices = gauge("pilot_virt_services", "Known VirtualServices");
	const rejected = gauge("pilot_total_rejected_configs", "Objects that are left out because of problems");
	const debounce = metrics
		.histogramFamily({
			name: "pilot_debounce_time",
			help: "Seconds from the first change to the snapshot",
			labels: [],
			buckets: [0.01, 0.1, 1, 3, 5, 10, 20, 30],
		})
		.with();
	return {
		event: (kind, type) => events.with(kind, EVENT_NAMES[type]).inc(),
		rebuilt(snapshot, { endpointsOnly }, waitedMs) {
			triggers.with(endpointsOnly ? "endpoint" : "config").inc();
			services.set(snapshot.services.length);
			virtualServices.set(snapshot.virtualServices.length);
			rejected.set(snapshot.problems.filter((p) => p.dropped).length);
			debounce.record(waitedMs / 1000);
		},
	};
}
