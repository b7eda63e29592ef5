/** A place in dynamic metadata. */
export interface MetadataPlace {
	readonly namespace: string;
	readonly keys: readonly string[];
}

/** Where a request says which endpoints it wants, comma-separated (Envoy: the override_host policy). */
export interface OverrideHostConfig {
	/** Lower-case names of headers, and places in dynamic metadata; what all of them name is tried in this order. */
	readonly sources: readonly (string | MetadataPlace)[];
	/** Where the chosen endpoint's address is written to; undefined: nowhere. */
	readonly selectedKey: MetadataPlace | undefined;
}
