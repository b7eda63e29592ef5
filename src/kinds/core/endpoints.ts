import { builtinKind } from "../builtin-kind.ts";

/** Endpoints of the core group. */
export const Endpoints = builtinKind({
	group: "",
	kind: "Endpoints",
});
