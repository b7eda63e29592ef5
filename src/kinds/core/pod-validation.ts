import { type FieldPath, fieldPath } from "../../lib/field-path.ts";
import type { FieldError } from "../definition.ts";
import { forbidden, invalid, required } from "../field-error.ts";
import { validateLabels } from "../metadata-validation.ts";
import { labelRule, subdomainRule } from "../name-rules.ts";
import type { KubeObject } from "../object.ts";
import { isObject, type JsonObject } from "../schema/schema-path.ts";
import { validateContainer } from "./container-validation.ts";
import { checkEnum, checkName, checkNonNegative, checkUnique, equalJson } from "./field-rules.ts";
import { isIpAddress, NOT_AN_ADDRESS } from "./ip-address.ts";
import { objectsIn } from "./pod-defaults.ts";
import { validatePlacement } from "./pod-placement-validation.ts";
import { validateSecurityContext } from "./security-validation.ts";

const RESTART_POLICIES = ["Always", "OnFailure", "Never"];
const MAX_DEADLINE = 2 ** 31 - 1;
const DNS_POLICIES = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];

/** Rules of a Pod. */
export function validatePod(pod: KubeObject, old?: KubeObject): FieldError[] {
	const path = fieldPath("spec");
	const spec = isObject(pod.spec) ? pod.spec : {};
	const errors = validatePodSpec(spec, path);
	if (old) return [...errors, ...validatePodUpdate(spec, isObject(old.spec) ? old.spec : {}, path)];
	const ephemeral = objectsIn(spec, "ephemeralContainers").length > 0;
	return ephemeral ? [...errors, forbidden(path.field("ephemeralContainers"), "cannot be set on create")] : errors;
}

/** Rules of a PodSpec, in a Pod or in a template; `otherVolumes` will be there when the pod is made. */
function validatePodSpec(spec: JsonObject, path: FieldPath, otherVolumes: readonly string[] = []): FieldError[] {
	const volumes = objectsIn(spec, "volumes");
	const volumeNames = new Set([...otherVolumes, ...volumes.map(({ name }) => String(name))]);
	const containers = namedContainers(spec, path);
	return [
		...volumes.flatMap((volume, i) => validateVolume(volume, path.field("volumes").index(i))),
		...checkUnique(volumes.map(({ name }, i) => [name, path.field("volumes").index(i).field("name")])),
		...containers.flatMap(([container, at]) => validateContainer(container, volumeNames, at)),
		...checkUnique(containers.map(([{ name }, at]) => [name, at.field("name")])),
		...checkEnum(spec.restartPolicy, RESTART_POLICIES, path.field("restartPolicy")),
		...checkEnum(spec.dnsPolicy, DNS_POLICIES, path.field("dnsPolicy")),
		...checkNonNegative(spec.terminationGracePeriodSeconds, path.field("terminationGracePeriodSeconds")),
		...checkDeadline(spec.activeDeadlineSeconds, path.field("activeDeadlineSeconds")),
		...optionalName(spec, "serviceAccountName", path),
		...optionalName(spec, "nodeName", path),
		...validateLabels(spec.nodeSelector as Record<string, string> | undefined, path.field("nodeSelector")),
		...validatePlacement(spec, path),
		...validateSecurityContext(spec.securityContext, path.field("securityContext")),
		...objectsIn(spec, "hostAliases").flatMap(({ ip }, i) => checkAlias(ip, path.field("hostAliases").index(i))),
	];
}

function checkDeadline(value: unknown, path: FieldPath): FieldError[] {
	if (typeof value !== "number" || (value >= 1 && value <= MAX_DEADLINE)) return [];
	return [invalid(path, value, `must be between 1 and ${MAX_DEADLINE}, inclusive`)];
}

function checkAlias(ip: unknown, path: FieldPath): FieldError[] {
	return isIpAddress(String(ip)) ? [] : [invalid(path.field("ip"), ip ?? "", NOT_AN_ADDRESS)];
}

/** Containers and init containers share one set of names. */
function namedContainers(spec: JsonObject, path: FieldPath): [JsonObject, FieldPath][] {
	return ["containers", "initContainers"].flatMap((list) =>
		objectsIn(spec, list).map((container, i): [JsonObject, FieldPath] => [container, path.field(list).index(i)]),
	);
}

function optionalName(spec: JsonObject, name: string, path: FieldPath): FieldError[] {
	const value = spec[name];
	if (!value) return [];
	return subdomainRule(String(value)).map((detail) => invalid(path.field(name), value, detail));
}

function validateVolume(volume: JsonObject, path: FieldPath): FieldError[] {
	const errors = checkName(volume.name, labelRule, path.field("name"));
	const sources = Object.keys(volume).filter((name) => name !== "name");
	for (const extra of sources.slice(1))
		errors.push(forbidden(path.field(extra), "may not specify more than 1 volume type"));
	return [...errors, ...validateSource(volume, path)];
}

/** ConfigMaps and Secrets are named. */
function validateSource(volume: JsonObject, path: FieldPath): FieldError[] {
	const names = { configMap: "name", secret: "secretName" } as const;
	return Object.entries(names).flatMap(([source, name]) => {
		const given = volume[source];
		return isObject(given) && !given[name] ? [required(path.field(source).field(name))] : [];
	});
}

/** Rules of a PodTemplateSpec: labels and the spec. */
export function validatePodTemplate(
	template: JsonObject,
	path: FieldPath,
	otherVolumes: readonly string[] = [],
): FieldError[] {
	const metadata = isObject(template.metadata) ? template.metadata : {};
	const spec = isObject(template.spec) ? template.spec : {};
	const labels = metadata.labels as Record<string, string> | undefined;
	return [
		...validateLabels(labels, path.field("metadata").field("labels")),
		...validatePodSpec(spec, path.field("spec"), otherVolumes),
	];
}

/** Members of a running pod's spec that may change. */
const MUTABLE = [
	"activeDeadlineSeconds",
	"terminationGracePeriodSeconds",
	"tolerations",
	"schedulingGates",
	"ephemeralContainers",
];

const ONLY_THESE =
	"pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

function validatePodUpdate(spec: JsonObject, old: JsonObject, path: FieldPath): FieldError[] {
	// Binding sets the node once; the API server writes it through the pods/binding subresource.
	const isBinding = !old.nodeName && spec.nodeName;
	const ignored = isBinding ? [...MUTABLE, "nodeName"] : MUTABLE;
	const errors = checkShorterDeadline(spec.activeDeadlineSeconds, old.activeDeadlineSeconds, path);
	if (!equalJson(fixedPart(spec, ignored), fixedPart(old, ignored))) errors.push(forbidden(path, ONLY_THESE));
	return errors;
}

/** A pod's deadline may be set and shortened. */
function checkShorterDeadline(value: unknown, old: unknown, path: FieldPath): FieldError[] {
	if (typeof old !== "number") return [];
	const at = path.field("activeDeadlineSeconds");
	if (typeof value !== "number") return [invalid(at, null, "must not update from a positive integer to nil value")];
	return value <= old ? [] : [invalid(at, value, "must be less than or equal to previous value")];
}

function fixedPart(spec: JsonObject, ignored: readonly string[]): JsonObject {
	const kept = Object.fromEntries(Object.entries(spec).filter(([name]) => !ignored.includes(name)));
	for (const list of ["containers", "initContainers"])
		if (Array.isArray(kept[list])) kept[list] = objectsIn(spec, list).map(({ image: _, ...rest }) => rest);
	return kept;
}
