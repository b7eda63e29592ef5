import type { EdgeView, Traffic } from "../view.ts";

export const formatRate = (perSecond: number): string =>
	perSecond === 0 ? "–" : `${perSecond < 10 ? perSecond.toFixed(2) : perSecond.toFixed(0)}/s`;

export const formatShare = (share: number): string =>
	share === 0 ? "0 %" : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;

export const formatMs = (ms: number | undefined): string => {
	if (ms === undefined) return "–";
	return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
};

/** Health of traffic, for colours: Kiali's usual thresholds. */
export const healthOf = ({
	requestsPerSecond,
	errorShare,
}: Pick<Traffic, "requestsPerSecond" | "errorShare">): string => {
	if (requestsPerSecond === 0) return "idle";
	if (errorShare >= 0.1) return "failing";
	return errorShare > 0.001 ? "degraded" : "healthy";
};

/** Health of calls: those that no workload answered are not well, whatever the proxy answered instead. */
export const edgeHealth = (edge: EdgeView): string => {
	const health = healthOf(edge);
	return health === "healthy" && edge.destination.workload === "unknown" ? "degraded" : health;
};
