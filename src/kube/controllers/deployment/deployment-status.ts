import { type Condition, conditionOf } from "../../client/pod.ts";
import type { Deployment, DeploymentStatus, ReplicaSet } from "../../client/workloads.ts";
import { withCondition, withoutCondition } from "../conditions.ts";
import { availableOf, replicasOf, rolloutBounds, totalReplicas } from "./rollout-plan.ts";

/** What a Deployment's status is made from. */
export interface RolloutView {
	readonly deployment: Deployment;
	readonly newest: ReplicaSet | undefined;
	readonly all: readonly ReplicaSet[];
	/** Conditions that this pass has set already. */
	readonly conditions: readonly Condition[];
	readonly nowMs: number;
	/** Now, as the API writes it. */
	readonly now: string;
}

const DEFAULT_DEADLINE_SECONDS = 600;
/** Upstream's "no deadline". */
const NO_DEADLINE_SECONDS = 2_147_483_647;

/** The counts and the Available condition; Progressing is judged by `withProgress`. */
export function deploymentStatus(view: RolloutView): DeploymentStatus {
	const { deployment, newest, all } = view;
	const sum = (field: "replicas" | "readyReplicas") => all.reduce((n, set) => n + (set.status?.[field] ?? 0), 0);
	const available = availableOf(all);
	const counts = {
		replicas: sum("replicas"),
		updatedReplicas: newest?.status?.replicas ?? 0,
		readyReplicas: sum("readyReplicas"),
		availableReplicas: available,
		unavailableReplicas: Math.max(0, totalReplicas(all) - available),
	};
	const isEnough = available >= replicasOf(deployment) - rolloutBounds(deployment).maxUnavailable;
	const conditions = withCondition(
		view.conditions,
		{
			type: "Available",
			status: isEnough ? "True" : "False",
			reason: isEnough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
			message: `Deployment ${isEnough ? "has" : "does not have"} minimum availability.`,
		},
		view.now,
	);
	const status: DeploymentStatus = { conditions };
	if (deployment.metadata.generation !== undefined) status.observedGeneration = deployment.metadata.generation;
	if (deployment.status?.collisionCount !== undefined) status.collisionCount = deployment.status.collisionCount;
	for (const [name, count] of Object.entries(counts)) if (count > 0) Object.assign(status, { [name]: count });
	return status;
}

/** Whether every wanted pod is of the newest template, and available, and no other is left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
	const wanted = replicasOf(deployment);
	const { updatedReplicas = 0, replicas = 0, availableReplicas = 0 } = status;
	return updatedReplicas === wanted && replicas === wanted && availableReplicas === wanted;
}

/** The status with the Progressing and ReplicaFailure conditions, and when to look again for the deadline's sake. */
export function withProgress(
	view: RolloutView,
	status: DeploymentStatus,
): { status: DeploymentStatus; checkAgainMs: number | undefined } {
	const { newest, all, now } = view;
	const progress = progressOf(view, status);
	const failure =
		conditionOf(newest, "ReplicaFailure") ?? all.map((set) => conditionOf(set, "ReplicaFailure")).find(Boolean);
	const conditions = failure
		? withCondition(progress.conditions, failure, now)
		: withoutCondition(progress.conditions, "ReplicaFailure");
	return { status: { ...status, conditions }, checkAgainMs: progress.checkAgainMs };
}

interface Progress {
	readonly conditions: Condition[];
	readonly checkAgainMs: number | undefined;
}

function progressOf(view: RolloutView, status: DeploymentStatus): Progress {
	const { deployment, newest, now } = view;
	const conditions = status.conditions ?? [];
	const before = conditionOf({ status: { conditions } }, "Progressing");
	const deadlineSeconds = deployment.spec.progressDeadlineSeconds ?? DEFAULT_DEADLINE_SECONDS;
	const isSettled = before?.reason === "NewReplicaSetAvailable" && status.replicas === status.updatedReplicas;
	if (deadlineSeconds === NO_DEADLINE_SECONDS || isSettled) return { conditions, checkAgainMs: undefined };

	const subject = newest ? `ReplicaSet "${newest.metadata.name}"` : `Deployment "${deployment.metadata.name}"`;
	const set = (value: "True" | "False", reason: string, message: string) =>
		withCondition(conditions, { type: "Progressing", status: value, reason, message }, now);
	if (isComplete(deployment, status)) {
		const message = `${subject} has successfully progressed.`;
		return { conditions: set("True", "NewReplicaSetAvailable", message), checkAgainMs: undefined };
	}
	const deadlineMs = deadlineSeconds * 1000;
	if (hasMoved(deployment.status, status)) {
		// Each sign of progress starts the deadline anew, which is what lastUpdateTime counts from.
		const lastTransitionTime = before?.status === "True" ? before.lastTransitionTime : now;
		const next: Condition = { type: "Progressing", status: "True", lastTransitionTime, lastUpdateTime: now };
		Object.assign(next, { reason: "ReplicaSetUpdated", message: `${subject} is progressing.` });
		return { conditions: [...withoutCondition(conditions, "Progressing"), next], checkAgainMs: deadlineMs };
	}
	const elapsedMs = view.nowMs - Date.parse(before?.lastUpdateTime ?? now);
	if (elapsedMs < deadlineMs) return { conditions, checkAgainMs: deadlineMs - elapsedMs };
	const message = `${subject} has timed out progressing.`;
	return { conditions: set("False", "ProgressDeadlineExceeded", message), checkAgainMs: undefined };
}

/** Progress is: more new pods, fewer old ones, more ready or more available. */
function hasMoved(before: DeploymentStatus = {}, after: DeploymentStatus): boolean {
	const old = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
	return (
		(after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
		old(after) < old(before) ||
		(after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
		(after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
	);
}
