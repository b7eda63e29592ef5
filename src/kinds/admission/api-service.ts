import { builtinKind } from "../builtin-kind.ts";

/** APIService of apiregistration.k8s.io. */
export const APIService = builtinKind({
	group: "apiregistration.k8s.io",
	kind: "APIService",
});
