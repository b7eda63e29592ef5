import { builtinKind } from "../builtin-kind.ts";
import { setText } from "../core/pod-defaults.ts";
import { required } from "../field-error.ts";
import type { JsonObject } from "../schema/schema-path.ts";
import { AGE, at, NAME, text, textAt } from "../table/columns.ts";

const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";

/** StorageClass of storage.k8s.io/v1. */
export const StorageClass = builtinKind({
	group: "storage.k8s.io",
	kind: "StorageClass",
	nameColumn: {
		...NAME,
		get: ({ metadata }) =>
			metadata.annotations?.[DEFAULT_CLASS] === "true" ? `${metadata.name} (default)` : (metadata.name ?? ""),
	},
	columns: [
		text("Provisioner", (storageClass) => textAt(storageClass, "provisioner")),
		text("ReclaimPolicy", (storageClass) => textAt(storageClass, "reclaimPolicy", "Delete")),
		text("VolumeBindingMode", (storageClass) => textAt(storageClass, "volumeBindingMode", "Immediate")),
		text("AllowVolumeExpansion", (storageClass) => at(storageClass, "allowVolumeExpansion") === true),
		AGE,
	],
	applyDefaults(storageClass) {
		const object = storageClass as unknown as JsonObject;
		setText(object, "reclaimPolicy", "Delete");
		setText(object, "volumeBindingMode", "Immediate");
	},
	validate: (storageClass) => ({
		errors: storageClass.provisioner ? [] : [required("provisioner")],
		warnings: [],
	}),
});
