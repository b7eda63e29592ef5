import { expired, notFound, tooLargeRevision } from "../http/api-error.ts";
import type { StoredObject } from "../store/journal.ts";
import { RevisionAheadError, RevisionExpiredError } from "../store/store-error.ts";
import type { ApiContext } from "./api-context.ts";
import { type ContinueToken, decodeContinue, encodeContinue } from "./continue-token.ts";
import type { ListOptions } from "./list-options.ts";
import type { ListMeta } from "./present.ts";
import { keyOf, type RequestScope } from "./request-scope.ts";
import { fromStored, type ServedResource } from "./served-resource.ts";

/** GET of one object; 404 when it is not there, 504 for a revision that was never reached. */
export function readObject({ store }: ApiContext, scope: RequestScope, query: URLSearchParams): StoredObject {
	const revision = Number(query.get("resourceVersion") || "0");
	if (revision > store.revision) throw ahead(new RevisionAheadError(revision, store.revision));
	const stored = store.get(keyOf(scope));
	if (!stored) throw notFound(scope.resource.kind, scope.name);
	return stored;
}

/** One page of a collection. */
export interface Page {
	readonly items: readonly StoredObject[];
	readonly metadata: ListMeta;
}

/** GET of a collection, whole or in pages of one snapshot. */
export async function listObjects(context: ApiContext, scope: RequestScope, options: ListOptions): Promise<Page> {
	const token = options.continueText === "" ? undefined : decodeContinue(options.continueText);
	const { revision, all } = await snapshot(context, scope, options, token);
	const candidates = token ? all.filter((stored) => stored.key > token.afterKey) : all;
	const matching = select(candidates, scope.resource, options);
	if (options.limit === 0 || matching.length <= options.limit)
		return { items: matching, metadata: { resourceVersion: String(revision) } };
	const items = matching.slice(0, options.limit);
	const next = encodeContinue({ revision, afterKey: items.at(-1)!.key });
	// How many remain is not told with a selector: a real server does not know it either.
	const remaining = options.matches ? {} : { remainingItemCount: matching.length - items.length };
	return { items, metadata: { resourceVersion: String(revision), continue: next, ...remaining } };
}

/** The objects that the options select. */
export function select(
	stored: readonly StoredObject[],
	resource: ServedResource,
	{ matches }: ListOptions,
): readonly StoredObject[] {
	return matches ? stored.filter((one) => matches(fromStored(resource, one.object))) : stored;
}

async function snapshot(
	{ store }: ApiContext,
	{ resource, namespace }: RequestScope,
	options: ListOptions,
	token: ContinueToken | undefined,
): Promise<{ revision: number; all: readonly StoredObject[] }> {
	const wanted = token?.revision ?? options.resourceVersion ?? 0;
	if (wanted > store.revision) throw ahead(new RevisionAheadError(wanted, store.revision));
	if (!token && options.resourceVersionMatch !== "Exact")
		return { revision: store.revision, all: store.list(resource.storage, namespace) };
	try {
		return { revision: wanted, all: await store.listAt(wanted, resource.storage, namespace) };
	} catch (error) {
		if (!(error instanceof RevisionExpiredError)) throw error;
		if (!token) throw expired(error.message);
		throw expired(
			"The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.",
		);
	}
}

/** 504 for a revision that the store has not reached. */
export function ahead(error: RevisionAheadError): Error {
	return tooLargeRevision(error.message);
}
