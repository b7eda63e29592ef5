import type { EventRecorder } from "../client/event-recorder.ts";
import { timestamp } from "../client/event-recorder.ts";
import { KubeApiError } from "../client/kube-client.ts";
import { conditionOf, isPodReady, isPodTerminal, type Pod } from "../client/pod.ts";
import { RESOURCES } from "../client/resources.ts";
import { matchesSelector, type ReplicaSet, type ReplicaSetStatus } from "../client/workloads.ts";
import { withCondition, withoutCondition } from "./conditions.ts";
import { type Controller, type ControllerContext, contextQueue, contextRecorder } from "./controller-context.ts";
import { canonicalJson, controllerOf, controllerReference, formatKey, parseKey } from "./object-key.ts";
import { createOwnedObjects, type OwnedObjects } from "./owned-objects.ts";
import { byDeletionOrder } from "./pod-deletion-order.ts";
import { randomSuffix } from "./safe-name.ts";

/** Most pods that one pass makes or deletes. */
const BURST = 500;

/** Keeps as many pods as each ReplicaSet asks for: makes, deletes, adopts and releases them, and reports its status. */
export function startReplicaSetController(context: ControllerContext): Controller {
	const { informers } = context;
	const recorder = contextRecorder(context, "replicaset-controller");
	const pods = createOwnedObjects<Pod>({ ...context, ref: RESOURCES.pods, informer: informers.pods });
	const queue = contextQueue(context, "replicaset", async (key) => {
		const { name, namespace } = parseKey(key);
		const set = informers.replicaSets.get(name, namespace);
		if (!set) return;
		const checkAgainMs = await reconcile(context, { set, pods, recorder });
		if (checkAgainMs !== undefined) queue.addAfter(key, checkAgainMs);
	});
	informers.replicaSets.onChange(({ object }) => queue.add(formatKey(object)));
	informers.pods.onChange(({ object }) => {
		for (const set of concerned(object, informers.replicaSets.list())) queue.add(formatKey(set));
	});
	return { stop: () => queue.stop() };
}

/** The pod's own set, or for an orphan all sets that might adopt it. */
function concerned(pod: Pod, sets: readonly ReplicaSet[]): readonly ReplicaSet[] {
	const { namespace, labels } = pod.metadata;
	const owner = controllerOf(pod);
	if (owner) return sets.filter((set) => set.metadata.uid === owner.uid);
	return sets.filter((set) => set.metadata.namespace === namespace && matchesSelector(set.spec.selector, labels));
}

interface Pass {
	readonly set: ReplicaSet;
	readonly pods: OwnedObjects<Pod>;
	readonly recorder: EventRecorder;
}

/** One pass; returns when to look again because a pod becomes available by the mere passing of time. */
async function reconcile(context: ControllerContext, pass: Pass): Promise<number | undefined> {
	const { set, pods } = pass;
	const owned = await pods.claim(set, set.spec.selector);
	const active = owned.filter((pod) => !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined);
	const failure = set.metadata.deletionTimestamp === undefined ? await scale(context, pass, active) : undefined;
	const now = pods
		.ownedBy(set.metadata.uid ?? "")
		.filter((pod) => !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined);
	const { status, nextAvailableMs } = statusOf(context, set, now, failure);
	if (canonicalJson(status) !== canonicalJson(set.status)) {
		const next = { ...set, status: { ...status, observedGeneration: set.metadata.generation } };
		await ignoreGone(context.client.updateStatus(RESOURCES.replicaSets, next));
	}
	if (failure) throw failure;
	return nextAvailableMs;
}

/** Makes or deletes pods; what fails is told to the user and returned, after everything was tried. */
async function scale(context: ControllerContext, pass: Pass, active: readonly Pod[]): Promise<Error | undefined> {
	const missing = (pass.set.spec.replicas ?? 1) - active.length;
	if (missing === 0) return undefined;
	if (missing > 0) return createPods(context, pass, Math.min(BURST, missing));
	const doomed = [...active].sort(byDeletionOrder).slice(0, Math.min(BURST, -missing));
	const results = await Promise.allSettled(doomed.map((pod) => deletePod(context, pass, pod)));
	return results.find((result) => result.status === "rejected")?.reason as Error | undefined;
}

/** In batches of 1, 2, 4, ...: when something forbids pods (quota, admission), few requests find out. */
async function createPods(context: ControllerContext, pass: Pass, count: number): Promise<Error | undefined> {
	let left = count;
	for (let batch = Math.min(left, 4); batch > 0; batch = Math.min(left, batch * 2)) {
		const results = await Promise.allSettled(Array.from({ length: batch }, () => createPod(context, pass)));
		const failed = results.find((result) => result.status === "rejected");
		if (failed) return failed.reason as Error;
		left -= batch;
	}
	return undefined;
}

async function createPod(context: ControllerContext, { set, pods, recorder }: Pass): Promise<void> {
	const { metadata = {}, spec } = set.spec.template;
	const pod: Pod = {
		apiVersion: "v1",
		kind: "Pod",
		metadata: {
			name: `${(set.metadata.name ?? "").slice(0, 247)}-${randomSuffix(context.random)}`,
			generateName: `${set.metadata.name}-`,
			namespace: set.metadata.namespace,
			...(metadata.labels ? { labels: metadata.labels } : {}),
			...(metadata.annotations ? { annotations: metadata.annotations } : {}),
			...(metadata.finalizers ? { finalizers: metadata.finalizers } : {}),
			ownerReferences: [controllerReference(set)],
		},
		spec,
	};
	try {
		const created = await context.client.create(RESOURCES.pods, pod);
		pods.noteWritten(created);
		const message = `Created pod: ${created.metadata.name}`;
		recorder.record(set, { type: "Normal", reason: "SuccessfulCreate", message });
	} catch (error) {
		if (isNamespaceEnding(error)) return;
		const message = `Error creating: ${error instanceof Error ? error.message : String(error)}`;
		recorder.record(set, { type: "Warning", reason: "FailedCreate", message });
		throw error;
	}
}

async function deletePod(context: ControllerContext, { set, pods, recorder }: Pass, pod: Pod): Promise<void> {
	const { name = "", namespace, uid } = pod.metadata;
	try {
		await ignoreGone(context.client.delete(RESOURCES.pods, name, { namespace, preconditionUid: uid }));
		pods.noteDeleted(pod);
		recorder.record(set, { type: "Normal", reason: "SuccessfulDelete", message: `Deleted pod: ${name}` });
	} catch (error) {
		const message = `Error deleting: ${error instanceof Error ? error.message : String(error)}`;
		recorder.record(set, { type: "Warning", reason: "FailedDelete", message });
		throw error;
	}
}

function statusOf(
	context: ControllerContext,
	set: ReplicaSet,
	pods: readonly Pod[],
	failure: Error | undefined,
): { status: ReplicaSetStatus; nextAvailableMs: number | undefined } {
	const minReadyMs = (set.spec.minReadySeconds ?? 0) * 1000;
	const nowMs = context.clock.epochMs();
	const ready = pods.filter(isPodReady);
	// How long until each ready pod has been ready for minReadySeconds.
	const waits = ready.map((pod) => {
		const since = Date.parse(conditionOf(pod, "Ready")?.lastTransitionTime ?? "") || nowMs;
		return minReadyMs === 0 ? 0 : since + minReadyMs - nowMs;
	});
	const pending = waits.filter((wait) => wait > 0);
	const labels = Object.entries(set.spec.template.metadata?.labels ?? {});
	const fullyLabeled = pods.filter((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value));
	const reason = (set.spec.replicas ?? 1) > pods.length ? "FailedCreate" : "FailedDelete";
	const conditions = failure
		? withCondition(
				set.status?.conditions,
				{ type: "ReplicaFailure", status: "True", reason, message: failure.message },
				timestamp(nowMs),
			)
		: withoutCondition(set.status?.conditions, "ReplicaFailure");
	const status: ReplicaSetStatus = { replicas: pods.length };
	if (fullyLabeled.length > 0) status.fullyLabeledReplicas = fullyLabeled.length;
	if (ready.length > 0) status.readyReplicas = ready.length;
	if (ready.length > pending.length) status.availableReplicas = ready.length - pending.length;
	if (set.metadata.generation !== undefined) status.observedGeneration = set.metadata.generation;
	if (conditions.length > 0) status.conditions = conditions;
	return { status, nextAvailableMs: pending.length > 0 ? Math.min(...pending) : undefined };
}

/** Pods cannot be made in a namespace that is being deleted, and need not: the set goes with it. */
function isNamespaceEnding(error: unknown): boolean {
	return error instanceof KubeApiError && error.code === 403 && error.message.includes("is being terminated");
}

async function ignoreGone(work: Promise<unknown>): Promise<void> {
	try {
		await work;
	} catch (error) {
		if (!(error instanceof KubeApiError) || error.code !== 404) throw error;
	}
}
