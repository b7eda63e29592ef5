import type { KubeObject } from "../../kinds/object.ts";
import type { Problem } from "../../lib/problem.ts";

/** Where a piece of configuration came from; what problems and metadata point at. */
export interface ConfigRef {
	readonly kind: string;
	readonly namespace: string;
	readonly name: string;
}

/** What every modelled object knows about its source. */
export interface ConfigMeta extends ConfigRef {
	readonly apiVersion: string;
	/** Seconds resolution, as Kubernetes keeps it. */
	readonly createdEpochMs: number;
	readonly labels: Readonly<Record<string, string>>;
	readonly annotations: Readonly<Record<string, string>>;
}

/** An object's problems; the object itself is left out of the snapshot when `dropped`. */
export interface ObjectProblems {
	readonly ref: ConfigRef;
	readonly dropped: boolean;
	readonly problems: readonly Problem[];
}

export function metaOf(object: KubeObject): ConfigMeta {
	const { metadata } = object;
	return {
		kind: object.kind,
		apiVersion: object.apiVersion,
		namespace: metadata.namespace ?? "",
		name: metadata.name ?? "",
		createdEpochMs: metadata.creationTimestamp ? Date.parse(metadata.creationTimestamp) || 0 : 0,
		labels: metadata.labels ?? {},
		annotations: metadata.annotations ?? {},
	};
}

/** `VirtualService/default/reviews`. */
export function formatRef(ref: ConfigRef): string {
	return `${ref.kind}/${ref.namespace}/${ref.name}`;
}

/** Oldest first, then name, then namespace: "oldest wins" everywhere means this order. */
export function compareAge(a: ConfigMeta, b: ConfigMeta): number {
	if (a.createdEpochMs !== b.createdEpochMs) return a.createdEpochMs - b.createdEpochMs;
	return compareText(a.name, b.name) || compareText(a.namespace, b.namespace);
}

function compareText(a: string, b: string): number {
	return a < b ? -1 : Number(a > b);
}

/** True when every wanted label is there with its value. */
export function labelsMatch(
	wanted: Readonly<Record<string, string>>,
	labels: Readonly<Record<string, string>>,
): boolean {
	return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
