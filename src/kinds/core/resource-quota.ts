import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import type { KubeObject } from "../object.ts";
import { objectIn } from "../schema/schema-path.ts";
import { AGE, text } from "../table/columns.ts";
import { validateQuantities } from "./container-validation.ts";

function usage(quota: KubeObject, wanted: (resource: string) => boolean): string {
	const status = objectIn(quota, "status");
	const used = objectIn(status, "used");
	return Object.entries(objectIn(status, "hard"))
		.filter(([resource]) => wanted(resource))
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.map(([resource, hard]) => `${resource}: ${used[resource] ?? "0"}/${hard}`)
		.join(", ");
}

const isLimit = (resource: string) => resource.startsWith("limits.");

/** ResourceQuota of the core group. */
export const ResourceQuota = builtinKind({
	group: "",
	kind: "ResourceQuota",
	columns: [
		AGE,
		text("Request", (quota) => usage(quota, (resource) => !isLimit(resource))),
		text("Limit", (quota) => usage(quota, isLimit)),
	],
	validate: (quota) => ({
		errors: validateQuantities(objectIn(objectIn(quota, "spec"), "hard"), fieldPath("spec").field("hard")),
		warnings: [],
	}),
});
