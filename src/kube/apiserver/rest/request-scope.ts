import type { User } from "../auth/authenticate.ts";
import { ApiError, unknownResource } from "../http/api-error.ts";
import { splitPath } from "../http/exchange.ts";
import { objectKey } from "../store/object-key.ts";
import type { ResourceTable } from "./resource-table.ts";
import type { ServedResource } from "./served-resource.ts";

/** What a resource URL names. */
export interface RequestScope {
	readonly resource: ServedResource;
	/** "" for cluster-scoped resources and for lists over all namespaces. */
	readonly namespace: string;
	/** "" for the collection. */
	readonly name: string;
	/** "" for the object itself. */
	readonly subresource: string;
}

/** How a write is to be done, from its query, and by whom. */
export interface WriteRequest {
	readonly scope: RequestScope;
	readonly user: User;
	/** PUT, as opposed to a patch: the body is the whole object. */
	readonly isReplace: boolean;
	readonly dryRun: boolean;
	readonly fieldManager: string;
	readonly fieldValidation: "Ignore" | "Warn" | "Strict";
	/** Adds a `Warning:` header to the answer. */
	warn(text: string): void;
}

/** Key in the store of the object that a scope names. */
export function keyOf(scope: RequestScope, name = scope.name): string {
	return objectKey(scope.resource.storage, scope.namespace, name);
}

const SUBRESOURCES_OF_NAMESPACES = ["status", "finalize"];

/** Parses `/api/v1/...` and `/apis/{group}/{version}/...` below the version; throws 404 for what is not served. */
export function parseScope(path: string, resources: ResourceTable): RequestScope {
	const [root, ...segments] = splitPath(path);
	const group = root === "api" ? "" : (segments.shift() ?? "");
	const version = segments.shift() ?? "";
	const { namespace, rest } = takeNamespace(segments);
	const [plural = "", name = "", ...subresource] = rest;
	const resource = resources.find(group, version, plural);
	if (!resource) throw unknownResource();
	if (namespace !== "" && !resource.kind.namespaced) throw unknownResource();
	return { resource, namespace, name, subresource: subresource.join("/") };
}

function takeNamespace(segments: readonly string[]): { namespace: string; rest: readonly string[] } {
	const [first, namespace = "", third] = segments;
	if (first !== "namespaces" || third === undefined) return { namespace: "", rest: segments };
	if (SUBRESOURCES_OF_NAMESPACES.includes(third) && segments.length === 3) return { namespace: "", rest: segments };
	return { namespace, rest: segments.slice(2) };
}

/** Reads `dryRun`, `fieldManager` and `fieldValidation`; throws 422 for values that do not exist. */
export function parseWriteOptions(
	query: URLSearchParams,
	userAgent: string | undefined,
): Pick<WriteRequest, "dryRun" | "fieldManager" | "fieldValidation"> {
	const dryRuns = query.getAll("dryRun").filter((value) => value !== "");
	for (const value of dryRuns) {
		if (value !== "All") throw invalidOption("dryRun", value, `supported values: "All"`);
	}
	const fieldValidation = query.get("fieldValidation") || "Warn";
	if (fieldValidation !== "Ignore" && fieldValidation !== "Warn" && fieldValidation !== "Strict")
		throw invalidOption("fieldValidation", fieldValidation, `supported values: "Ignore", "Warn", "Strict"`);
	const fieldManager = query.get("fieldManager") || managerOf(userAgent);
	return { dryRun: dryRuns.length > 0, fieldManager: fieldManager.slice(0, 128), fieldValidation };
}

function managerOf(userAgent: string | undefined): string {
	return (userAgent ?? "").split("/")[0] || "unknown";
}

function invalidOption(field: string, value: string, detail: string): ApiError {
	const text = `Unsupported value: "${value}": ${detail}`;
	return new ApiError(422, "Invalid", `WriteOptions.meta.k8s.io "" is invalid: ${field}: ${text}`, {
		group: "meta.k8s.io",
		kind: "WriteOptions",
		causes: [{ reason: "FieldValueNotSupported", message: text, field }],
	});
}
