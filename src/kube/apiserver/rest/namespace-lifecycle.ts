import { forbidden, notFound } from "../http/api-error.ts";
import { objectKey } from "../store/object-key.ts";
import type { ApiContext } from "./api-context.ts";
import type { RequestScope } from "./request-scope.ts";

/** Nothing is created in a namespace that does not exist (404) or is being deleted (403). */
export function requireNamespace({ store }: ApiContext, { resource, namespace, name }: RequestScope): void {
	if (!resource.kind.namespaced) return;
	const stored = store.latest(objectKey("core/namespaces", "", namespace));
	if (!stored) throw notFound({ group: "", plural: "namespaces" }, namespace);
	if (!stored.object.metadata.deletionTimestamp) return;
	const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
	const message = `namespace ${namespace} is being terminated`;
	throw forbidden(resource.kind, name, why, [{ reason: "NamespaceTerminating", message, field: "metadata.namespace" }]);
}

const IMMORTAL = ["default", "kube-system", "kube-public"];

/** The namespaces that everything relies on are not deleted (403). */
export function protectNamespace({ resource, name }: RequestScope): void {
	if (resource.storage !== "core/namespaces" || !IMMORTAL.includes(name)) return;
	throw forbidden(resource.kind, name, "this namespace may not be deleted");
}
