/**
 * What a route asks of an endpoint's `envoy.lb` metadata: keys with values, sorted by key. Made once per route, so that balancers can keep
 * what they found for it.
 */
export interface MetadataMatch {
	readonly criteria: readonly MetadataCriterion[];
}

export interface MetadataCriterion {
	readonly key: string;
	readonly value: unknown;
	/** The value as a text that is the same for equal values. */
	readonly text: string;
}

/** Compiles `metadata_match.filter_metadata["envoy.lb"]`; undefined when it asks nothing. `base`: what a route's weighted cluster adds to. */
export function compileMetadataMatch(
	fields: Readonly<Record<string, unknown>> | undefined,
	base?: MetadataMatch,
): MetadataMatch | undefined {
	const merged = new Map(base?.criteria.map((criterion) => [criterion.key, criterion]));
	for (const [key, value] of Object.entries(fields ?? {})) merged.set(key, { key, value, text: valueText(value) });
	if (merged.size === 0) return undefined;
	return { criteria: [...merged.values()].sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

/** Equal metadata values have equal texts: fields of structs are sorted. */
export function valueText(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(valueText).join(",")}]`;
	if (typeof value !== "object" || value === null) return JSON.stringify(value);
	const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
	return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${valueText(field)}`).join(",")}}`;
}
