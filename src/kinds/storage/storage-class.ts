import { builtinKind } from "../builtin-kind.ts";

/** StorageClass of storage.k8s.io. */
export const StorageClass = builtinKind({
	group: "storage.k8s.io",
	kind: "StorageClass",
});
