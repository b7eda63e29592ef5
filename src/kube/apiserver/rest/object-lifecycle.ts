import { schemaOf } from "../../../kinds/catalogue.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import { applyDefaults, validateObject } from "../../../kinds/object-pipeline.ts";
import { pruneUnknown } from "../../../kinds/schema/unknown-fields.ts";
import { addCleanup, warnOfCrd } from "../crd/crd-write.ts";
import { ApiError, invalid } from "../http/api-error.ts";
import { isEqual } from "../managed-fields/field-set.ts";
import { recordUpdate } from "../managed-fields/record-update.ts";
import { StoreWriteError } from "../store/store-error.ts";
import { type AdmissionSubject, mutate, validateAdmission } from "./admit.ts";
import { type ApiContext, timestamp } from "./api-context.ts";
import type { WriteRequest } from "./request-scope.ts";
import type { ServedResource } from "./served-resource.ts";

/**
 * The part that create and update share: defaults, mutating admission, validation, validating admission. `next` may be changed; the result
 * is what would be stored, still without managedFields.
 */
export function pass(
	context: ApiContext,
	request: WriteRequest,
	next: KubeObject,
	live: KubeObject | undefined,
): KubeObject {
	const { kind, version } = request.scope.resource;
	applyDefaults(kind, version, next);
	if (isCrd(request) && !live) addCleanup(next);
	const subject: AdmissionSubject = {
		operation: live ? "UPDATE" : "CREATE",
		name: next.metadata.name ?? "",
		object: next,
		oldObject: live,
	};
	const mutated = mutate(context, request, subject) ?? next;
	if (mutated !== next) {
		pruneUnknown(schemaOf(kind, version), mutated);
		applyDefaults(kind, version, mutated);
	}
	validate(request, mutated, live);
	validateAdmission(context, request, { ...subject, object: mutated });
	return mutated;
}

function validate(request: WriteRequest, object: KubeObject, live: KubeObject | undefined): void {
	const { kind, version } = request.scope.resource;
	const { errors, warnings } = validateObject(kind, version, object, live);
	if (errors.length > 0) throw invalid(kind, object.metadata.name ?? "", errors);
	for (const warning of warnings) request.warn(warning);
	if (isCrd(request) && request.scope.subresource === "")
		for (const warning of warnOfCrd(object)) request.warn(warning);
}

function isCrd({ scope }: WriteRequest): boolean {
	return scope.resource.storage === "apiextensions.k8s.io/customresourcedefinitions";
}

/** Writes who owns which field into the object. */
export function recordManager(
	context: ApiContext,
	request: WriteRequest,
	next: KubeObject,
	live: KubeObject | undefined,
): void {
	const { resource, subresource } = request.scope;
	next.metadata.managedFields = recordUpdate(live, next, schemaOf(resource.kind, resource.version), {
		manager: request.fieldManager,
		apiVersion: resource.apiVersion,
		subresource,
		writesStatus: subresource !== "" || !resource.kind.subresources.status,
		time: timestamp(context),
	});
}

/** True when what `metadata.generation` counts has changed: the spec, or for a kind without one everything but metadata and status. */
export function movesGeneration({ kind }: ServedResource, live: KubeObject, next: KubeObject): boolean {
	if (!kind.hasGeneration) return false;
	if (kind.origin === "builtin") return !isEqual(live.spec, next.spec);
	const counted = ({ metadata: _metadata, status, ...rest }: KubeObject) =>
		kind.subresources.status ? rest : { ...rest, status };
	return !isEqual(counted(live), counted(next));
}

/** Waits for a write and tells a disk's refusal as Kubernetes would. */
export async function durable<T>(write: Promise<T>): Promise<T> {
	try {
		return await write;
	} catch (cause) {
		if (!(cause instanceof StoreWriteError)) throw cause;
		const message = `Internal error occurred: ${cause.message}; nothing was changed`;
		throw new ApiError(500, "InternalError", message, { causes: [{ message: cause.message }] }, { cause });
	}
}
