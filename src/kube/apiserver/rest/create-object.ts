import { randomUUID } from "node:crypto";
import type { KubeObject } from "../../../kinds/object.ts";
import type { Random } from "../../../lib/random.ts";
import { alreadyExists, badRequest } from "../http/api-error.ts";
import { objectKey } from "../store/object-key.ts";
import { type ApiContext, timestamp } from "./api-context.ts";
import { requireNamespace } from "./namespace-lifecycle.ts";
import { durable, pass, recordManager } from "./object-lifecycle.ts";
import type { RequestScope, WriteRequest } from "./request-scope.ts";
import { fromStored, type ServedResource, toStored } from "./served-resource.ts";

const SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH = 5;
const MAX_GENERATED_PREFIX = 58;
const NAME_ATTEMPTS = 8;

/** POST to a collection: stores a new object and returns it as the request's version shows it. */
export async function createObject(context: ApiContext, request: WriteRequest, body: KubeObject): Promise<KubeObject> {
	const { scope } = request;
	const draft = startObject(context, scope, body);
	const name = draft.metadata.name!;
	requireNamespace(context, { ...scope, name });
	dropStatus(scope.resource, draft);
	const next = pass(context, request, draft, undefined);
	const key = objectKey(scope.resource.storage, scope.namespace, name);
	if (context.store.latest(key)) throw alreadyExists(scope.resource.kind, name);
	recordManager(context, request, next, undefined);
	const allocation = context.services.allot(scope.resource, next, undefined);
	if (request.dryRun) {
		allocation.release();
		return next;
	}
	try {
		const stored = await durable(context.store.put(key, toStored(scope.resource, next), 0));
		return fromStored(scope.resource, stored.object);
	} catch (error) {
		allocation.release();
		throw error;
	}
}

/** The body with the metadata that the server owns. */
function startObject(context: ApiContext, scope: RequestScope, body: KubeObject): KubeObject {
	const { metadata } = body;
	if (metadata.resourceVersion) throw badRequest("resourceVersion should not be set on objects to be created");
	checkNamespace(scope, metadata.namespace);
	const name = metadata.name || generateName(context, scope, metadata.generateName);
	const {
		selfLink: _selfLink,
		deletionTimestamp: _t,
		deletionGracePeriodSeconds: _g,
		...given
	} = metadata as Record<string, unknown>;
	return {
		...body,
		metadata: {
			...given,
			name,
			...(scope.resource.kind.namespaced ? { namespace: scope.namespace } : {}),
			uid: randomUUID(),
			resourceVersion: undefined,
			generation: scope.resource.kind.hasGeneration ? 1 : undefined,
			creationTimestamp: timestamp(context),
			managedFields: undefined,
		},
	};
}

/** Fills in the URL's namespace; throws 400 when the body says another. */
export function checkNamespace(scope: RequestScope, given: string | undefined): void {
	if (!scope.resource.kind.namespaced) return;
	if (scope.namespace === "") throw badRequest("an empty namespace may not be set during creation");
	if (given && given !== scope.namespace)
		throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}

function generateName({ store, random }: ApiContext, scope: RequestScope, prefix: string | undefined): string {
	if (!prefix) return "";
	for (let attempt = 0; ; attempt++) {
		const name = prefix.slice(0, MAX_GENERATED_PREFIX) + nameSuffix(random);
		const isTaken = store.latest(objectKey(scope.resource.storage, scope.namespace, name)) !== undefined;
		if (!isTaken || attempt === NAME_ATTEMPTS) return name;
	}
}

/** Five characters that form no words and are not mistaken for each other. */
function nameSuffix(random: Random): string {
	let suffix = "";
	while (suffix.length < SUFFIX_LENGTH) suffix += SUFFIX_ALPHABET[random.below(SUFFIX_ALPHABET.length)];
	return suffix;
}

/** Kinds whose status comes with the object: a kubelet registers its node whole, an APIService is told of. */
const KEEPS_STATUS = new Set(["Node"]);

/** Status is written through the status subresource only. */
function dropStatus({ kind }: ServedResource, object: KubeObject): void {
	if (kind.subresources.status && !KEEPS_STATUS.has(kind.kind)) delete object.status;
}
