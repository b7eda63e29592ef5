import type { Deployment, PodTemplate, ReplicaSet } from "../../client/workloads.ts";
import { canonicalJson } from "../object-key.ts";
import { safeHash } from "../safe-name.ts";
import { byAge, MAX_REPLICAS_ANNOTATION, replicasOf, rolloutBounds } from "./rollout-plan.ts";

export const HASH_LABEL = "pod-template-hash";
export const REVISION_ANNOTATION = "deployment.kubernetes.io/revision";
const HISTORY_ANNOTATION = "deployment.kubernetes.io/revision-history";
export const DESIRED_ANNOTATION = "deployment.kubernetes.io/desired-replicas";

/** Annotations of a Deployment that its ReplicaSets do not take over. */
const NOT_COPIED = new Set([
	"kubectl.kubernetes.io/last-applied-configuration",
	REVISION_ANNOTATION,
	HISTORY_ANNOTATION,
	DESIRED_ANNOTATION,
	MAX_REPLICAS_ANNOTATION,
	"deprecated.deployment.rollback.to",
]);

/** The hash that names a template's ReplicaSet; `collisionCount` gives another one when that name is taken. */
export function templateHash(template: PodTemplate, collisionCount = 0): string {
	return safeHash(`${canonicalJson(withoutHash(template))}${collisionCount === 0 ? "" : collisionCount}`);
}

/** The ReplicaSet that has the Deployment's present template: the oldest, should there be two. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
	const wanted = canonicalJson(withoutHash(deployment.spec.template));
	const name = newSetName(deployment);
	return [...sets]
		.sort(byAge)
		.find((set) => set.metadata.name === name || canonicalJson(withoutHash(set.spec.template)) === wanted);
}

export function newSetName(deployment: Deployment): string {
	const hash = templateHash(deployment.spec.template, deployment.status?.collisionCount);
	return `${(deployment.metadata.name ?? "").slice(0, 252 - hash.length)}-${hash}`;
}

export function revisionOf(object: ReplicaSet | Deployment): number {
	return Number(object.metadata.annotations?.[REVISION_ANNOTATION] ?? 0) || 0;
}

export function nextRevision(old: readonly ReplicaSet[]): number {
	return Math.max(0, ...old.map(revisionOf)) + 1;
}

/** The annotations that the newest ReplicaSet should have: the Deployment's own, its revision, the sizes of the rollout. */
export function newSetAnnotations(
	deployment: Deployment,
	existing: ReplicaSet | undefined,
	revision: number,
): Record<string, string> {
	const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !NOT_COPIED.has(name));
	const annotations = { ...existing?.metadata.annotations, ...Object.fromEntries(copied) };
	const before = existing ? revisionOf(existing) : 0;
	if (before < revision) {
		annotations[REVISION_ANNOTATION] = String(revision);
		// A template that came back keeps the numbers that it had: `rollout history` shows the newest only.
		const history = annotations[HISTORY_ANNOTATION]?.split(",") ?? [];
		if (before > 0) annotations[HISTORY_ANNOTATION] = [...new Set([...history, String(before)])].join(",");
	}
	return existing ? annotations : { ...annotations, ...sizeAnnotations(deployment) };
}

/** The sizes that proportional scaling reads when the replica count changes in the middle of a rollout. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
	const wanted = replicasOf(deployment);
	return {
		[DESIRED_ANNOTATION]: String(wanted),
		[MAX_REPLICAS_ANNOTATION]: String(wanted + rolloutBounds(deployment).maxSurge),
	};
}

function withoutHash(template: PodTemplate): PodTemplate {
	const { [HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {};
	const { creationTimestamp: __, ...metadata } = template.metadata ?? {};
	return { ...template, metadata: { ...metadata, labels } };
}
