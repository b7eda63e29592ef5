import type { KubeObject } from "../../../kinds/object.ts";
import { ApiError, conflict, notFound, type Status } from "../http/api-error.ts";
import { isJsonObject, type JsonObject } from "../patch/merge-patch.ts";
import { validateAdmission } from "./admit.ts";
import type { ApiContext } from "./api-context.ts";
import { protectNamespace } from "./namespace-lifecycle.ts";
import { durable } from "./object-lifecycle.ts";
import { keyOf, type WriteRequest } from "./request-scope.ts";
import { fromStored, toStored } from "./served-resource.ts";
import { isFinished } from "./update-object.ts";

/** How a deletion is to be done (meta/v1 DeleteOptions). */
export interface DeleteOptions {
	readonly gracePeriodSeconds?: number;
	readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
	readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

const POLICIES = ["Background", "Foreground", "Orphan"];
const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";

/** DeleteOptions from the body (undefined when there was none) and the query, which a plain `curl -X DELETE` uses. Throws 422. */
export function parseDeleteOptions(body: JsonObject | undefined, query: URLSearchParams): DeleteOptions {
	const grace = body?.gracePeriodSeconds ?? numberOf(query.get("gracePeriodSeconds"));
	const policy = body?.propagationPolicy ?? query.get("propagationPolicy") ?? undefined;
	const orphan = body?.orphanDependents ?? undefined;
	if (policy !== undefined && !POLICIES.includes(policy as string))
		throw invalidOption("propagationPolicy", `Unsupported value: "${policy}": supported values: ${quoted(POLICIES)}`);
	if (grace !== undefined && grace !== null && (typeof grace !== "number" || grace < 0))
		throw invalidOption("gracePeriodSeconds", `Invalid value: ${grace}: must be a non-negative integer`);
	const preconditions = isJsonObject(body?.preconditions) ? body.preconditions : undefined;
	return {
		gracePeriodSeconds: typeof grace === "number" ? grace : undefined,
		propagationPolicy: (policy as DeleteOptions["propagationPolicy"]) ?? (orphan === true ? "Orphan" : undefined),
		preconditions,
	};
}

/** True when the body asks for a dry run. */
export function isDryRunDelete(body: JsonObject | undefined): boolean {
	return Array.isArray(body?.dryRun) && body.dryRun.includes("All");
}

/**
 * DELETE of one object: gone at once, or marked when finalizers, a grace period or dependents hold it. The result is the
 * marked object, or a Status when it is gone.
 */
export async function deleteObject(
	context: ApiContext,
	request: WriteRequest,
	options: DeleteOptions,
): Promise<KubeObject | Status> {
	const { scope } = request;
	const { resource } = scope;
	const stored = context.store.latest(keyOf(scope));
	if (!stored) throw notFound(resource.kind, scope.name);
	protectNamespace(scope);
	const live = fromStored(resource, stored.object);
	checkPreconditions(request, live, options);
	validateAdmission(context, request, { operation: "DELETE", name: scope.name, object: undefined, oldObject: live });
	const marked = mark(context, request, live, options);
	if (request.dryRun) return isFinished(resource, marked) ? success(request, live) : marked;
	if (isFinished(resource, marked)) {
		await durable(context.store.delete(stored.key, stored.revision));
		return success(request, live);
	}
	if (isUnchanged(live, marked)) return live;
	const kept = await durable(context.store.put(stored.key, toStored(resource, marked), stored.revision));
	return fromStored(resource, kept.object);
}

function checkPreconditions(request: WriteRequest, live: KubeObject, { preconditions }: DeleteOptions): void {
	const { kind } = request.scope.resource;
	const { uid, resourceVersion } = preconditions ?? {};
	const refuse = (what: string, wanted: string, actual: string | undefined) => {
		const why = `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${actual}`;
		throw conflict(kind, request.scope.name, why);
	};
	if (uid && uid !== live.metadata.uid) refuse("UID", uid, live.metadata.uid);
	if (resourceVersion && resourceVersion !== live.metadata.resourceVersion)
		refuse("ResourceVersion", resourceVersion, live.metadata.resourceVersion);
}

/** The object in deletion: when it began, how long it may take, and what must happen first. */
function mark(context: ApiContext, request: WriteRequest, live: KubeObject, options: DeleteOptions): KubeObject {
	const grace = graceOf(request, live, options);
	const { metadata } = live;
	const isFirst = !metadata.deletionTimestamp;
	const shortens = grace < (metadata.deletionGracePeriodSeconds ?? 0);
	const next: KubeObject = {
		...live,
		metadata: { ...metadata, finalizers: finalizersFor(metadata.finalizers, options) },
	};
	if (next.metadata.finalizers?.length === 0) delete next.metadata.finalizers;
	if (!isFirst && !shortens) return next;
	const began = context.clock.epochMs();
	next.metadata.deletionTimestamp = `${new Date(began + grace * 1000).toISOString().slice(0, 19)}Z`;
	next.metadata.deletionGracePeriodSeconds = grace;
	if (isFirst && metadata.generation !== undefined) next.metadata.generation = metadata.generation + 1;
	if (isFirst && isNamespace(live)) next.status = { ...(live.status as object), phase: "Terminating" };
	return next;
}

function isNamespace(object: KubeObject): boolean {
	return object.kind === "Namespace" && object.apiVersion === "v1";
}

/** Seconds that the object may take to stop: only pods take any, and only while something runs. */
function graceOf({ scope }: WriteRequest, live: KubeObject, options: DeleteOptions): number {
	if (scope.resource.storage !== "core/pods") return 0;
	const { nodeName, terminationGracePeriodSeconds = 30 } = (live.spec ?? {}) as {
		nodeName?: string;
		terminationGracePeriodSeconds?: number;
	};
	const { phase } = (live.status ?? {}) as { phase?: string };
	if (!nodeName || phase === "Succeeded" || phase === "Failed") return 0;
	return options.gracePeriodSeconds ?? terminationGracePeriodSeconds;
}

/** What the garbage collector must do before the object may go is kept as a finalizer. */
function finalizersFor(finalizers: readonly string[] = [], { propagationPolicy }: DeleteOptions): string[] {
	const others = finalizers.filter((finalizer) => finalizer !== FOREGROUND && finalizer !== ORPHAN);
	if (propagationPolicy === "Foreground") return [...others, FOREGROUND];
	if (propagationPolicy === "Orphan") return [...others, ORPHAN];
	return propagationPolicy === "Background" ? others : [...finalizers];
}

function isUnchanged(live: KubeObject, marked: KubeObject): boolean {
	return (
		live.metadata.deletionTimestamp === marked.metadata.deletionTimestamp &&
		(live.metadata.finalizers ?? []).join() === (marked.metadata.finalizers ?? []).join()
	);
}

function success({ scope }: WriteRequest, { metadata }: KubeObject): Status {
	const { group, plural } = scope.resource.kind;
	const details = { name: metadata.name, ...(group === "" ? {} : { group }), kind: plural, uid: metadata.uid };
	return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
}

function numberOf(text: string | null): number | undefined {
	return text === null || text === "" ? undefined : Number(text);
}

function quoted(values: readonly string[]): string {
	return values.map((value) => `"${value}"`).join(", ");
}

function invalidOption(field: string, message: string): ApiError {
	return new ApiError(422, "Invalid", `DeleteOptions.meta.k8s.io "" is invalid: ${field}: ${message}`, {
		group: "meta.k8s.io",
		kind: "DeleteOptions",
		causes: [{ reason: "FieldValueInvalid", message, field }],
	});
}
