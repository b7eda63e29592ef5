import type { KubeClient, ResourceRef } from "../client/kube-client.ts";

/** A resource that the server has, with its kind. */
export interface DiscoveredResource extends ResourceRef {
	readonly kind: string;
	readonly verbs: readonly string[];
}

interface ApiResourceList {
	readonly resources?: readonly { name: string; kind: string; namespaced: boolean; verbs?: readonly string[] }[];
}

interface ApiGroupList {
	readonly groups?: readonly { readonly preferredVersion?: { readonly groupVersion?: string } }[];
}

/** All resources of the server in their preferred versions, without subresources, from the plain discovery documents. */
export async function discoverResources(client: KubeClient): Promise<DiscoveredResource[]> {
	const { groups = [] } = await getJson<ApiGroupList>(client, "/apis");
	const groupVersions = groups.flatMap((group) => group.preferredVersion?.groupVersion ?? []);
	const paths = ["/api/v1", ...groupVersions.map((groupVersion) => `/apis/${groupVersion}`)];
	const lists = await Promise.all(paths.map((path) => getJson<ApiResourceList>(client, path)));
	return lists.flatMap(({ resources = [] }, i) => {
		const [, , group = "", version = "v1"] = i === 0 ? ["", "api", "", "v1"] : paths[i]!.split("/");
		return resources
			.filter(({ name }) => !name.includes("/"))
			.map(({ name, kind, namespaced, verbs = [] }) => ({ group, version, plural: name, kind, namespaced, verbs }));
	});
}

/** `group/plural`: names a resource whatever its version. */
export function resourceId(ref: { group: string; plural: string }): string {
	return `${ref.group}/${ref.plural}`;
}

async function getJson<T>(client: KubeClient, path: string): Promise<T> {
	const answer = await client.fetch(path, { headers: { accept: "application/json" } });
	if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
	return (await answer.json()) as T;
}
