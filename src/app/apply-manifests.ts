import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { kindOfObject } from "../kinds/catalogue.ts";
import type { KubeObject } from "../kinds/object.ts";
import { KubeApiError, type KubeClient, type ResourceRef } from "../kube/client/kube-client.ts";

/** The objects of the YAML files that Lateen ships; they are well-formed, so anything else is a bug. */
export function readShippedManifests(paths: readonly string[]): KubeObject[] {
	return paths.flatMap((path) => {
		const files = path.endsWith(".yaml")
			? [path]
			: readdirSync(path)
					.filter((f) => f.endsWith(".yaml"))
					.sort()
					.map((f) => join(path, f));
		return files.flatMap((file) =>
			parseAllDocuments(readFileSync(file, "utf8")).flatMap((d) => (d.toJS() as KubeObject | null) ?? []),
		);
	});
}

/**
 * Creates what is not there yet and leaves the rest as it is: a mesh that comes back keeps what its user changed. Answers how many were
 * created.
 */
export async function createMissing(client: KubeClient, objects: readonly KubeObject[]): Promise<number> {
	let created = 0;
	for (const object of objects) {
		const kind = kindOfObject(object);
		if (!kind) throw new Error(`a shipped manifest names the unknown kind ${object.apiVersion} ${object.kind}`);
		const ref: ResourceRef = {
			group: kind.group,
			version: object.apiVersion.split("/").at(-1)!,
			plural: kind.plural,
			namespaced: kind.namespaced,
		};
		const placed = kind.namespaced ? { ...object, metadata: { namespace: "default", ...object.metadata } } : object;
		try {
			await client.create(ref, placed);
			created++;
		} catch (error) {
			if (!(error instanceof KubeApiError) || error.reason !== "AlreadyExists") throw error;
		}
	}
	return created;
}
