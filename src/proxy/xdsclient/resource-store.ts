import type { Any } from "@bufbuild/protobuf/wkt";
import type { ResourceType } from "../../xds/type-urls.ts";

/** A resource in force, as `/config_dump` shows it. */
export interface ResourceRecord {
	readonly name: string;
	readonly any: Any;
	/** Undefined: from the bootstrap. */
	readonly version: string | undefined;
	readonly updatedEpochMs: number;
}

/** The last resource that was refused, kept until a good one of the name comes. */
export interface RefusedRecord {
	readonly name: string;
	readonly any: Any;
	readonly version: string;
	readonly attemptedEpochMs: number;
	readonly details: string;
}

/** All resources of the process with where they came from. */
export class ResourceStore {
	readonly #active = new Map<ResourceType, Map<string, ResourceRecord>>();
	readonly #versions = new Map<ResourceType, string>();
	readonly #refused = new Map<ResourceType, Map<string, RefusedRecord>>();

	get(type: ResourceType, name: string): ResourceRecord | undefined {
		return this.#active.get(type)?.get(name);
	}

	/** Sorted by name. */
	list(type: ResourceType): ResourceRecord[] {
		return [...(this.#active.get(type)?.values() ?? [])].sort(byName);
	}

	refused(type: ResourceType): RefusedRecord[] {
		return [...(this.#refused.get(type)?.values() ?? [])].sort(byName);
	}

	/** Of the last response of a type that was taken whole; empty: none was. */
	version(type: ResourceType): string {
		return this.#versions.get(type) ?? "";
	}

	noteVersion(type: ResourceType, version: string): void {
		this.#versions.set(type, version);
	}

	accept(type: ResourceType, record: ResourceRecord): void {
		tableOf(this.#active, type).set(record.name, record);
		this.#refused.get(type)?.delete(record.name);
	}

	refuse(type: ResourceType, record: RefusedRecord): void {
		tableOf(this.#refused, type).set(record.name, record);
	}

	/** Forgets the resources of a type that have none of these names. */
	keep(type: ResourceType, names: ReadonlySet<string>): void {
		for (const { name } of [...this.list(type), ...this.refused(type)]) if (!names.has(name)) this.delete(type, name);
	}

	delete(type: ResourceType, name: string): void {
		this.#active.get(type)?.delete(name);
		this.#refused.get(type)?.delete(name);
	}
}

function tableOf<T>(tables: Map<ResourceType, Map<string, T>>, type: ResourceType): Map<string, T> {
	let table = tables.get(type);
	if (!table) {
		table = new Map();
		tables.set(type, table);
	}
	return table;
}

const byName = (a: { readonly name: string }, b: { readonly name: string }) =>
	a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
