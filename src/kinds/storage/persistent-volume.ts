import { builtinKind } from "../builtin-kind.ts";

/** PersistentVolume of the core group. */
export const PersistentVolume = builtinKind({
	group: "",
	kind: "PersistentVolume",
});

/** PersistentVolumeClaim of the core group. */
export const PersistentVolumeClaim = builtinKind({
	group: "",
	kind: "PersistentVolumeClaim",
});
