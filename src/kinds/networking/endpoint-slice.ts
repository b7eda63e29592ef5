import { builtinKind } from "../builtin-kind.ts";

/** EndpointSlice of discovery.k8s.io. */
export const EndpointSlice = builtinKind({
	group: "discovery.k8s.io",
	kind: "EndpointSlice",
	hasGeneration: true,
});
