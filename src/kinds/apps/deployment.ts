import { fieldPath } from "../../lib/field-path.ts";
import { builtinKind } from "../builtin-kind.ts";
import { checkEnum } from "../core/field-rules.ts";
import { setDefault, setText } from "../core/pod-defaults.ts";
import type { FieldError } from "../definition.ts";
import { forbidden, invalid } from "../field-error.ts";
import type { KubeObject } from "../object.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";
import { AGE } from "../table/columns.ts";
import { containerColumns, countColumn, readyColumn, selectorColumn } from "./workload-columns.ts";
import { applyTemplateDefaults, checkCountOrPercent, validateWorkload } from "./workload-validation.ts";

/** Scale paths that every replicated workload of Kubernetes' own has. */
export const REPLICA_SCALE = {
	specReplicas: ".spec.replicas",
	statusReplicas: ".status.replicas",
	selector: ".spec.selector",
} as const;

/** Deployment of apps/v1. */
export const Deployment = builtinKind({
	group: "apps",
	kind: "Deployment",
	hasGeneration: true,
	scale: REPLICA_SCALE,
	columns: [
		readyColumn("status.readyReplicas", "spec.replicas"),
		{ ...countColumn("Up-to-date", "status.updatedReplicas"), type: "string" },
		{ ...countColumn("Available", "status.availableReplicas"), type: "string" },
		AGE,
		...containerColumns(),
		selectorColumn(),
	],
	applyDefaults(deployment) {
		if (!isObject(deployment.spec)) return;
		const { spec } = deployment;
		setDefault(spec, "replicas", 1);
		setDefault(spec, "revisionHistoryLimit", 10);
		setDefault(spec, "progressDeadlineSeconds", 600);
		spec.strategy = withStrategyDefaults(objectIn(spec, "strategy"));
		applyTemplateDefaults(spec);
	},
	validate: (deployment, old) => ({
		errors: [...validateWorkload(deployment, old), ...validateDeployment(deployment)],
		warnings: [],
	}),
});

function withStrategyDefaults(strategy: JsonObject): JsonObject {
	setText(strategy, "type", "RollingUpdate");
	if (strategy.type !== "RollingUpdate") return strategy;
	const rolling = objectIn(strategy, "rollingUpdate");
	setDefault(rolling, "maxUnavailable", "25%");
	setDefault(rolling, "maxSurge", "25%");
	return { ...strategy, rollingUpdate: rolling };
}

function validateDeployment(deployment: KubeObject): FieldError[] {
	const path = fieldPath("spec");
	const spec = objectIn(deployment, "spec");
	const strategy = objectIn(spec, "strategy");
	const at = path.field("strategy");
	const errors = checkEnum(strategy.type, ["Recreate", "RollingUpdate"], at.field("type"));
	const rolling = strategy.rollingUpdate;
	if (strategy.type === "Recreate" && isObject(rolling))
		errors.push(forbidden(at.field("rollingUpdate"), "may not be specified when strategy `type` is 'Recreate'"));
	if (strategy.type === "RollingUpdate" && isObject(rolling)) {
		const inside = at.field("rollingUpdate");
		errors.push(...checkCountOrPercent(rolling.maxUnavailable, inside.field("maxUnavailable")));
		errors.push(...checkCountOrPercent(rolling.maxSurge, inside.field("maxSurge")));
		if (isZero(rolling.maxUnavailable) && isZero(rolling.maxSurge))
			errors.push(invalid(inside.field("maxUnavailable"), rolling.maxUnavailable, "may not be 0 when `maxSurge` is 0"));
	}
	const { progressDeadlineSeconds: deadline, minReadySeconds: ready = 0 } = spec;
	if (typeof deadline === "number" && deadline <= Number(ready))
		errors.push(invalid(path.field("progressDeadlineSeconds"), deadline, "must be greater than minReadySeconds"));
	return errors;
}

function isZero(value: unknown): boolean {
	return value === 0 || value === "0%";
}
