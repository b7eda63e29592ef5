import { runningMesh } from "../app/mesh-state.ts";
import { createKubeClient } from "../kube/client/create-kube-client.ts";
import { loadKubeconfig } from "../kube/client/load-kubeconfig.ts";
import { RESOURCES } from "../kube/client/resources.ts";
import { meshFolder } from "./mesh-access.ts";

/** Names in the running mesh for shell completion; none when no mesh answers, since a shell prompt is no place for an error. */
export async function completeNames(what: "pod" | "namespace"): Promise<readonly string[]> {
	const mesh = runningMesh(meshFolder(undefined));
	if (!mesh) return [];
	const client = createKubeClient(loadKubeconfig(mesh.kubeconfig));
	try {
		const { items } = await client.list(what === "pod" ? RESOURCES.pods : RESOURCES.namespaces);
		return items.map((o) => (what === "pod" ? `${o.metadata.name}.${o.metadata.namespace}` : o.metadata.name!));
	} catch {
		return [];
	} finally {
		client.close();
	}
}
