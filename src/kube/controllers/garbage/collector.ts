import type { KubeObject, OwnerReference } from "../../../kinds/object.ts";
import { KubeApiError, type KubeClient } from "../../client/kube-client.ts";
import type { DiscoveredResource } from "../discover-resources.ts";
import type { GraphNode, OwnerGraph } from "./owner-graph.ts";

const FOREGROUND = "foregroundDeletion";
const ORPHAN = "orphan";

export interface CollectorOptions {
	readonly client: KubeClient;
	readonly graph: OwnerGraph;
	/** The resource that serves a kind, by `group/Kind`. */
	readonly resourceOf: (groupAndKind: string) => DiscoveredResource | undefined;
	/** Asks for a look at the object with that uid. */
	readonly look: (uid: string) => void;
}

/** Returns the function that decides what becomes of one object, and does it. */
export function createCollector({ client, graph, resourceOf, look }: CollectorOptions) {
	return collect;

	/** Decides what becomes of one object. */
	async function collect(node: GraphNode): Promise<void> {
		const { metadata } = node.object;
		if (metadata.deletionTimestamp !== undefined) return finishDeletion(node);
		const owners = metadata.ownerReferences ?? [];
		if (owners.length === 0) return;
		const states = await Promise.all(owners.map((owner) => stateOf(owner, metadata.namespace)));
		const solid = owners.filter((_, i) => states[i] === "solid");
		const waiting = owners.filter((_, i) => states[i] === "waiting");
		if (solid.length === 0)
			return remove(
				node,
				waiting.some((owner) => owner.blockOwnerDeletion === true),
			);
		if (solid.length < owners.length) await setMeta(node, { ownerReferences: solid });
	}

	/** Owners do their part before they go: foreground waits for blocking dependents, orphan cuts them loose. */
	async function finishDeletion(node: GraphNode): Promise<void> {
		const { uid = "", finalizers = [] } = node.object.metadata;
		const dependents = graph.dependentsOf(uid);
		if (finalizers.includes(ORPHAN)) {
			for (const dependent of dependents) {
				const others = dependent.object.metadata.ownerReferences?.filter((owner) => owner.uid !== uid) ?? [];
				await setMeta(dependent, { ownerReferences: others });
			}
			return setMeta(node, { finalizers: finalizers.filter((finalizer) => finalizer !== ORPHAN) });
		}
		if (!finalizers.includes(FOREGROUND)) return;
		const isBlocking = ({ object }: GraphNode) =>
			object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true);
		if (dependents.some(isBlocking)) for (const { object } of dependents) look(object.metadata.uid ?? "");
		else await setMeta(node, { finalizers: finalizers.filter((finalizer) => finalizer !== FOREGROUND) });
	}

	/** Solid: there and staying. Waiting: it waits for us to go first. Absent: gone, by the server's own word. */
	async function stateOf(
		owner: OwnerReference,
		namespace: string | undefined,
	): Promise<"solid" | "waiting" | "absent"> {
		const known = graph.get(owner.uid)?.object ?? (await lookUp(owner, namespace));
		if (!known || known.metadata.uid !== owner.uid) return "absent";
		const { deletionTimestamp, finalizers = [] } = known.metadata;
		return deletionTimestamp !== undefined && finalizers.includes(FOREGROUND) ? "waiting" : "solid";
	}

	async function lookUp(owner: OwnerReference, namespace: string | undefined): Promise<KubeObject | undefined> {
		const group = owner.apiVersion.includes("/") ? (owner.apiVersion.split("/")[0] ?? "") : "";
		const resource = resourceOf(`${group}/${owner.kind}`);
		// A kind that is not served (any more) may come back: its dependents are kept, as upstream does.
		if (!resource) throw new Error(`owner ${owner.kind} "${owner.name}": ${owner.apiVersion} has no such kind`);
		try {
			return await client.get(resource, owner.name, resource.namespaced ? namespace : undefined);
		} catch (error) {
			if (error instanceof KubeApiError && error.code === 404) return undefined;
			throw error;
		}
	}

	async function remove(node: GraphNode, ownerWaits: boolean): Promise<void> {
		const { name = "", namespace, uid = "", finalizers = [] } = node.object.metadata;
		const hasDependents = graph.dependentsOf(uid).length > 0;
		const propagationPolicy = finalizers.includes(ORPHAN)
			? "Orphan"
			: finalizers.includes(FOREGROUND) || (ownerWaits && hasDependents)
				? "Foreground"
				: "Background";
		await ignoreGone(client.delete(node.resource, name, { namespace, propagationPolicy, preconditionUid: uid }));
	}

	async function setMeta(node: GraphNode, change: { ownerReferences?: OwnerReference[]; finalizers?: string[] }) {
		const { name = "", namespace, uid, resourceVersion } = node.object.metadata;
		const patch = { metadata: { uid, resourceVersion, ...change } };
		await ignoreGone(client.patch(node.resource, name, patch, { namespace }));
	}
}

async function ignoreGone(work: Promise<unknown>): Promise<void> {
	try {
		await work;
	} catch (error) {
		if (!(error instanceof KubeApiError) || error.code !== 404) throw error;
	}
}
