import type { Column, KindDefinition } from "../../../kinds/definition.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import { AGE, at, integer, NAME, numberAt } from "../../../kinds/table/columns.ts";
import { badRequest, unknownResource } from "../http/api-error.ts";
import { isJsonObject, type JsonObject } from "../patch/merge-patch.ts";
import { formatLabelSelector } from "./label-selector.ts";
import { definitionOf } from "./present.ts";
import type { ServedResource } from "./served-resource.ts";
import type { Change } from "./update-object.ts";

type ScalePaths = NonNullable<KindDefinition["subresources"]["scale"]>;

/** The autoscaling/v1 Scale of an object. */
export function scaleOf(resource: ServedResource, object: KubeObject): KubeObject {
	const paths = pathsOf(resource);
	const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
	return {
		kind: "Scale",
		apiVersion: "autoscaling/v1",
		metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
		spec: replicas(at(object, trim(paths.specReplicas))),
		status: {
			replicas: Number(at(object, trim(paths.statusReplicas)) ?? 0),
			...selectorOf(at(object, trim(paths.selector))),
		},
	};
}

const SCALE_COLUMNS: readonly Column[] = [
	NAME,
	integer("Desired", (scale) => numberAt(scale, "spec.replicas")),
	integer("Available", (scale) => numberAt(scale, "status.replicas")),
	AGE,
];

/** A Scale as kubectl prints it. */
export function scaleTable(scale: KubeObject, metaVersion: string, nowEpochMs: number): object {
	const apiVersion = `meta.k8s.io/${metaVersion}`;
	const { metadata } = scale;
	return {
		kind: "Table",
		apiVersion,
		metadata: { resourceVersion: metadata.resourceVersion },
		columnDefinitions: SCALE_COLUMNS.map(definitionOf),
		rows: [
			{
				cells: SCALE_COLUMNS.map((column) => column.get(scale, nowEpochMs)),
				object: { kind: "PartialObjectMetadata", apiVersion, metadata },
			},
		],
	};
}

/** The change to the object that a changed Scale asks for. */
export function scaleChange(resource: ServedResource, change: (scale: KubeObject) => unknown): Change {
	return (live) => {
		const wanted = change(scaleOf(resource, live));
		if (!isJsonObject(wanted)) throw badRequest("the object provided is unrecognized: it is not a Scale");
		const { spec, metadata } = wanted;
		const count = isJsonObject(spec) ? (spec.replicas ?? 0) : 0;
		if (!Number.isInteger(count) || (count as number) < 0)
			throw badRequest(
				`Scale in version "v1" cannot be handled as a Scale: spec.replicas must be a whole number, 0 or more`,
			);
		const next = setAt(live as unknown as JsonObject, trim(pathsOf(resource).specReplicas).split("."), count);
		const revision = isJsonObject(metadata) ? metadata.resourceVersion : undefined;
		// Only a resourceVersion that the client named is a precondition; a Scale carries the object's own.
		const object = next as unknown as KubeObject;
		if (typeof revision === "string" && revision !== "") object.metadata.resourceVersion = revision;
		return object;
	};
}

function pathsOf({ kind }: ServedResource): ScalePaths {
	if (!kind.subresources.scale) throw unknownResource();
	return kind.subresources.scale;
}

/** JSONPath of a member, as CRDs write it (`.spec.replicas`), to a plain path. */
function trim(path: string): string {
	return path.replace(/^\./, "");
}

function replicas(value: unknown): { replicas?: number } {
	return typeof value === "number" ? { replicas: value } : {};
}

function selectorOf(value: unknown): { selector?: string } {
	if (typeof value === "string") return { selector: value };
	if (!isJsonObject(value)) return {};
	const isStructured = "matchLabels" in value || "matchExpressions" in value;
	// A ReplicationController's selector is the bare map of labels.
	const selector = isStructured ? value : { matchLabels: value as Record<string, string> };
	return { selector: formatLabelSelector(selector) };
}

function setAt(target: JsonObject, [name = "", ...rest]: readonly string[], value: unknown): JsonObject {
	if (rest.length === 0) return { ...target, [name]: value };
	const inner = target[name];
	return { ...target, [name]: setAt(isJsonObject(inner) ? inner : {}, rest, value) };
}
