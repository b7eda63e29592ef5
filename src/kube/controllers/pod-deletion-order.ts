import { conditionOf, isPodReady, type Pod } from "../client/pod.ts";

const PHASE_RANK: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost";

/** Which pod goes first when there are too many: unassigned, not running, not ready, cheap, young, restarted, new. */
export function byDeletionOrder(a: Pod, b: Pod): number {
	const [ranksA, ranksB] = [ranks(a), ranks(b)];
	for (const [i, rank] of ranksA.entries()) if (rank !== ranksB[i]) return rank - ranksB[i]!;
	return 0;
}

/** Smaller goes first, the first difference decides. */
function ranks(pod: Pod): number[] {
	const readySince = isPodReady(pod) ? Date.parse(conditionOf(pod, "Ready")?.lastTransitionTime ?? "") || 0 : 0;
	const restarts = (pod.status?.containerStatuses ?? []).map((status) => status.restartCount);
	return [
		pod.spec.nodeName === undefined ? 0 : 1,
		PHASE_RANK[pod.status?.phase ?? "Pending"] ?? 0,
		isPodReady(pod) ? 1 : 0,
		Number(pod.metadata.annotations?.[COST_ANNOTATION] ?? 0) || 0,
		-readySince,
		-Math.max(0, ...restarts),
		-(Date.parse(pod.metadata.creationTimestamp ?? "") || 0),
	];
}
