/** Who may see an object (`exportTo`, istio-traffic-api.md 0.3). */
export type Visibility =
	| { readonly kind: "public" }
	| { readonly kind: "none" }
	| { readonly kind: "namespaces"; readonly namespaces: ReadonlySet<string> };

const PUBLIC: Visibility = Object.freeze({ kind: "public" });

/**
 * Reads an `exportTo` list; an empty one takes the mesh's default. `*` wins over everything but `~`, and `.` is the
 * object's own namespace.
 */
export function visibilityOf(
	exportTo: readonly string[],
	ownNamespace: string,
	meshDefault: readonly string[],
): Visibility {
	const entries = exportTo.length > 0 ? exportTo : meshDefault;
	if (entries.includes("~")) return { kind: "none" };
	if (entries.length === 0 || entries.includes("*")) return PUBLIC;
	return { kind: "namespaces", namespaces: new Set(entries.map((e) => (e === "." ? ownNamespace : e))) };
}

export function isVisibleTo(visibility: Visibility, namespace: string): boolean {
	switch (visibility.kind) {
		case "public":
			return true;
		case "none":
			return false;
		case "namespaces":
			return visibility.namespaces.has(namespace);
	}
}

/** True when only the object's own namespace sees it. */
export function isPrivate(visibility: Visibility, ownNamespace: string): boolean {
	return (
		visibility.kind === "namespaces" && visibility.namespaces.size === 1 && visibility.namespaces.has(ownNamespace)
	);
}
