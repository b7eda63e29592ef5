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
 * Creates what is not there yet and leaves the rest as it is: a mesh that comes back keeps what its user changed. Namespaces first, then all at
 * once, since each write waits for the disk. Answers how many were created.
 */
export async function createMissing(client: KubeClient, objects: readonly KubeObject[]): Promise<number> {
	const [namespaces, others] = [
		objects.filter((o) => o.kind === "Namespace"),
		objects.filter((o) => o.kind !== "Namespace"),
	];
	const first = await Promise.all(namespaces.map((object) => createOne(client, object)));
	const rest = await Promise.all(others.map((object) => createOne(client, object)));
	return [...first, ...rest].filter((created) => created).length;
}

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** As `kubectl apply` would have made it, so that a later one finds what was applied before and does not complain. */
export function asApplied(object: KubeObject): KubeObject {
	const { annotations = {} } = object.metadata;
	const written = { ...object, metadata: { namespace: "default", ...object.metadata, annotations } };
	const applied = `${JSON.stringify(written, sortedKeys)}\n`;
	return { ...object, metadata: { ...object.metadata, annotations: { ...annotations, [LAST_APPLIED]: applied } } };
}

/** For JSON.stringify: members in the order in which Go writes a map. */
function sortedKeys(_key: string, value: unknown): unknown {
	if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
	return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function createOne(client: KubeClient, object: KubeObject): Promise<boolean> {
	const kind = kindOfObject(object);
	if (!kind) throw new Error(`a shipped manifest names the unknown kind ${object.apiVersion} ${object.kind}`);
	const { group, plural, namespaced } = kind;
	const ref: ResourceRef = { group, version: object.apiVersion.split("/").at(-1)!, plural, namespaced };
	const placed = namespaced ? { ...object, metadata: { namespace: "default", ...object.metadata } } : object;
	try {
		await client.create(ref, placed);
		return true;
	} catch (error) {
		if (!(error instanceof KubeApiError) || error.reason !== "AlreadyExists") throw error;
		return false;
	}
}
