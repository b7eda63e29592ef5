import { timestamp } from "../client/event-recorder.ts";
import { KubeApiError } from "../client/kube-client.ts";
import { resourcePath } from "../client/resource-path.ts";
import { RESOURCES } from "../client/resources.ts";
import type { Namespace } from "../client/service.ts";
import { withCondition } from "./conditions.ts";
import { type Controller, type ControllerContext, contextQueue } from "./controller-context.ts";
import { type DiscoveredResource, discoverResources } from "./discover-resources.ts";
import { canonicalJson, formatKey } from "./object-key.ts";

const FINALIZER = "kubernetes";
/** Pods leave within their grace period; this is how often we look whether the namespace is empty. */
const LOOK_AGAIN_MS = 200;

/** What deleting a namespace's content left behind. */
interface Remains {
	readonly counts: ReadonlyMap<string, number>;
	readonly finalizers: ReadonlyMap<string, number>;
	readonly failures: readonly string[];
}

/** Empties namespaces that are being deleted, tells what still holds them, and lets them go when they are empty. */
export function startNamespaceController(context: ControllerContext): Controller {
	const { informers } = context;
	const queue = contextQueue(context, "namespace", async (name) => {
		const namespace = informers.namespaces.get(name);
		if (!namespace?.metadata.deletionTimestamp || !namespace.spec?.finalizers?.includes(FINALIZER)) return;
		const remains = await deleteContent(context, name);
		await writeConditions(context, namespace, remains);
		if (remains.counts.size === 0 && remains.failures.length === 0) await finalize(context, name);
		else queue.addAfter(name, LOOK_AGAIN_MS);
	});
	informers.namespaces.onChange(({ object }) => queue.add(formatKey(object)));
	return { stop: () => queue.stop() };
}

/** Asks for the deletion of everything in the namespace that is not being deleted yet. */
async function deleteContent(context: ControllerContext, namespace: string): Promise<Remains> {
	const resources = (await discoverResources(context.client)).filter(
		({ namespaced, verbs }) => namespaced && verbs.includes("list") && verbs.includes("delete"),
	);
	const counts = new Map<string, number>();
	const finalizers = new Map<string, number>();
	const failures: string[] = [];
	const count = (map: Map<string, number>, key: string, by = 1) => map.set(key, (map.get(key) ?? 0) + by);
	await Promise.all(
		resources.map(async (resource) => {
			try {
				const left = await deleteAll(context, namespace, resource);
				if (left.length === 0) return;
				count(counts, `${resource.plural}.${resource.group}`.replace(/\.$/, ""), left.length);
				for (const finalizer of left.flatMap(({ metadata }) => metadata.finalizers ?? [])) count(finalizers, finalizer);
			} catch (error) {
				failures.push(`${resource.plural}: ${error instanceof Error ? error.message : String(error)}`);
			}
		}),
	);
	return { counts, finalizers, failures };
}

/** Returns what is still there after the deletions were asked for. */
async function deleteAll({ client }: ControllerContext, namespace: string, resource: DiscoveredResource) {
	const { items } = await client.list(resource, { namespace });
	const living = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
	await Promise.all(
		living.map(async ({ metadata: { name = "", uid } }) => {
			try {
				await client.delete(resource, name, { namespace, preconditionUid: uid, propagationPolicy: "Background" });
			} catch (error) {
				if (!(error instanceof KubeApiError) || (error.code !== 404 && error.code !== 409)) throw error;
			}
		}),
	);
	return living.length === 0 ? items : (await client.list(resource, { namespace })).items;
}

async function writeConditions(context: ControllerContext, namespace: Namespace, remains: Remains): Promise<void> {
	const now = timestamp(context.clock.epochMs());
	const { counts, finalizers, failures } = remains;
	const text = (map: ReadonlyMap<string, number>, word: string) =>
		[...map].map(([key, n]) => `${key} ${word} ${n} ${n === 1 ? "instance" : "instances"}`).join(", ");
	const table = [
		[
			"NamespaceDeletionContentFailure",
			failures.length > 0,
			"ContentDeletionFailed",
			"ContentDeleted",
			failures.length > 0 ? failures.join("; ") : "All content successfully deleted, may be waiting on finalization",
		],
		[
			"NamespaceContentRemaining",
			counts.size > 0,
			"SomeResourcesRemain",
			"ContentRemoved",
			counts.size > 0 ? `Some resources are remaining: ${text(counts, "has")}` : "All content successfully removed",
		],
		[
			"NamespaceFinalizersRemaining",
			finalizers.size > 0,
			"SomeFinalizersRemain",
			"ContentHasNoFinalizers",
			finalizers.size > 0
				? `Some content in the namespace has finalizers remaining: ${text(finalizers, "in")}`
				: "All content-preserving finalizers finished",
		],
	] as const;
	let conditions = namespace.status?.conditions ?? [];
	for (const [type, holds, badReason, goodReason, message] of table) {
		const reason = holds ? badReason : goodReason;
		conditions = withCondition(conditions, { type, status: holds ? "True" : "False", reason, message }, now);
	}
	const status = { ...namespace.status, phase: "Terminating", conditions };
	if (canonicalJson(status) === canonicalJson(namespace.status)) return;
	await context.client.patch(
		RESOURCES.namespaces,
		namespace.metadata.name ?? "",
		{ status },
		{ subresource: "status" },
	);
}

/** Takes our finalizer out of spec; the server deletes the namespace when none is left. */
async function finalize({ client }: ControllerContext, name: string): Promise<void> {
	const namespace = await client.get<Namespace>(RESOURCES.namespaces, name);
	const finalizers = namespace.spec?.finalizers?.filter((finalizer) => finalizer !== FINALIZER) ?? [];
	const answer = await client.fetch(resourcePath(RESOURCES.namespaces, undefined, name, "finalize"), {
		method: "PUT",
		headers: { "content-type": "application/json", accept: "application/json" },
		body: JSON.stringify({ ...namespace, spec: { ...namespace.spec, finalizers } }),
	});
	const text = await answer.text();
	if (!answer.ok && answer.status !== 404) throw new Error(`finalizing namespace ${name}: ${answer.status} ${text}`);
}
