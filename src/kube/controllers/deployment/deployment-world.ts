import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Pod } from "../../client/pod.ts";
import type { ReplicaSet } from "../../client/workloads.ts";
import type { ControllerContext } from "../controller-context.ts";
import type { OwnedObjects } from "../owned-objects.ts";

/** What the passes of all Deployments share. */
export interface DeploymentWorld {
	readonly context: ControllerContext;
	readonly sets: OwnedObjects<ReplicaSet>;
	readonly recorder: EventRecorder;
	/** Pods of a ReplicaSet that may still run. */
	runningPods(set: ReplicaSet): readonly Pod[];
}
