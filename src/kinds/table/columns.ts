import type { Column } from "../definition.ts";
import type { KubeObject } from "../object.ts";
import { ageSince } from "./human-duration.ts";

type Get = Column["get"];

/** First column of every table. */
export const NAME: Column = {
	name: "Name",
	type: "string",
	format: "name",
	description: "Unique name within the namespace.",
	priority: 0,
	get: (object) => object.metadata.name ?? "",
};

/** `AGE`, text as Kubernetes' own printers give it. */
export const AGE: Column = text("Age", (object, now) => ageSince(object.metadata.creationTimestamp, now));

/** `CREATED AT`, for kinds that have no printer of their own. */
export const CREATED_AT: Column = {
	...text("Created At", (object) => object.metadata.creationTimestamp ?? null),
	type: "date",
};

export function text(name: string, get: Get): Column {
	return { name, type: "string", priority: 0, get };
}

export function integer(name: string, get: Get): Column {
	return { name, type: "integer", priority: 0, get };
}

/** Shown with `-o wide` only. */
export function wide(column: Column): Column {
	return { ...column, priority: 1 };
}

/** Reads a dotted path of plain members (`status.loadBalancer.ingress`), undefined when any step is missing. */
export function at(object: KubeObject | Readonly<Record<string, unknown>>, path: string): unknown {
	let value: unknown = object;
	for (const step of path.split(".")) {
		if (typeof value !== "object" || value === null) return undefined;
		value = (value as Record<string, unknown>)[step];
	}
	return value;
}

/** The list at a path, empty when it is absent or something else. */
export function listAt<T = Record<string, unknown>>(object: object, path: string): readonly T[] {
	const value = at(object as Record<string, unknown>, path);
	return Array.isArray(value) ? (value as T[]) : [];
}

export function numberAt(object: object, path: string, fallback = 0): number {
	const value = at(object as Record<string, unknown>, path);
	return typeof value === "number" ? value : fallback;
}

export function textAt(object: object, path: string, fallback = ""): string {
	const value = at(object as Record<string, unknown>, path);
	return typeof value === "string" ? value : fallback;
}
