import type { Column } from "../../../kinds/definition.ts";
import type { KubeObject } from "../../../kinds/object.ts";
import type { Representation } from "../http/negotiate.ts";
import type { StoredObject } from "../store/journal.ts";
import { fromStored, isStoredForm, type ServedResource } from "./served-resource.ts";

/** `metadata` of a list. */
export interface ListMeta {
	readonly resourceVersion: string;
	readonly continue?: string;
	readonly remainingItemCount?: number;
}

/** What an answer is made with. */
export interface Presentation {
	readonly resource: ServedResource;
	readonly representation: Representation;
	/** Table rows carry the whole object, its metadata or nothing. */
	readonly includeObject: "None" | "Metadata" | "Object";
	readonly nowEpochMs: number;
}

/** One object as JSON text in the form that was asked for. */
export function presentObject(presentation: Presentation, object: KubeObject): string {
	const { as } = presentation.representation;
	if (as === "Table") {
		const { resourceVersion = "" } = object.metadata;
		return JSON.stringify(table(presentation, [object], { resourceVersion }, true));
	}
	return JSON.stringify(as === undefined ? object : partial(presentation, object));
}

/** One stored object as JSON text; its kept text when that is what was asked for. */
export function presentStored(presentation: Presentation, stored: StoredObject): string {
	const { resource, representation } = presentation;
	if (representation.as === undefined && isStoredForm(resource)) return stored.json;
	return presentObject(presentation, fromStored(resource, stored.object));
}

/** The object of a watch event; a Table has its columns in the first event only. */
export function presentEvent(presentation: Presentation, stored: StoredObject, isFirst: boolean): string {
	if (presentation.representation.as !== "Table") return presentStored(presentation, stored);
	const object = fromStored(presentation.resource, stored.object);
	const { resourceVersion = "" } = object.metadata;
	return JSON.stringify(table(presentation, [object], { resourceVersion }, isFirst));
}

/** A list as JSON text. */
export function presentList(presentation: Presentation, items: readonly StoredObject[], metadata: ListMeta): string {
	const { resource, representation } = presentation;
	const objects = () => items.map((stored) => fromStored(resource, stored.object));
	if (representation.as === "Table") return JSON.stringify(table(presentation, objects(), metadata, true));
	if (representation.as === "PartialObjectMetadata") {
		return JSON.stringify({
			kind: "PartialObjectMetadataList",
			apiVersion: metaApiVersion(presentation),
			metadata,
			items: objects().map((object) => partial(presentation, object)),
		});
	}
	const head = { kind: resource.kind.listKind, apiVersion: resource.apiVersion, metadata };
	const texts = items.map((stored) => presentStored(presentation, stored));
	return `${JSON.stringify(head).slice(0, -1)},"items":[${texts.join(",")}]}`;
}

/** An object of which only metadata is known: bookmarks. */
export function presentBookmark(presentation: Presentation, revision: number, endsInitialEvents: boolean): string {
	const { resource, representation } = presentation;
	const metadata = {
		resourceVersion: String(revision),
		creationTimestamp: null,
		...(endsInitialEvents ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
	};
	const bookmark = { kind: resource.kind.kind, apiVersion: resource.apiVersion, metadata };
	if (representation.as === "Table") {
		const row = { cells: [], object: { ...bookmark, ...partialTypeMeta(presentation) } };
		const meta = { resourceVersion: String(revision) };
		return JSON.stringify({
			kind: "Table",
			apiVersion: metaApiVersion(presentation),
			metadata: meta,
			columnDefinitions: resource.columns.map(definitionOf),
			rows: [row],
		});
	}
	return JSON.stringify(representation.as === undefined ? bookmark : { ...bookmark, ...partialTypeMeta(presentation) });
}

function table(
	presentation: Presentation,
	objects: readonly KubeObject[],
	metadata: ListMeta,
	withColumns: boolean,
): object {
	const { columns } = presentation.resource;
	return {
		kind: "Table",
		apiVersion: metaApiVersion(presentation),
		metadata,
		columnDefinitions: withColumns ? columns.map(definitionOf) : [],
		rows: objects.map((object) => ({
			cells: columns.map((column) => column.get(object, presentation.nowEpochMs)),
			...rowObject(presentation, object),
		})),
	};
}

function rowObject(presentation: Presentation, object: KubeObject): { object?: object } {
	if (presentation.includeObject === "None") return {};
	if (presentation.includeObject === "Object") return { object };
	return { object: partial(presentation, object) };
}

/** A column as a Table declares it. */
export function definitionOf({ name, type, format = "", description = "", priority = 0 }: Column): object {
	return { name, type, format, description, priority };
}

function partial(presentation: Presentation, object: KubeObject): object {
	return { ...partialTypeMeta(presentation), metadata: object.metadata };
}

function partialTypeMeta(presentation: Presentation): { kind: string; apiVersion: string } {
	return { kind: "PartialObjectMetadata", apiVersion: metaApiVersion(presentation) };
}

function metaApiVersion({ representation }: Presentation): string {
	return `meta.k8s.io/${representation.metaVersion}`;
}
