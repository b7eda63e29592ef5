import { timestamp } from "../client/event-recorder.ts";
import { KubeApiError } from "../client/kube-client.ts";
import { conditionOf, isPodTerminal, type Pod } from "../client/pod.ts";
import { RESOURCES } from "../client/resources.ts";
import type { Node } from "../client/service.ts";
import { withCondition } from "./conditions.ts";
import { type Controller, type ControllerContext, contextQueue, contextRecorder } from "./controller-context.ts";
import { formatKey, parseKey } from "./object-key.ts";

const SCHEDULER_NAME = "default-scheduler";

/**
 * Binds pods to a node that is ready, schedulable, has the labels of nodeSelector and no taint that the pod does not
 * tolerate. Resource requests, affinity and topology spread are not weighed: a laptop has one node.
 */
export function startScheduler(context: ControllerContext): Controller {
	const { informers, client } = context;
	const recorder = contextRecorder(context, SCHEDULER_NAME);
	const bound = new Set<string>();

	const bind = async (pod: Pod, node: Node) => {
		const { name = "", namespace, uid = "" } = pod.metadata;
		const target = { apiVersion: "v1", kind: "Node", name: node.metadata.name };
		const binding = { apiVersion: "v1", kind: "Binding", metadata: { name, namespace, uid }, target };
		try {
			await client.createSubresource(RESOURCES.pods, name, "binding", binding, namespace);
		} catch (error) {
			// Gone, or bound by someone else: the next event of the pod, if any, says what to do.
			if (error instanceof KubeApiError && (error.code === 404 || error.code === 409)) return;
			throw error;
		}
		bound.add(uid);
		const message = `Successfully assigned ${namespace}/${name} to ${node.metadata.name}`;
		recorder.record(pod, { type: "Normal", reason: "Scheduled", message });
	};
	const refuse = async (pod: Pod, message: string) => {
		const before = conditionOf(pod, "PodScheduled");
		if (before?.message === message) return;
		recorder.record(pod, { type: "Warning", reason: "FailedScheduling", message });
		const condition = { type: "PodScheduled", status: "False", reason: "Unschedulable", message } as const;
		const conditions = withCondition(pod.status?.conditions, condition, timestamp(context.clock.epochMs()));
		await client.updateStatus(RESOURCES.pods, { ...pod, status: { ...pod.status, conditions } });
	};
	const queue = contextQueue(context, "scheduler", async (key) => {
		const { name, namespace } = parseKey(key);
		const pod = informers.pods.get(name, namespace);
		if (!pod || !isWaiting(pod) || bound.has(pod.metadata.uid ?? "")) return;
		const reasons = new Map<string, number>();
		for (const node of informers.nodes.list()) {
			const reason = whyNot(pod, node);
			if (reason === undefined) return bind(pod, node);
			reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
		}
		const counts = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(", ");
		// At start the node registers a moment after the first pods: a node event brings the pod back here.
		if (counts !== "") await refuse(pod, `0/${informers.nodes.list().length} nodes are available: ${counts}.`);
	});
	informers.pods.onChange(({ type, object }) => {
		if (type === "deleted" || object.spec.nodeName !== undefined) bound.delete(object.metadata.uid ?? "");
		else if (isWaiting(object)) queue.add(formatKey(object));
	});
	informers.nodes.onChange(() => {
		for (const pod of informers.pods.list()) if (isWaiting(pod)) queue.add(formatKey(pod));
	});
	return { stop: () => queue.stop() };
}

function isWaiting(pod: Pod): boolean {
	const { nodeName, schedulerName = SCHEDULER_NAME, schedulingGates = [] } = pod.spec;
	if (nodeName || schedulerName !== SCHEDULER_NAME || schedulingGates.length > 0) return false;
	return pod.metadata.deletionTimestamp === undefined && !isPodTerminal(pod);
}

/** Why the pod cannot go there, in the words of upstream's scheduler; undefined when it can. */
function whyNot(pod: Pod, node: Node): string | undefined {
	if (conditionOf(node, "Ready")?.status !== "True") return "node(s) were not ready";
	if (node.spec?.unschedulable) return "node(s) were unschedulable";
	const labels = node.metadata.labels ?? {};
	const misses = Object.entries(pod.spec.nodeSelector ?? {}).some(([key, value]) => labels[key] !== value);
	if (misses) return "node(s) didn't match Pod's node affinity/selector";
	const taint = (node.spec?.taints ?? []).find(({ effect, key, value }) => {
		if (effect === "PreferNoSchedule") return false;
		return !(pod.spec.tolerations ?? []).some((toleration) => {
			if (toleration.effect && toleration.effect !== effect) return false;
			if (toleration.operator === "Exists") return !toleration.key || toleration.key === key;
			return toleration.key === key && (toleration.value ?? "") === (value ?? "");
		});
	});
	return taint && `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`;
}
