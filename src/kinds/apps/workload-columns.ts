import type { Column } from "../definition.ts";
import { formatSelector, type LabelSelector } from "../label-selector.ts";
import { at, integer, listAt, text, wide } from "../table/columns.ts";

type Named = Readonly<Record<string, unknown>>;

const join = (list: readonly Named[], member: string) => list.map((item) => String(item[member] ?? "")).join(",");

/** `CONTAINERS` and `IMAGES` of the pods that a template makes; wide only. */
export function containerColumns(templatePath = "spec.template"): Column[] {
	const containers = `${templatePath}.spec.containers`;
	return [
		wide(text("Containers", (object) => join(listAt(object, containers), "name"))),
		wide(text("Images", (object) => join(listAt(object, containers), "image"))),
	];
}

/** `SELECTOR` of a LabelSelector; wide only. */
export function selectorColumn(path = "spec.selector"): Column {
	return wide(text("Selector", (object) => formatSelector(at(object, path) as LabelSelector | undefined)));
}

/** A count in `status` or `spec`, 0 when absent. */
export function countColumn(name: string, path: string): Column {
	return integer(name, (object) => Number(at(object, path) ?? 0));
}

/** `READY` as `2/3`. */
export function readyColumn(readyPath: string, desiredPath: string): Column {
	return text("Ready", (object) => `${at(object, readyPath) ?? 0}/${at(object, desiredPath) ?? 0}`);
}
