import { parseAllDocuments } from "yaml";
import { kindOfObject } from "../../../src/kinds/catalogue.ts";
import type { KubeObject } from "../../../src/kinds/object.ts";
import type { ApiServerFixture } from "../../../src/kube/apiserver/fixture/api-server-fixture.ts";

/** The objects in YAML text; documents that are no objects of a kind that the API server knows are left out. */
export function readObjects(text: string): KubeObject[] {
	const documents = parseAllDocuments(text).flatMap((one) => (one.toJS() as KubeObject | null) ?? []);
	const flat = documents.flatMap((one) =>
		one.kind === "List" ? ((one as { items?: KubeObject[] }).items ?? []) : [one],
	);
	return flat.filter(
		(one) => one.apiVersion !== undefined && one.metadata !== undefined && kindOfObject(one) !== undefined,
	);
}

/** Creates objects, namespaces first; answers what the API server refused, by object. */
export async function applyObjects(
	api: ApiServerFixture,
	objects: readonly KubeObject[],
): Promise<{ readonly created: readonly KubeObject[]; readonly refused: readonly string[] }> {
	const created: KubeObject[] = [];
	const refused: string[] = [];
	for (const object of objects) {
		const { code, text } = await api.send("POST", pathOf(object), object);
		if (code < 300) created.push(object);
		else refused.push(`${object.kind} ${object.metadata.name}: ${code} ${text}`);
	}
	return { created, refused };
}

export async function deleteObjects(api: ApiServerFixture, objects: readonly KubeObject[]): Promise<void> {
	await Promise.all(objects.map((one) => api.send("DELETE", `${pathOf(one)}/${one.metadata.name}`)));
}

function pathOf(object: KubeObject): string {
	const { plural, namespaced, group } = kindOfObject(object)!;
	const root = group === "" ? "/api/v1" : `/apis/${object.apiVersion}`;
	return namespaced ? `${root}/namespaces/${object.metadata.namespace ?? "default"}/${plural}` : `${root}/${plural}`;
}
