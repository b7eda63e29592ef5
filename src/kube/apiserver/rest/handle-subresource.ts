import { methodNotAllowed, notSupportedYet, type Status, unknownResource } from "../http/api-error.ts";
import type { Exchange } from "../http/exchange.ts";
import { negotiate } from "../http/negotiate.ts";
import { isJsonObject } from "../patch/merge-patch.ts";
import type { ApiContext } from "./api-context.ts";
import { decodeBody, toObject } from "./decode-body.ts";
import { readPatch } from "./patch-object.ts";
import { bindPod, evictPod } from "./pod-subresources.ts";
import { readObject } from "./read-objects.ts";
import type { RequestScope, WriteRequest } from "./request-scope.ts";
import { scaleChange, scaleOf, scaleTable } from "./scale.ts";
import { fromStored } from "./served-resource.ts";
import { requestToken } from "./token-reviews.ts";
import { updateObject } from "./update-object.ts";

type Handler = (context: ApiContext, exchange: Exchange, request: WriteRequest) => Promise<void>;

const HANDLERS: Readonly<Record<string, Handler>> = {
	scale: answerScale,
	"pods/binding": answerBinding,
	"pods/eviction": answerEviction,
	"namespaces/finalize": answerFinalize,
	"serviceaccounts/token": answerToken,
	"pods/log": async (context, exchange, { scope }) => context.kubelet.answerLog(exchange, scope),
};

/** Subresources other than status; one that exists in Kubernetes but not here is refused by name. */
export async function handleSubresource(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	const { scope } = request;
	const { kind } = scope.resource;
	const handler = HANDLERS[`${kind.plural}/${scope.subresource}`] ?? HANDLERS[scope.subresource];
	if (!exists(scope)) throw unknownResource();
	if (!handler) throw notSupportedYet(`${kind.plural}/${scope.subresource}`);
	await handler(context, exchange, request);
}

function exists({ resource, subresource }: RequestScope): boolean {
	const { scale, others = [] } = resource.kind.subresources;
	if (subresource === "scale") return scale !== undefined;
	return others.includes(subresource);
}

async function answerScale(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	const { resource } = request.scope;
	const change = await readScaleChange(exchange, request);
	if (!change) {
		const { object } = readObject(context, request.scope, exchange.query);
		const scale = scaleOf(resource, fromStored(resource, object));
		const { as, metaVersion } = negotiate(exchange.header("accept"));
		const answer = as === "Table" ? scaleTable(scale, metaVersion, context.clock.epochMs()) : scale;
		exchange.sendJson(200, JSON.stringify(answer));
		return;
	}
	const updated = await updateObject(context, request, "object", scaleChange(resource, change));
	exchange.sendJson(200, JSON.stringify(scaleOf(resource, updated)));
}

/** What the request does to the Scale; undefined for a read. */
async function readScaleChange(
	exchange: Exchange,
	{ scope }: WriteRequest,
): Promise<((scale: object) => unknown) | undefined> {
	if (exchange.method === "GET" || exchange.method === "HEAD") return undefined;
	const body = await exchange.readBody();
	const contentType = exchange.header("content-type");
	if (exchange.method === "PUT") {
		const { value } = decodeBody(body, contentType, true);
		return () => value;
	}
	if (exchange.method !== "PATCH") throw methodNotAllowed();
	const apply = readPatch(body, contentType, scope.resource);
	return (scale) => apply(scale as Record<string, unknown>);
}

async function answerBinding(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	sendStatus(exchange, await bindPod(context, request, await readPost(exchange)));
}

async function answerEviction(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	sendStatus(exchange, await evictPod(context, request, await readPost(exchange)));
}

async function answerToken(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	const body = await readPost(exchange);
	exchange.sendJson(201, JSON.stringify(requestToken(context, request, body)));
}

/** PUT namespaces/{name}/finalize: the namespace controller says that the content is gone. */
async function answerFinalize(context: ApiContext, exchange: Exchange, request: WriteRequest): Promise<void> {
	if (exchange.method !== "PUT") throw methodNotAllowed();
	const body = decodeBody(await exchange.readBody(), exchange.header("content-type"), true);
	const object = toObject(body, request);
	const updated = await updateObject(context, request, "finalize", () => object);
	exchange.sendJson(200, JSON.stringify(updated));
}

async function readPost(exchange: Exchange): Promise<Record<string, unknown>> {
	if (exchange.method !== "POST") throw methodNotAllowed();
	const { value } = decodeBody(await exchange.readBody(), exchange.header("content-type"), true);
	return isJsonObject(value) ? value : {};
}

function sendStatus(exchange: Exchange, status: Status): void {
	exchange.sendJson(201, JSON.stringify(status));
}
