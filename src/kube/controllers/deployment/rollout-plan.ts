import type { Deployment, ReplicaSet } from "../../client/workloads.ts";

/** How far a rolling update may go beyond and below the wanted number of pods. */
export interface RolloutBounds {
	readonly maxSurge: number;
	readonly maxUnavailable: number;
}

/** A replica count to be written. */
export interface Scaling {
	readonly set: ReplicaSet;
	readonly replicas: number;
}

const DEFAULT_BOUND = "25%";
export const MAX_REPLICAS_ANNOTATION = "deployment.kubernetes.io/max-replicas";

export function replicasOf(object: Deployment | ReplicaSet | undefined): number {
	return object === undefined ? 0 : (object.spec.replicas ?? 1);
}

export function totalReplicas(sets: readonly ReplicaSet[]): number {
	return sets.reduce((sum, set) => sum + replicasOf(set), 0);
}

export function availableOf(sets: readonly ReplicaSet[]): number {
	return sets.reduce((sum, set) => sum + (set.status?.availableReplicas ?? 0), 0);
}

/** Surge rounds up, unavailable rounds down; if both are 0 nothing could ever move, so one pod may be missing. */
export function rolloutBounds(deployment: Deployment): RolloutBounds {
	if (deployment.spec.strategy?.type === "Recreate") return { maxSurge: 0, maxUnavailable: 0 };
	const { maxSurge = DEFAULT_BOUND, maxUnavailable = DEFAULT_BOUND } = deployment.spec.strategy?.rollingUpdate ?? {};
	const wanted = replicasOf(deployment);
	const surge = portion(maxSurge, wanted, Math.ceil);
	const unavailable = Math.min(wanted, portion(maxUnavailable, wanted, Math.floor));
	return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

function portion(value: number | string, of: number, round: (n: number) => number): number {
	if (typeof value === "number") return value;
	return value.endsWith("%") ? round((of * Number(value.slice(0, -1))) / 100) : Number(value);
}

/** How many pods the newest ReplicaSet may have now. */
export function newSetReplicas(
	deployment: Deployment,
	newest: ReplicaSet | undefined,
	all: readonly ReplicaSet[],
): number {
	const wanted = replicasOf(deployment);
	const current = replicasOf(newest);
	if (deployment.spec.strategy?.type === "Recreate" || current > wanted) return wanted;
	const room = wanted + rolloutBounds(deployment).maxSurge - totalReplicas(all);
	return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/** What to take from the old ReplicaSets: first pods that are not available anyway, then as many as availability allows. */
export function oldSetScalings(
	deployment: Deployment,
	newest: ReplicaSet | undefined,
	old: readonly ReplicaSet[],
): Scaling[] {
	const all = newest ? [...old, newest] : old;
	const wanted = replicasOf(deployment);
	const minAvailable = wanted - rolloutBounds(deployment).maxUnavailable;
	const newUnavailable = replicasOf(newest) - (newest?.status?.availableReplicas ?? 0);
	let removable = totalReplicas(all) - minAvailable - newUnavailable;
	if (totalReplicas(old) === 0 || removable <= 0) return [];

	const oldestFirst = [...old].sort(byAge);
	const left = new Map(oldestFirst.map((set) => [set, replicasOf(set)]));
	for (const set of oldestFirst) {
		const unhealthy = replicasOf(set) - (set.status?.availableReplicas ?? 0);
		const taken = Math.max(0, Math.min(unhealthy, removable));
		left.set(set, replicasOf(set) - taken);
		removable -= taken;
	}
	let healthySurplus = availableOf(all) - minAvailable;
	for (const set of oldestFirst) {
		const taken = Math.max(0, Math.min(left.get(set)!, healthySurplus));
		left.set(set, left.get(set)! - taken);
		healthySurplus -= taken;
	}
	return [...left]
		.filter(([set, replicas]) => replicas !== replicasOf(set))
		.map(([set, replicas]) => ({ set, replicas }));
}

/** Spreads a changed replica count over the ReplicaSets of a rollout in progress, in proportion to their size. */
export function proportionalScalings(deployment: Deployment, active: readonly ReplicaSet[]): Scaling[] {
	const allowed = replicasOf(deployment) === 0 ? 0 : replicasOf(deployment) + rolloutBounds(deployment).maxSurge;
	const toAdd = allowed - totalReplicas(active);
	if (toAdd === 0) return [];
	// Growing favours the newest, shrinking takes from the oldest among equals.
	const bySize = [...active].sort((a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byAge(b, a) : byAge(a, b)));
	const next = new Map<ReplicaSet, number>();
	let added = 0;
	for (const set of bySize) {
		const share = boundedShare(shareOf(set, deployment, allowed), toAdd - added);
		next.set(set, replicasOf(set) + share);
		added += share;
	}
	const largest = bySize[0];
	if (largest) next.set(largest, Math.max(0, next.get(largest)! + toAdd - added));
	return [...next]
		.filter(([set, replicas]) => replicas !== replicasOf(set))
		.map(([set, replicas]) => ({ set, replicas }));
}

/** A set's fair part of the change, by the size that the rollout had when its annotation was written. */
function shareOf(set: ReplicaSet, deployment: Deployment, allowed: number): number {
	if (replicasOf(deployment) === 0) return -replicasOf(set);
	const annotated = Number(set.metadata.annotations?.[MAX_REPLICAS_ANNOTATION]);
	const before = annotated > 0 ? annotated : (deployment.status?.replicas ?? 0);
	return before === 0 ? 0 : Math.round((replicasOf(set) * allowed) / before) - replicasOf(set);
}

function boundedShare(share: number, left: number): number {
	return left > 0 ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left));
}

export function byAge(a: ReplicaSet, b: ReplicaSet): number {
	const [atA, atB] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
	if (atA === atB) return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
	return atA < atB ? -1 : 1;
}
