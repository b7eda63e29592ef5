import type { KubeObject } from "../../../kinds/object.ts";
import type { User } from "../auth/authenticate.ts";
import { methodNotAllowed, unknownResource } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { negotiate } from "../http/negotiate.ts";
import type { JsonObject } from "../patch/merge-patch.ts";
import type { ApiContext } from "./api-context.ts";
import { createObject } from "./create-object.ts";
import { decodeBody, toObject } from "./decode-body.ts";
import { deleteObject, isDryRunDelete, parseDeleteOptions } from "./delete-object.ts";
import { handleSubresource } from "./handle-subresource.ts";
import { parseListOptions } from "./list-options.ts";
import { patchChange, readPatch } from "./patch-object.ts";
import { type Presentation, presentList, presentObject, presentStored } from "./present.ts";
import { listObjects, readObject } from "./read-objects.ts";
import { parseScope, parseWriteOptions, type RequestScope, type WriteRequest } from "./request-scope.ts";
import { answerReview, isReview } from "./reviews.ts";
import { type Part, updateObject } from "./update-object.ts";
import { watchObjects } from "./watch-objects.ts";

/** A request below `/api/v1` or `/apis/{group}/{version}`: answers it, or throws ApiError. */
export async function handleResource(context: ApiContext, exchange: Exchange, user: User): Promise<void> {
	const scope = parseScope(exchange.path, context.resources);
	const { kind, version } = scope.resource;
	const deprecation = kind.deprecations?.[version];
	if (deprecation !== undefined) exchange.warn(deprecation);
	if (scope.subresource !== "" && scope.subresource !== "status") {
		await handleSubresource(context, exchange, makeRequest(exchange, user, scope));
		return;
	}
	if (scope.subresource === "status" && !scope.resource.kind.subresources.status) throw unknownResource();
	const verb = verbOf(exchange, scope);
	await VERBS[verb](context, exchange, makeRequest(exchange, user, scope));
}

/** The write's options and the place for its warnings. */
function makeRequest(exchange: Exchange, user: User, scope: RequestScope): WriteRequest {
	const options = parseWriteOptions(exchange.query, exchange.header("user-agent"));
	return { scope, user, isReplace: exchange.method === "PUT", ...options, warn: (text) => exchange.warn(text) };
}

/** How answers of this exchange are written. */
function presentationOf(context: ApiContext, exchange: Exchange, scope: RequestScope): Presentation {
	const include = exchange.query.get("includeObject");
	return {
		resource: scope.resource,
		representation: negotiate(exchange.header("accept")),
		includeObject: include === "None" || include === "Object" ? include : "Metadata",
		nowEpochMs: context.clock.epochMs(),
	};
}

type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";
type Handler = (context: ApiContext, exchange: Exchange, request: WriteRequest) => Promise<void>;

const VERBS: Readonly<Record<Verb, Handler>> = {
	get: answerGet,
	list: answerList,
	watch: answerWatch,
	create: answerCreate,
	update: answerUpdate,
	patch: answerPatch,
	delete: answerDelete,
	deletecollection: answerDeleteCollection,
};

function verbOf(exchange: Exchange, scope: RequestScope): Verb {
	const isObject = scope.name !== "";
	const verb = isObject ? OBJECT_VERBS[exchange.method] : COLLECTION_VERBS[exchange.method];
	const isWatch = (verb === "get" || verb === "list") && /^(true|1)$/.test(exchange.query.get("watch") ?? "");
	const actual = isWatch ? "watch" : verb;
	if (!actual || !supports(scope, actual)) throw methodNotAllowed();
	return actual;
}

const OBJECT_VERBS: Readonly<Record<string, Verb>> = {
	GET: "get",
	HEAD: "get",
	PUT: "update",
	PATCH: "patch",
	DELETE: "delete",
};
const COLLECTION_VERBS: Readonly<Record<string, Verb>> = {
	GET: "list",
	HEAD: "list",
	POST: "create",
	DELETE: "deletecollection",
};

function supports({ resource, subresource, namespace, name }: RequestScope, verb: Verb): boolean {
	const { kind } = resource;
	if (kind.namespaced && namespace === "" && (name !== "" || verb === "create" || verb === "deletecollection"))
		return false;
	if (subresource === "status") return verb === "get" || verb === "update" || verb === "patch";
	return kind.verbs.includes(verb);
}

async function answerGet(context: ApiContext, exchange: Exchange, { scope }: WriteRequest): Promise<void> {
	const presentation = presentationOf(context, exchange, scope);
	answer(exchange, 200, presentStored(presentation, readObject(context, scope, exchange.query)), presentation);
}

async function answerList(context: ApiContext, exchange: Exchange, { scope }: WriteRequest): Promise<void> {
	const presentation = presentationOf(context, exchange, scope);
	const page = await listObjects(context, scope, parseListOptions(exchange.query, scope));
	answer(exchange, 200, presentList(presentation, page.items, page.metadata), presentation);
}

async function answerWatch(context: ApiContext, exchange: Exchange, { scope }: WriteRequest): Promise<void> {
	const options = parseListOptions(exchange.query, scope);
	const presentation = presentationOf(context, exchange, scope);
	const present = () => ({ ...presentation, nowEpochMs: context.clock.epochMs() });
	await watchObjects(context, exchange, scope, options, present);
}

async function answerCreate(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	const presentation = presentationOf(context, exchange, request.scope);
	const object = toObject(await readObjectBody(exchange, request.scope), request);
	const { resource } = request.scope;
	const created = isReview(resource)
		? answerReview(context, request.user, object)
		: await createObject(context, request, object);
	answer(exchange, 201, presentObject(presentation, created), presentation);
}

async function answerUpdate(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	const presentation = presentationOf(context, exchange, request.scope);
	const object = toObject(await readObjectBody(exchange, request.scope), request);
	const updated = await updateObject(context, request, partOf(request.scope), () => object);
	answer(exchange, 200, presentObject(presentation, updated), presentation);
}

async function answerPatch(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	const presentation = presentationOf(context, exchange, request.scope);
	const body = await exchange.readBody();
	const apply = readPatch(body, exchange.header("content-type"), request.scope.resource);
	const patched = await updateObject(context, request, partOf(request.scope), patchChange(apply, request));
	answer(exchange, 200, presentObject(presentation, patched), presentation);
}

async function answerDelete(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	const presentation = presentationOf(context, exchange, request.scope);
	const body = await readOptionsBody(exchange);
	const dryRun = request.dryRun || isDryRunDelete(body);
	const deleted = await deleteObject(context, { ...request, dryRun }, parseDeleteOptions(body, exchange.query));
	const isGone = deleted.kind === "Status" && deleted.apiVersion === "v1";
	answer(
		exchange,
		200,
		isGone ? JSON.stringify(deleted) : presentObject(presentation, deleted as KubeObject),
		presentation,
	);
}

async function answerDeleteCollection(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	const { scope } = request;
	const presentation = presentationOf(context, exchange, scope);
	const body = await readOptionsBody(exchange);
	const options = parseDeleteOptions(body, exchange.query);
	const { items, metadata } = await listObjects(context, scope, parseListOptions(exchange.query, scope));
	const dryRun = request.dryRun || isDryRunDelete(body);
	for (const { object } of items) {
		const one = { ...request, dryRun, scope: { ...scope, name: object.metadata.name ?? "" } };
		await deleteObject(context, one, options).catch(ignoreMissing);
	}
	answer(exchange, 200, presentList(presentation, items, metadata), presentation);
}

/** Somebody else deleted it meanwhile: that is what was wanted. */
function ignoreMissing(error: { status?: { code?: number } }): void {
	if (error.status?.code !== 404) throw error;
}

function partOf({ subresource }: RequestScope): Part {
	return subresource === "status" ? "status" : "object";
}

/** The body as an object of the scope's resource; protobuf only for kinds that have that form. */
async function readObjectBody(exchange: Exchange, { resource }: RequestScope) {
	const body = await exchange.readBody();
	return decodeBody(body, exchange.header("content-type"), resource.kind.origin === "builtin");
}

/** DeleteOptions come as JSON, YAML or protobuf, or not at all. */
async function readOptionsBody(exchange: Exchange): Promise<JsonObject | undefined> {
	const body = await exchange.readBody();
	return body.length === 0 ? undefined : decodeBody(body, exchange.header("content-type"), true).value;
}

/** Sends JSON text in the format that was negotiated. */
function answer(exchange: Exchange, code: number, json: string, { representation }: Presentation): void {
	if (representation.format === "json") exchange.sendJson(code, json);
	else exchange.sendValue(code, JSON.parse(json), representation.format);
}
