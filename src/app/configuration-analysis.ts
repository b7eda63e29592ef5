import type { AnalysisMessage } from "../controlplane/analysis/analysis-message.ts";
import { ANALYZERS, analyze } from "../controlplane/analysis/analyze.ts";
import { DEFAULT_MESH_CONFIG } from "../controlplane/model/mesh-config.ts";
import { SnapshotBuilder, type SnapshotSources } from "../controlplane/model/snapshot-builder.ts";
import { MESH_RESOURCES, type MeshResource } from "../controlplane/registry/mesh-resources.ts";
import { customKinds, kindOfObject } from "../kinds/catalogue.ts";
import type { KubeObject } from "../kinds/object.ts";
import type { KubeClient, ResourceRef } from "../kube/client/kube-client.ts";

export const ANALYZER_NAMES: readonly string[] = Object.keys(ANALYZERS);

/** Everything in a cluster that analysis looks at. */
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

/** Objects of `files` take the place of those with the same kind, namespace and name in `cluster`. */
export function overlay(cluster: readonly KubeObject[], files: readonly KubeObject[]): KubeObject[] {
	const key = (o: KubeObject) =>
		`${o.apiVersion.split("/")[0]} ${o.kind} ${o.metadata.namespace ?? ""}/${o.metadata.name}`;
	return [...new Map([...cluster, ...files].map((o) => [key(o), o])).values()];
}

/** Runs the analyzers (all, or those named) over a whole configuration. */
export function analyzeObjects(
	objects: readonly KubeObject[],
	analyzers: readonly string[] | undefined,
): readonly AnalysisMessage[] {
	const parts = Object.entries(MESH_RESOURCES).map(
		([part, ref]) => [part, objects.filter((o) => isOf(o, ref))] as const,
	);
	const sources = Object.fromEntries(parts) as Record<MeshResource, KubeObject[]>;
	const snapshot = new SnapshotBuilder().build({ ...sources, mesh: DEFAULT_MESH_CONFIG } satisfies SnapshotSources);
	const written = objects.filter((o) => kindOfObject(o)?.origin === "custom");
	return analyze({ snapshot, objects: written }, analyzers);
}

function isOf(object: KubeObject, ref: ResourceRef): boolean {
	const kind = kindOfObject(object);
	return kind?.group === ref.group && kind.plural === ref.plural;
}
