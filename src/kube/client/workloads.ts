import type { KubeObject, ObjectMeta } from "../../kinds/object.ts";
import type { Condition, PodSpec } from "./pod.ts";

/** `matchLabels` and `matchExpressions`, all of which must hold. */
export interface LabelSelector {
	matchLabels?: Record<string, string>;
	matchExpressions?: { key: string; operator: "In" | "NotIn" | "Exists" | "DoesNotExist"; values?: string[] }[];
}

export interface PodTemplate {
	metadata?: ObjectMeta;
	spec: PodSpec;
}

export interface Deployment extends KubeObject {
	spec: {
		replicas?: number;
		selector: LabelSelector;
		template: PodTemplate;
		strategy?: { type?: string; rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } };
		minReadySeconds?: number;
		revisionHistoryLimit?: number;
		progressDeadlineSeconds?: number;
		paused?: boolean;
	};
	status?: DeploymentStatus;
}

export interface DeploymentStatus {
	observedGeneration?: number;
	replicas?: number;
	updatedReplicas?: number;
	readyReplicas?: number;
	availableReplicas?: number;
	unavailableReplicas?: number;
	collisionCount?: number;
	conditions?: Condition[];
}

export interface ReplicaSet extends KubeObject {
	spec: { replicas?: number; selector: LabelSelector; template: PodTemplate; minReadySeconds?: number };
	status?: ReplicaSetStatus;
}

export interface ReplicaSetStatus {
	observedGeneration?: number;
	replicas: number;
	fullyLabeledReplicas?: number;
	readyReplicas?: number;
	availableReplicas?: number;
	conditions?: Condition[];
}

export interface Job extends KubeObject {
	spec: {
		parallelism?: number;
		completions?: number;
		backoffLimit?: number;
		activeDeadlineSeconds?: number;
		ttlSecondsAfterFinished?: number;
		completionMode?: string;
		suspend?: boolean;
		selector?: LabelSelector;
		template: PodTemplate;
		[member: string]: unknown;
	};
	status?: {
		active?: number;
		ready?: number;
		succeeded?: number;
		failed?: number;
		startTime?: string;
		completionTime?: string;
		conditions?: Condition[];
		[member: string]: unknown;
	};
}

/** Whether labels satisfy a selector; an empty selector matches everything (Kubernetes' rule for workloads). */
export function matchesSelector(selector: LabelSelector, labels: Readonly<Record<string, string>> = {}): boolean {
	const exact = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
	return exact && (selector.matchExpressions ?? []).every((term) => holds(term, labels));
}

function holds(
	{ key, operator, values = [] }: NonNullable<LabelSelector["matchExpressions"]>[number],
	labels: Readonly<Record<string, string>>,
): boolean {
	const value = labels[key];
	if (operator === "Exists") return value !== undefined;
	if (operator === "DoesNotExist") return value === undefined;
	if (operator === "In") return value !== undefined && values.includes(value);
	return value === undefined || !values.includes(value);
}
