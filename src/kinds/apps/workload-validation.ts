import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import { checkEnum, checkImmutable, checkNonNegative, equalJson } from "../core/field-rules.ts";
import { applyPodSpecDefaults, objectsIn } from "../core/pod-defaults.ts";
import { validatePodTemplate } from "../core/pod-validation.ts";
import type { FieldError } from "../definition.ts";
import { forbidden, invalid, required } from "../field-error.ts";
import { goLabelSelector, goStringMap } from "../go-literal.ts";
import { isEmptySelector, type LabelSelector, selectorMatches, validateSelector } from "../label-selector.ts";
import type { KubeObject } from "../object.ts";
import { isObject, type JsonObject, objectIn } from "../schema/schema-path.ts";

/** Defaults of the pod template in `spec.template`. */
export function applyTemplateDefaults(spec: JsonObject): void {
	const template = objectIn(spec, "template");
	if (isObject(template.spec)) applyPodSpecDefaults(template.spec);
}

/** What Deployments, ReplicaSets, StatefulSets and DaemonSets have in common. */
export function validateWorkload(object: KubeObject, old: KubeObject | undefined): FieldError[] {
	const path = fieldPath("spec");
	const spec = objectIn(object, "spec");
	return [
		...checkNonNegative(spec.replicas, path.field("replicas")),
		...checkNonNegative(spec.minReadySeconds, path.field("minReadySeconds")),
		...checkNonNegative(spec.revisionHistoryLimit, path.field("revisionHistoryLimit")),
		...validateWorkloadSelector(KIND_WORD[object.kind] ?? "deployment", spec, path),
		...validatePodTemplate(objectIn(spec, "template"), path.field("template"), claimNames(spec)),
		...validateRestartPolicy(spec, path),
		...(old ? checkSelectorUnchanged(spec, objectIn(old, "spec"), path) : []),
	];
}

/** A StatefulSet's pods get a volume for each of its claims. */
function claimNames(spec: JsonObject): string[] {
	return objectsIn(spec, "volumeClaimTemplates").map((claim) => String(objectIn(claim, "metadata").name));
}

function checkSelectorUnchanged(spec: JsonObject, old: JsonObject, path: FieldPath): FieldError[] {
	if (equalJson(spec.selector, old.selector)) return [];
	return [
		invalid(path.field("selector"), goLabelSelector(objectIn(spec, "selector") as LabelSelector), "field is immutable"),
	];
}

/** ReplicaSets are called deployments here, as upstream. */
const KIND_WORD: Readonly<Record<string, string>> = { StatefulSet: "statefulset", DaemonSet: "daemonset" };

function validateWorkloadSelector(kindWord: string, spec: JsonObject, path: FieldPath): FieldError[] {
	const at = path.field("selector");
	const missing = isObject(spec.selector) ? [] : [required(at)];
	const selector = isObject(spec.selector) ? (spec.selector as LabelSelector) : undefined;
	if (selector && isEmptySelector(selector))
		return [invalid(at, goLabelSelector(selector), `empty selector is invalid for ${kindWord}`)];
	const labels = objectIn(objectIn(spec, "template"), "metadata").labels as Record<string, string> | undefined;
	const errors = selector ? validateSelector(selector, at) : [];
	if (errors.length === 0 && !selectorMatches(selector, labels))
		errors.push(
			invalid(
				path.field("template.metadata.labels"),
				goStringMap(labels),
				"`selector` does not match template `labels`",
			),
		);
	return [...missing, ...errors];
}

function validateRestartPolicy(spec: JsonObject, path: FieldPath): FieldError[] {
	const policy = objectIn(objectIn(spec, "template"), "spec").restartPolicy;
	return checkEnum(policy, ["Always"], path.field("template.spec.restartPolicy"));
}

/** `maxSurge`, `maxUnavailable`: a count or a percentage. */
export function checkCountOrPercent(value: unknown, path: FieldPath): FieldError[] {
	if (value === undefined || value === null) return [];
	if (typeof value === "number") return checkNonNegative(value, path);
	return /^\d+%$/.test(String(value))
		? []
		: [
				invalid(
					path,
					value,
					"a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
				),
			];
}

/** Members of `spec` other than `names` may not change. */
export function checkOnlyMutable(
	object: KubeObject,
	old: KubeObject | undefined,
	names: readonly string[],
	text: string,
): FieldError[] {
	if (!old) return [];
	const rest = (source: KubeObject) =>
		Object.fromEntries(Object.entries(objectIn(source, "spec")).filter(([name]) => !names.includes(name)));
	return checkImmutable(rest(object), rest(old), fieldPath("spec")).map(() => forbidden("spec", text));
}
