import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { validateResources } from "../core/container-validation.ts";
import { checkEnum } from "../core/field-rules.ts";
import { setText } from "../core/pod-defaults.ts";
import type { FieldError } from "../definition.ts";
import { required } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { AGE, at, listAt, text, textAt, wide } from "../table/columns.ts";

const SHORT_MODE: Readonly<Record<string, string>> = {
	ReadWriteOnce: "RWO",
	ReadOnlyMany: "ROX",
	ReadWriteMany: "RWX",
	ReadWriteOncePod: "RWOP",
};

const modes = (object: KubeObject, path: string) =>
	Object.keys(SHORT_MODE)
		.filter((mode) => listAt<unknown>(object, path).includes(mode))
		.map((mode) => SHORT_MODE[mode])
		.join(",");

const phase = (object: KubeObject) =>
	object.metadata.deletionTimestamp ? "Terminating" : textAt(object, "status.phase");

/** PersistentVolume of the core group. */
export const PersistentVolume = builtinKind({
	group: "",
	kind: "PersistentVolume",
	columns: [
		text("Capacity", (volume) => String(at(volume, "spec.capacity.storage") ?? "0")),
		text("Access Modes", (volume) => modes(volume, "spec.accessModes")),
		text("Reclaim Policy", (volume) => textAt(volume, "spec.persistentVolumeReclaimPolicy")),
		text("Status", phase),
		text("Claim", (volume) => {
			const claim = at(volume, "spec.claimRef");
			return isObject(claim) ? `${claim.namespace ?? ""}/${claim.name ?? ""}` : "";
		}),
		text("StorageClass", (volume) => textAt(volume, "spec.storageClassName")),
		text("VolumeAttributesClass", (volume) => textAt(volume, "spec.volumeAttributesClassName", "<unset>")),
		text("Reason", (volume) => textAt(volume, "status.reason")),
		AGE,
		wide(text("VolumeMode", (volume) => textAt(volume, "spec.volumeMode", "<unset>"))),
	],
	applyDefaults(volume) {
		const spec = objectIn(volume, "spec");
		setText(spec, "persistentVolumeReclaimPolicy", "Retain");
		setText(spec, "volumeMode", "Filesystem");
		const status = objectIn(volume, "status");
		setText(status, "phase", "Pending");
		Object.assign(volume, { spec, status });
	},
	validate(volume) {
		const spec = objectIn(volume, "spec");
		const path = fieldPath("spec");
		const errors: FieldError[] = [];
		if (listAt(volume, "spec.accessModes").length === 0) errors.push(required(path.field("accessModes")));
		if (Object.keys(objectIn(spec, "capacity")).length === 0) errors.push(required(path.field("capacity")));
		errors.push(
			...checkEnum(
				spec.persistentVolumeReclaimPolicy,
				["Delete", "Recycle", "Retain"],
				path.field("persistentVolumeReclaimPolicy"),
			),
		);
		return { errors, warnings: [] };
	},
});

/** Defaults of a claim, also of a StatefulSet's templates. */
export function applyClaimDefaults(claim: JsonObject | KubeObject): void {
	const spec = objectIn(claim, "spec");
	setText(spec, "volumeMode", "Filesystem");
	const status = objectIn(claim, "status");
	setText(status, "phase", "Pending");
	Object.assign(claim, { spec, status });
}

/** PersistentVolumeClaim of the core group. */
export const PersistentVolumeClaim = builtinKind({
	group: "",
	kind: "PersistentVolumeClaim",
	columns: [
		text("Status", phase),
		text("Volume", (claim) => textAt(claim, "spec.volumeName")),
		text("Capacity", (claim) =>
			textAt(claim, "spec.volumeName") ? String(at(claim, "status.capacity.storage") ?? "0") : "",
		),
		text("Access Modes", (claim) => (textAt(claim, "spec.volumeName") ? modes(claim, "status.accessModes") : "")),
		text("StorageClass", (claim) => textAt(claim, "spec.storageClassName")),
		text("VolumeAttributesClass", (claim) => textAt(claim, "spec.volumeAttributesClassName", "<unset>")),
		AGE,
		wide(text("VolumeMode", (claim) => textAt(claim, "spec.volumeMode", "<unset>"))),
	],
	applyDefaults: applyClaimDefaults,
	validate(claim) {
		const spec = objectIn(claim, "spec");
		const path = fieldPath("spec");
		const errors: FieldError[] = [];
		if (listAt(claim, "spec.accessModes").length === 0)
			errors.push(required(path.field("accessModes"), "at least 1 access mode is required"));
		if (at(claim, "spec.resources.requests.storage") === undefined)
			errors.push(required(path.field("resources").key("storage")));
		errors.push(...validateResources(spec.resources, path.field("resources")));
		return { errors, warnings: [] };
	},
});
