import type { KubeObject } from "../../../kinds/object.ts";
import type { AdmissionPlugin, AdmissionRequest } from "../admission.ts";
import { ApiError } from "../http/api-error.ts";
import { objectKey } from "../store/object-key.ts";
import type { ApiContext } from "./api-context.ts";
import type { WriteRequest } from "./request-scope.ts";

/** What is written: `object` undefined for a deletion, `oldObject` undefined for a creation. */
export interface AdmissionSubject {
	readonly operation: AdmissionRequest["operation"];
	readonly name: string;
	readonly object: KubeObject | undefined;
	readonly oldObject: KubeObject | undefined;
}

/** Lets every plugin change the object, in order; the result is the last one's. */
export function mutate(context: ApiContext, request: WriteRequest, subject: AdmissionSubject): KubeObject | undefined {
	let { object } = subject;
	for (const plugin of context.admission) {
		object = plugin.mutate?.(toRequest(context, request, { ...subject, object })) ?? object;
	}
	return object;
}

/** Asks every plugin; the first that denies ends the write with its text, as an admission webhook's would. */
export function validateAdmission(context: ApiContext, request: WriteRequest, subject: AdmissionSubject): void {
	const admission = toRequest(context, request, subject);
	for (const plugin of context.admission) ask(plugin, admission, request);
}

function ask(plugin: AdmissionPlugin, admission: AdmissionRequest, request: WriteRequest): void {
	const verdict = plugin.validate?.(admission);
	for (const warning of verdict?.warnings ?? []) request.warn(warning);
	if (verdict?.denied === undefined) return;
	throw new ApiError(400, "", `admission webhook "${plugin.name}" denied the request: ${verdict.denied}`);
}

function toRequest(context: ApiContext, request: WriteRequest, subject: AdmissionSubject): AdmissionRequest {
	const { resource, namespace, subresource } = request.scope;
	const stored = namespace === "" ? undefined : context.store.latest(objectKey("core/namespaces", "", namespace));
	return {
		...subject,
		group: resource.kind.group,
		version: resource.version,
		plural: resource.kind.plural,
		subresource,
		namespace,
		dryRun: request.dryRun,
		namespaceLabels: stored?.object.metadata.labels ?? {},
	};
}
