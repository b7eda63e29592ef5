import type { KubeObject } from "../../../kinds/object.ts";
import type { DiscoveredResource } from "../discover-resources.ts";

/** An object as the garbage collector sees it. */
export interface GraphNode {
	readonly resource: DiscoveredResource;
	readonly object: KubeObject;
}

/** Who owns whom, over all kinds, by uid. */
export interface OwnerGraph {
	get(uid: string): GraphNode | undefined;
	dependentsOf(uid: string): readonly GraphNode[];
	put(node: GraphNode): void;
	remove(uid: string): void;
}

export function createOwnerGraph(): OwnerGraph {
	const nodes = new Map<string, GraphNode>();
	const dependents = new Map<string, Set<string>>();
	const unlink = (node: GraphNode) => {
		for (const owner of node.object.metadata.ownerReferences ?? []) {
			const uids = dependents.get(owner.uid);
			uids?.delete(node.object.metadata.uid ?? "");
			if (uids?.size === 0) dependents.delete(owner.uid);
		}
	};
	return {
		get: (uid) => nodes.get(uid),
		dependentsOf: (uid) => [...(dependents.get(uid) ?? [])].flatMap((dependent) => nodes.get(dependent) ?? []),
		put(node) {
			const uid = node.object.metadata.uid ?? "";
			const old = nodes.get(uid);
			if (old) unlink(old);
			nodes.set(uid, node);
			for (const owner of node.object.metadata.ownerReferences ?? []) {
				const uids = dependents.get(owner.uid) ?? new Set();
				dependents.set(owner.uid, uids.add(uid));
			}
		},
		remove(uid) {
			const old = nodes.get(uid);
			if (old) unlink(old);
			nodes.delete(uid);
		},
	};
}
