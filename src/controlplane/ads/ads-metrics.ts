import type { Metrics } from "../../telemetry/metric-registry.ts";
import { DISCOVERY_NAMES, RESOURCE_TYPES, type ResourceType, typeNameOf } from "../../xds/type-urls.ts";
import type { EncodedResource } from "./resource-encoder.ts";

/** The server's own numbers, by Istio's names (istio-security-telemetry-cli.md 2.4). */
export interface AdsMetrics {
	connected(by: 1 | -1): void;
	pushed(typeUrl: string, resources: readonly EncodedResource[]): void;
	rejected(typeUrl: string): void;
	expiredNonce(typeUrl: string): void;
	converged(afterMs: number): void;
}

const SHORT_NAMES: ReadonlyMap<string, string> = new Map(
	Object.entries(RESOURCE_TYPES).map(([type, url]) => [url, DISCOVERY_NAMES[type as ResourceType]]),
);

/** `CDS` for the type URL of clusters; the message's name for types without a short one. */
export function shortTypeName(typeUrl: string): string {
	return SHORT_NAMES.get(typeUrl) ?? typeNameOf(typeUrl);
}

export function createAdsMetrics(metrics: Metrics, version: string): AdsMetrics {
	const byType = (name: string, help: string) => metrics.counterFamily({ name, help, labels: ["type"] });
	metrics
		.gaugeFamily({ name: "pilot_info", help: "Version", labels: ["version"] })
		.with(version)
		.set(1);
	const connected = metrics
		.gaugeFamily({ name: "pilot_xds", help: "Connected proxies", labels: ["version"] })
		.with(version);
	connected.set(0);
	const pushes = byType("pilot_xds_pushes", "Responses sent");
	const rejects = byType("pilot_total_xds_rejects", "Responses that proxies refused");
	const expired = byType("pilot_xds_expired_nonce", "Answers to responses that are not the last");
	const sizes = metrics.histogramFamily({
		name: "pilot_xds_config_size_bytes",
		help: "Size of responses",
		labels: ["type"],
		buckets: [1, 10_000, 1_000_000, 4_000_000, 10_000_000, 40_000_000],
	});
	const convergence = metrics
		.histogramFamily({
			name: "pilot_proxy_convergence_time",
			help: "Seconds from a change to all of a proxy's answers",
			labels: [],
			buckets: [0.1, 0.5, 1, 3, 5, 10, 20, 30],
		})
		.with();
	return {
		connected: (by) => connected.add(by),
		pushed(typeUrl, resources) {
			const type = shortTypeName(typeUrl).toLowerCase();
			pushes.with(type).inc();
			sizes.with(type).record(resources.reduce((sum, r) => sum + r.any.value.length, 0));
		},
		rejected: (typeUrl) => rejects.with(shortTypeName(typeUrl).toLowerCase()).inc(),
		expiredNonce: (typeUrl) => expired.with(shortTypeName(typeUrl).toLowerCase()).inc(),
		converged: (afterMs) => convergence.record(afterMs / 1000),
	};
}
