import { timestamp } from "../../client/event-recorder.ts";
import { isPodTerminal, type Pod } from "../../client/pod.ts";
import { RESOURCES } from "../../client/resources.ts";
import { type Deployment, matchesSelector, type ReplicaSet } from "../../client/workloads.ts";
import { type Controller, type ControllerContext, contextQueue, contextRecorder } from "../controller-context.ts";
import { controllerOf, formatKey, parseKey } from "../object-key.ts";
import { createOwnedObjects } from "../owned-objects.ts";
import type { DeploymentWorld } from "./deployment-world.ts";
import { createRolloutPass } from "./rollout-pass.ts";

/** Rolls Deployments out over ReplicaSets: rolling update, recreate, pause, undo, history, status. */
export function startDeploymentController(context: ControllerContext): Controller {
	const { informers } = context;
	const pods = createOwnedObjects<Pod>({ ...context, ref: RESOURCES.pods, informer: informers.pods });
	const world: DeploymentWorld = {
		context,
		sets: createOwnedObjects<ReplicaSet>({ ...context, ref: RESOURCES.replicaSets, informer: informers.replicaSets }),
		recorder: contextRecorder(context, "deployment-controller"),
		runningPods: (set) => pods.ownedBy(set.metadata.uid ?? "").filter((pod) => !isPodTerminal(pod)),
	};
	const queue = contextQueue(context, "deployment", async (key) => {
		const { name, namespace } = parseKey(key);
		const deployment = informers.deployments.get(name, namespace);
		if (!deployment) return;
		const owned = await world.sets.claim(deployment, deployment.spec.selector);
		const pass = createRolloutPass(world, deployment, owned, timestamp(context.clock.epochMs()));
		const checkAgainMs = await pass.run();
		if (checkAgainMs !== undefined) queue.addAfter(key, checkAgainMs);
	});
	informers.deployments.onChange(({ object }) => queue.add(formatKey(object)));
	informers.replicaSets.onChange(({ object }) => {
		for (const deployment of concerned(object, informers.deployments.list())) queue.add(formatKey(deployment));
	});
	informers.pods.onChange(({ type, object }) => {
		// Only Recreate waits for pods to be gone; everything else it hears from the ReplicaSet's status.
		if (type !== "deleted" && !isPodTerminal(object)) return;
		const setUid = controllerOf(object)?.uid;
		const set = informers.replicaSets.list().find((candidate) => candidate.metadata.uid === setUid);
		for (const deployment of set ? concerned(set, informers.deployments.list()) : [])
			if (deployment.spec.strategy?.type === "Recreate") queue.add(formatKey(deployment));
	});
	return { stop: () => queue.stop() };
}

/** The ReplicaSet's own Deployment, or for an orphan all that might adopt it. */
function concerned(set: ReplicaSet, deployments: readonly Deployment[]): readonly Deployment[] {
	const { namespace, labels } = set.metadata;
	const owner = controllerOf(set);
	if (owner) return deployments.filter((deployment) => deployment.metadata.uid === owner.uid);
	return deployments.filter(
		({ metadata, spec }) => metadata.namespace === namespace && matchesSelector(spec.selector, labels),
	);
}
