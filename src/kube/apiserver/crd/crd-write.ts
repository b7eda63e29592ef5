import type { KubeObject } from "../../../kinds/object.ts";
import { isJsonObject } from "../patch/merge-patch.ts";

/** Held until the custom resources of a CRD are deleted. */
export const CRD_CLEANUP = "customresourcecleanup.apiextensions.k8s.io";

/** Gives a new CRD the finalizer for which its custom resources are deleted before it goes. */
export function addCleanup(crd: KubeObject): void {
	const { finalizers = [] } = crd.metadata;
	if (!finalizers.includes(CRD_CLEANUP)) crd.metadata.finalizers = [...finalizers, CRD_CLEANUP];
}

/** Parts of a CRD that are kept but not obeyed yet, named. */
export function warnOfCrd(crd: KubeObject): string[] {
	const { versions = [] } = (crd.spec ?? {}) as { versions?: unknown[] };
	if (!hasCelRules(versions)) return [];
	return [
		`${crd.metadata.name}: x-kubernetes-validations (CEL rules) are kept but not evaluated by this server yet; the rest of the schema is`,
	];
}

function hasCelRules(value: unknown): boolean {
	if (Array.isArray(value)) return value.some(hasCelRules);
	if (!isJsonObject(value)) return false;
	const rules = value["x-kubernetes-validations"];
	if (Array.isArray(rules) && rules.length > 0) return true;
	return Object.values(value).some(hasCelRules);
}
