import type { ListOptions, ResourceRef } from "./kube-client.ts";

/** `/api/v1/namespaces/default/pods/web/status`; a namespaced resource without a namespace means all of them (lists only). */
export function resourcePath(ref: ResourceRef, namespace?: string, name?: string, subresource?: string): string {
	const base = ref.group === "" ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
	const scope = ref.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : "";
	if (ref.namespaced && name !== undefined && scope === "")
		throw new Error(`${ref.plural} "${name}" is named without a namespace`);
	const tail = [name, subresource].filter((part) => part !== undefined).map((part) => `/${encodeURIComponent(part)}`);
	return `${base}${scope}/${ref.plural}${tail.join("")}`;
}

/** The path with selectors and other query parameters; empty values are left out. */
export function withQuery(
	path: string,
	query: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
	const parts = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
	if (parts.length === 0) return path;
	return `${path}?${parts.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&")}`;
}

/** The selectors of a list or watch as query parameters. */
export function selectorQuery(options: ListOptions): { labelSelector?: string; fieldSelector?: string } {
	return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
}
