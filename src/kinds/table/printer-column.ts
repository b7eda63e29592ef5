import type { Column } from "../definition.ts";
import { ageSince } from "./human-duration.ts";
import { compileJsonPath } from "./json-path.ts";

/** A column as a CustomResourceDefinition declares it (`additionalPrinterColumns[]`). */
export interface PrinterColumn {
	readonly name: string;
	readonly type: Column["type"];
	readonly jsonPath: string;
	readonly description?: string;
	readonly format?: string;
	readonly priority?: number;
}

/** The table column of a printer column: the first value at the path; dates become ages, lists and objects JSON text. */
export function columnOf(declared: PrinterColumn): Column {
	const path = compileJsonPath(declared.jsonPath);
	return {
		name: declared.name,
		type: declared.type,
		format: declared.format ?? "",
		description: declared.description ?? "",
		priority: declared.priority ? 1 : 0,
		get: (object, nowEpochMs) => cell(path(object)[0], declared.type, nowEpochMs),
	};
}

function cell(value: unknown, type: Column["type"], nowEpochMs: number): string | number | boolean | null {
	if (value === undefined || value === null) return null;
	if (type === "date") return ageSince(value, nowEpochMs);
	if (type === "string") return typeof value === "string" ? value : JSON.stringify(value);
	if (type === "boolean") return typeof value === "boolean" ? value : null;
	if (typeof value !== "number") return null;
	return type === "integer" ? Math.trunc(value) : value;
}

/** Age column that custom kinds have when they declare it (or nothing). */
export const AGE_COLUMN: PrinterColumn = {
	name: "Age",
	type: "date",
	jsonPath: ".metadata.creationTimestamp",
	description: "Time since the object was created.",
};
