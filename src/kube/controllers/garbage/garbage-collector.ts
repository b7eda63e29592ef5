import type { KubeObject } from "../../../kinds/object.ts";
import type { Informer } from "../../client/kube-client.ts";
import { RESOURCES } from "../../client/resources.ts";
import { type Controller, type ControllerContext, contextQueue } from "../controller-context.ts";
import { type DiscoveredResource, discoverResources, resourceId } from "../discover-resources.ts";
import { createCollector } from "./collector.ts";
import { createOwnerGraph } from "./owner-graph.ts";

const DISCOVER_KEY = "(discover)";
/** A CustomResourceDefinition is served a moment after it was made. */
const DISCOVER_AGAIN_MS = 500;
/** Own no one, are owned by no one, and come in great numbers. */
const NOT_WATCHED = new Set(["/events", "events.k8s.io/events", "coordination.k8s.io/leases"]);

/**
 * Deletes what its owners left behind: dependents of deleted objects (background), dependents before their owner
 * (finalizer foregroundDeletion), or cuts the tie (finalizer orphan). Watches every resource that the server has.
 */
export function startGarbageCollector(context: ControllerContext): Controller {
	const { client } = context;
	const graph = createOwnerGraph();
	const watched = new Map<string, Informer<KubeObject>>();
	let kinds = new Map<string, DiscoveredResource>();

	const queue = contextQueue(context, "garbage", async (key) => {
		if (key === DISCOVER_KEY) return discover();
		const node = graph.get(key);
		if (node) await collect(node);
	});
	const resourceOf = (groupAndKind: string) => kinds.get(groupAndKind);
	const collect = createCollector({ client, graph, resourceOf, look: (uid) => queue.add(uid) });

	async function discover(): Promise<void> {
		const resources = await discoverResources(client);
		kinds = new Map(resources.map((resource) => [`${resource.group}/${resource.kind}`, resource]));
		const wanted = resources.filter(
			(resource) =>
				["list", "watch", "delete"].every((verb) => resource.verbs.includes(verb)) &&
				!NOT_WATCHED.has(resourceId(resource)),
		);
		for (const resource of wanted) if (!watched.has(resourceId(resource))) follow(resource);
		const present = new Set(wanted.map(resourceId));
		for (const [id, informer] of watched)
			if (!present.has(id)) {
				informer.stop();
				watched.delete(id);
			}
	}

	function follow(resource: DiscoveredResource): void {
		const informer = client.informer<KubeObject>(resource);
		watched.set(resourceId(resource), informer);
		informer.onChange(({ type, object }) => {
			const { uid = "", ownerReferences = [] } = object.metadata;
			if (type === "deleted") graph.remove(uid);
			else graph.put({ resource, object });
			// What depends on it may have to go, what it belonged to may be waiting for it.
			for (const dependent of graph.dependentsOf(uid)) queue.add(dependent.object.metadata.uid ?? "");
			for (const concerned of type === "deleted" ? ownerReferences : [{ uid }]) queue.add(concerned.uid);
		});
		informer.start();
	}

	queue.add(DISCOVER_KEY);
	const definitions = client.informer(RESOURCES.customResourceDefinitions);
	definitions.onChange(() => queue.addAfter(DISCOVER_KEY, DISCOVER_AGAIN_MS));
	definitions.start();
	return {
		async stop() {
			definitions.stop();
			for (const informer of watched.values()) informer.stop();
			await queue.stop();
		},
	};
}
