import { defineKind } from "../define-kind.ts";
import { checkSidecar } from "./check/sidecar-check.ts";
import { NETWORKING_CATEGORIES, NETWORKING_GROUP, NETWORKING_VERSIONS } from "./networking-group.ts";
import { sidecarSpec } from "./sidecar-spec.ts";

/** What a workload's sidecar accepts and reaches. */
export const Sidecar = defineKind({
	group: NETWORKING_GROUP,
	versions: NETWORKING_VERSIONS,
	kind: "Sidecar",
	plural: "sidecars",
	categories: NETWORKING_CATEGORIES,
	doc: "Limits which services a sidecar knows and which ports it accepts traffic on.",
	spec: sidecarSpec,
	check: checkSidecar,
});
