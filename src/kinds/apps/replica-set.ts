import { builtinKind } from "../builtin-kind.ts";
import { setDefault } from "../core/pod-defaults.ts";
import { isObject } from "../schema/schema-path.ts";
import { AGE } from "../table/columns.ts";
import { REPLICA_SCALE } from "./deployment.ts";
import { containerColumns, countColumn, selectorColumn } from "./workload-columns.ts";
import { applyTemplateDefaults, validateWorkload } from "./workload-validation.ts";

/** ReplicaSet of apps/v1. */
export const ReplicaSet = builtinKind({
	group: "apps",
	kind: "ReplicaSet",
	hasGeneration: true,
	scale: REPLICA_SCALE,
	columns: [
		countColumn("Desired", "spec.replicas"),
		countColumn("Current", "status.replicas"),
		countColumn("Ready", "status.readyReplicas"),
		AGE,
		...containerColumns(),
		selectorColumn(),
	],
	applyDefaults(replicaSet) {
		if (!isObject(replicaSet.spec)) return;
		setDefault(replicaSet.spec, "replicas", 1);
		applyTemplateDefaults(replicaSet.spec);
	},
	validate: (replicaSet, old) => ({ errors: validateWorkload(replicaSet, old), warnings: [] }),
});
