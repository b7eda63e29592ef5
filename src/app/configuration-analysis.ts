import { MESH_RESOURCES } from "../controlplane/registry/mesh-resources.ts";
import { customKinds } from "../kinds/catalogue.ts";
import type { KubeObject } from "../kinds/object.ts";
import type { KubeClient, ResourceRef } from "../kube/client/kube-client.ts";

/** Everything in a cluster that analysis looks at: Istio's kinds and what they refer to. */
export async function clusterObjects(client: KubeClient): Promise<KubeObject[]> {
	const refs = new Map<string, ResourceRef>();
	for (const kind of customKinds) {
		const { group, plural, namespaced, storageVersion: version } = kind;
		refs.set(`${group}/${plural}`, { group, version, plural, namespaced });
	}
	for (const ref of Object.values(MESH_RESOURCES)) refs.set(`${ref.group}/${ref.plural}`, ref);
	const lists = await Promise.all([...refs.values()].map((ref) => client.list(ref)));
	return lists.flatMap((list) => list.items);
}
