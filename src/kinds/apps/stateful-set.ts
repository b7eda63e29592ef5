import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { checkEnum } from "../core/field-rules.ts";
import { setDefault, setText } from "../core/pod-defaults.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { applyClaimDefaults } from "../storage/persistent-volume.ts";
import { AGE } from "../table/columns.ts";
import { REPLICA_SCALE } from "./deployment.ts";
import { containerColumns, readyColumn } from "./workload-columns.ts";
import { applyTemplateDefaults, checkOnlyMutable, validateWorkload } from "./workload-validation.ts";

const MUTABLE = [
	"replicas",
	"ordinals",
	"template",
	"updateStrategy",
	"revisionHistoryLimit",
	"persistentVolumeClaimRetentionPolicy",
	"minReadySeconds",
];

const ONLY_THESE =
	"updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/** StatefulSet of apps/v1. */
export const StatefulSet = builtinKind({
	group: "apps",
	kind: "StatefulSet",
	hasGeneration: true,
	scale: REPLICA_SCALE,
	columns: [readyColumn("status.readyReplicas", "spec.replicas"), AGE, ...containerColumns()],
	applyDefaults(set) {
		if (!isObject(set.spec)) return;
		const { spec } = set;
		setText(spec, "podManagementPolicy", "OrderedReady");
		setDefault(spec, "replicas", 1);
		setDefault(spec, "revisionHistoryLimit", 10);
		spec.updateStrategy = withStrategyDefaults(objectIn(spec, "updateStrategy"));
		const retention = objectIn(spec, "persistentVolumeClaimRetentionPolicy");
		setText(retention, "whenDeleted", "Retain");
		setText(retention, "whenScaled", "Retain");
		spec.persistentVolumeClaimRetentionPolicy = retention;
		for (const claim of Array.isArray(spec.volumeClaimTemplates) ? spec.volumeClaimTemplates : [])
			if (isObject(claim)) applyClaimDefaults(claim);
		applyTemplateDefaults(spec);
	},
	validate(set, old) {
		const spec = objectIn(set, "spec");
		const path = fieldPath("spec");
		const policies = checkEnum(
			spec.podManagementPolicy,
			["OrderedReady", "Parallel"],
			path.field("podManagementPolicy"),
		);
		const strategies = checkEnum(
			objectIn(spec, "updateStrategy").type,
			["OnDelete", "RollingUpdate"],
			path.field("updateStrategy").field("type"),
		);
		// The general text below covers the selector too.
		const general = checkOnlyMutable(set, old, MUTABLE, ONLY_THESE);
		return { errors: [...validateWorkload(set, undefined), ...policies, ...strategies, ...general], warnings: [] };
	},
});

function withStrategyDefaults(strategy: JsonObject): JsonObject {
	setText(strategy, "type", "RollingUpdate");
	if (strategy.type !== "RollingUpdate") return strategy;
	const rolling = objectIn(strategy, "rollingUpdate");
	setDefault(rolling, "partition", 0);
	return { ...strategy, rollingUpdate: rolling };
}
