import { invalid as invalidValue } from "../../../kinds/field-error.ts";
import type { KubeObject, ObjectMeta } from "../../../kinds/object.ts";
import { badRequest, conflict, invalid, modified, notFound } from "../http/api-error.ts";
import { isEqual } from "../managed-fields/field-set.ts";
import { isManagedFields } from "../managed-fields/record-update.ts";
import { isJsonObject } from "../patch/merge-patch.ts";
import type { StoredObject } from "../store/journal.ts";
import type { ApiContext } from "./api-context.ts";
import { checkNamespace } from "./create-object.ts";
import { durable, movesGeneration, pass, recordManager } from "./object-lifecycle.ts";
import { keyOf, type RequestScope, type WriteRequest } from "./request-scope.ts";
import { fromStored, type ServedResource, toStored } from "./served-resource.ts";

/** Turns the live object (a copy, free to change) into the wanted one; may throw ApiError. */
export type Change = (live: KubeObject) => KubeObject;

/** What the change may touch. */
export type Part = "object" | "status" | "finalize" | "any";

/**
 * Changes an object: PUT, PATCH and the subresources that write. The newest state is read, changed and written in one step, so
 * two writers never overwrite each other; a resourceVersion in the wanted object is a precondition. A change that changes nothing
 * writes nothing.
 */
export async function updateObject(
	context: ApiContext,
	request: WriteRequest,
	part: Part,
	change: Change,
): Promise<KubeObject> {
	const { scope } = request;
	const stored = context.store.latest(keyOf(scope));
	if (!stored) throw notFound(scope.resource.kind, scope.name);
	const live = fromStored(scope.resource, stored.object);
	const wanted = change(structuredClone(live));
	checkIdentity(scope, live, wanted, request.isReplace);
	const draft = keepOwned(scope.resource, part, live, wanted);
	context.services.inherit(scope.resource, draft, live);
	const next = pass(context, request, draft, live);
	if (movesGeneration(scope.resource, live, next)) next.metadata.generation = (live.metadata.generation ?? 0) + 1;
	if (isSame(live, next)) return live;
	recordManager(context, request, next, live);
	const allocation = context.services.allot(scope.resource, next, live);
	if (request.dryRun) {
		allocation.release();
		return next;
	}
	try {
		return await write(context, scope, stored, next);
	} catch (error) {
		allocation.release();
		throw error;
	}
}

/** Stores the new state, or removes the object when it was only waiting for its last finalizer. */
async function write(
	context: ApiContext,
	scope: RequestScope,
	stored: StoredObject,
	next: KubeObject,
): Promise<KubeObject> {
	const kept = toStored(scope.resource, next);
	const written = context.store.put(stored.key, kept, stored.revision);
	if (!isFinished(scope.resource, next)) return fromStored(scope.resource, (await durable(written)).object);
	const removed = context.store.delete(stored.key, context.store.latest(stored.key)!.revision);
	const [, last] = await durable(Promise.all([written, removed]));
	return fromStored(scope.resource, last.object);
}

/** True for an object in deletion that nothing holds any more. */
export function isFinished({ kind }: ServedResource, object: KubeObject): boolean {
	const { metadata } = object;
	if (!metadata.deletionTimestamp || (metadata.finalizers ?? []).length > 0) return false;
	if (kind.kind === "Namespace" && kind.group === "")
		return ((object.spec as NamespaceSpec)?.finalizers ?? []).length === 0;
	return (metadata.deletionGracePeriodSeconds ?? 0) === 0;
}

interface NamespaceSpec {
	readonly finalizers?: readonly string[];
}

/** What cannot be changed; a resourceVersion, which a PUT of a custom resource must name, is a precondition. */
function checkIdentity(scope: RequestScope, live: KubeObject, wanted: KubeObject, requiresRevision: boolean): void {
	const { kind } = scope.resource;
	const { metadata } = wanted;
	if (typeof metadata !== "object" || metadata === null) throw badRequest("metadata is not an object");
	metadata.name ||= scope.name;
	if (metadata.name !== scope.name)
		throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${scope.name})`);
	checkNamespace(scope, metadata.namespace);
	if (metadata.resourceVersion && metadata.resourceVersion !== "0") {
		if (metadata.resourceVersion !== live.metadata.resourceVersion) throw modified(kind, scope.name);
	} else if (kind.origin === "custom" && requiresRevision) {
		throw invalid(kind, scope.name, [RESOURCE_VERSION_REQUIRED]);
	}
	if (metadata.uid && metadata.uid !== live.metadata.uid) {
		if (!requiresRevision)
			throw invalid(kind, scope.name, [invalidValue("metadata.uid", metadata.uid, "field is immutable")]);
		const why = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${live.metadata.uid}`;
		throw conflict(kind, scope.name, why);
	}
}

const RESOURCE_VERSION_REQUIRED = {
	code: "LTN2101",
	path: "metadata.resourceVersion",
	message: "an update of a custom resource names the resourceVersion that it was made from",
	fix: "read the object first",
	reason: "FieldValueInvalid",
	kubernetesText: "Invalid value: 0x0: must be specified for an update",
} as const;

/** The wanted object with everything put back that this request may not touch. */
function keepOwned(resource: ServedResource, part: Part, live: KubeObject, wanted: KubeObject): KubeObject {
	const metadata = keepMetadata(live.metadata, wanted.metadata);
	const { status: liveStatus, ...liveRest } = live;
	if (part === "status") {
		const own = resource.kind.origin === "custom" ? live.metadata : statusMetadata(live.metadata, metadata);
		return {
			...structuredClone(liveRest),
			metadata: { ...own, managedFields: metadata.managedFields },
			status: wanted.status,
		};
	}
	if (part === "finalize") return { ...structuredClone(live), spec: wanted.spec, metadata: { ...live.metadata } };
	const next: KubeObject = { ...wanted, metadata };
	if (part === "object" && resource.kind.subresources.status) {
		if (liveStatus === undefined) delete next.status;
		else next.status = structuredClone(liveStatus);
	}
	return next;
}

function keepMetadata(live: ObjectMeta, wanted: ObjectMeta): ObjectMeta {
	return {
		...wanted,
		...(live.namespace === undefined ? {} : { namespace: live.namespace }),
		uid: live.uid,
		resourceVersion: live.resourceVersion,
		creationTimestamp: live.creationTimestamp,
		generation: live.generation,
		deletionTimestamp: live.deletionTimestamp,
		deletionGracePeriodSeconds: live.deletionGracePeriodSeconds,
		managedFields: keepManagedFields(live.managedFields, wanted.managedFields),
	};
}

/**
 * A list with one empty entry asks to forget all managers; no list, an empty one, or one that cannot be read asks for nothing.
 */
function keepManagedFields(live: unknown[] | undefined, wanted: unknown[] | undefined): unknown[] | undefined {
	if (!Array.isArray(wanted) || wanted.length === 0) return live;
	const [first] = wanted;
	if (wanted.length === 1 && isJsonObject(first) && Object.keys(first).length === 0) return [];
	return isManagedFields(wanted) ? wanted : live;
}

/** Of metadata a status write of a built-in kind may change labels, annotations and finalizers. */
function statusMetadata(live: ObjectMeta, wanted: ObjectMeta): ObjectMeta {
	return { ...live, labels: wanted.labels, annotations: wanted.annotations, finalizers: wanted.finalizers };
}

function isSame(live: KubeObject, next: KubeObject): boolean {
	return isEqual(live, next);
}
