import type { KubeObject } from "../../../kinds/object.ts";
import { ApiError, badRequest, conflict, type Status } from "../http/api-error.ts";
import { isJsonObject, type JsonObject } from "../patch/merge-patch.ts";
import { type ApiContext, timestamp } from "./api-context.ts";
import { deleteObject, isDryRunDelete, parseDeleteOptions } from "./delete-object.ts";
import { formatLabelSelector, parseLabelSelector } from "./label-selector.ts";
import type { WriteRequest } from "./request-scope.ts";
import { updateObject } from "./update-object.ts";

const CREATED: Status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };

interface Condition {
	readonly type: string;
	readonly status: string;
	readonly lastTransitionTime?: string;
}

/** POST pods/{name}/binding: assigns the pod to a node, once. */
export async function bindPod(context: ApiContext, request: WriteRequest, body: JsonObject): Promise<Status> {
	const target = body.target;
	const nodeName = isJsonObject(target) ? target.name : undefined;
	if (typeof nodeName !== "string" || nodeName === "") throw badRequest("Binding: target.name is required");
	await updateObject(context, request, "any", (pod) => bound(context, request, pod, nodeName));
	return CREATED;
}

function bound(context: ApiContext, request: WriteRequest, pod: KubeObject, nodeName: string): KubeObject {
	const spec = pod.spec as { nodeName?: string };
	const refuse = (why: string) => conflict({ group: "", plural: "pods/binding" }, request.scope.name, why);
	if (pod.metadata.deletionTimestamp)
		throw refuse(`pod ${pod.metadata.name} is being deleted, cannot be assigned to a host`);
	if (spec.nodeName) throw refuse(`pod ${pod.metadata.name} is already assigned to node "${spec.nodeName}"`);
	const status = (pod.status ?? {}) as { conditions?: Condition[] };
	const others = (status.conditions ?? []).filter((condition) => condition.type !== "PodScheduled");
	const scheduled = { type: "PodScheduled", status: "True", lastTransitionTime: timestamp(context) };
	return {
		...pod,
		spec: { ...spec, nodeName },
		status: { ...status, conditions: [...others, scheduled] },
	};
}

interface BudgetStatus {
	readonly disruptionsAllowed?: number;
}

/** POST pods/{name}/eviction: deletes the pod unless a PodDisruptionBudget forbids it (429). */
export async function evictPod(context: ApiContext, request: WriteRequest, body: JsonObject): Promise<Status> {
	const options = isJsonObject(body.deleteOptions) ? body.deleteOptions : undefined;
	const pod = context.store.latest(`core/pods/${request.scope.namespace}/${request.scope.name}`)?.object;
	if (pod) checkBudgets(context, pod);
	const dryRun = request.dryRun || isDryRunDelete(options);
	await deleteObject(context, { ...request, dryRun }, parseDeleteOptions(options, new URLSearchParams()));
	return CREATED;
}

function checkBudgets({ store }: ApiContext, pod: KubeObject): void {
	const labels = pod.metadata.labels ?? {};
	for (const { object: budget } of store.list("policy/poddisruptionbudgets", pod.metadata.namespace)) {
		const { selector } = (budget.spec ?? {}) as { selector?: object };
		const matches = selector && parseLabelSelector(formatLabelSelector(selector));
		const { disruptionsAllowed = 0 } = (budget.status ?? {}) as BudgetStatus;
		if (!selector || (matches && !matches(labels)) || disruptionsAllowed > 0) continue;
		const message = "Cannot evict pod as it would violate the pod's disruption budget.";
		const cause = {
			reason: "DisruptionBudget",
			message: `The disruption budget ${budget.metadata.name} does not allow evicting pods currently`,
		};
		throw new ApiError(429, "TooManyRequests", message, { causes: [cause], retryAfterSeconds: 10 });
	}
}
