import { builtinKind } from "../builtin-kind.ts";

/** CSIDriver of storage.k8s.io. */
export const CSIDriver = builtinKind({
	group: "storage.k8s.io",
	kind: "CSIDriver",
});

/** CSINode of storage.k8s.io. */
export const CSINode = builtinKind({
	group: "storage.k8s.io",
	kind: "CSINode",
});

/** VolumeAttachment of storage.k8s.io. */
export const VolumeAttachment = builtinKind({
	group: "storage.k8s.io",
	kind: "VolumeAttachment",
});

/** CSIStorageCapacity of storage.k8s.io. */
export const CSIStorageCapacity = builtinKind({
	group: "storage.k8s.io",
	kind: "CSIStorageCapacity",
});
