import type { Authenticator, User } from "./auth/authenticate.ts";
import { DiscoveryHandler } from "./discovery/handle-discovery.ts";
import { ApiError, internalError, methodNotAllowed, notSupportedYet, unauthorized } from "./http/api-error.ts";
import type { Exchange } from "./http/exchange.ts";
import { OpenApiHandler } from "./openapi/handle-openapi.ts";
import { encodeOpenApiV2, OPENAPI_V2_ANSWER, OPENAPI_V2_PROTOBUF } from "./openapi/openapi-v2.ts";
import type { ApiContext } from "./rest/api-context.ts";
import { handleResource } from "./rest/handle-resource.ts";

/** What answers requests. */
export interface RequestHandlers {
	readonly context: ApiContext;
	readonly authenticate: Authenticator;
	readonly discovery: DiscoveryHandler;
	readonly openApi: OpenApiHandler;
}

/** Kubernetes' version that this server speaks; kubectl and the Google Cloud SDK's dispatcher read it. */
const KUBERNETES_VERSION = {
	major: "1",
	minor: "32",
	gitVersion: "v1.32.0",
	gitCommit: "70d3cc986aa8221cd1dfb1121852688902d3bf53",
	gitTreeState: "clean",
	buildDate: "2024-12-11T18:05:36Z",
	goVersion: "go1.23.3",
	compiler: "gc",
	platform: "linux/amd64",
} as const;

/** Answers one request; every failure becomes a Status. */
export async function handleRequest(handlers: RequestHandlers, exchange: Exchange): Promise<void> {
	try {
		await route(handlers, exchange);
	} catch (error) {
		answerError(handlers, exchange, error);
	}
}

async function route(handlers: RequestHandlers, exchange: Exchange): Promise<void> {
	const { context } = handlers;
	if (answerPublic(exchange)) return;
	const user = authenticated(handlers, exchange);
	refuseImpersonation(exchange);
	const path = exchange.path.replace(/(?<=.)\/$/, "");
	if (DiscoveryHandler.handles(path)) {
		requireGet(exchange);
		handlers.discovery.answer(exchange);
	} else if (OpenApiHandler.handles(path)) {
		requireGet(exchange);
		handlers.openApi.answer(exchange, context.clock.epochMs());
	} else if (path === "/openapi/v2" && exchange.header("accept")?.includes(OPENAPI_V2_PROTOBUF)) {
		exchange.send(200, encodeOpenApiV2(KUBERNETES_VERSION.gitVersion), { "content-type": OPENAPI_V2_ANSWER });
	} else if (/^\/apis?\//.test(path)) {
		await handleResource(context, exchange, user);
	} else {
		exchange.send(404, "404 page not found\n", { "content-type": "text/plain; charset=utf-8" });
	}
}

const HEALTH = /^\/(livez|readyz|healthz)(\/(ping|log|etcd))?$/;

/** Health and version are told to everyone, as kube-apiserver does. */
function answerPublic(exchange: Exchange): boolean {
	if (exchange.method !== "GET" && exchange.method !== "HEAD") return false;
	if (HEALTH.test(exchange.path)) {
		const checks = `[+]ping ok\n[+]store ok\n${exchange.path.slice(1)} check passed\n`;
		exchange.send(200, exchange.query.has("verbose") ? checks : "ok", { "content-type": "text/plain; charset=utf-8" });
		return true;
	}
	if (exchange.path !== "/version") return false;
	exchange.sendJson(200, JSON.stringify(KUBERNETES_VERSION, undefined, 2));
	return true;
}

function authenticated({ authenticate }: RequestHandlers, exchange: Exchange): User {
	const user = authenticate(exchange.header("authorization"), exchange.socket);
	if (!user) throw unauthorized();
	return user;
}

/** Without access rules another user could do just the same: an answer would say nothing. */
function refuseImpersonation(exchange: Exchange): void {
	const other = exchange.header("impersonate-user") ?? exchange.header("impersonate-uid");
	if (other !== undefined) throw notSupportedYet(`impersonation (acting as ${other}, --as)`);
}

function requireGet(exchange: Exchange): void {
	if (exchange.method !== "GET" && exchange.method !== "HEAD") throw methodNotAllowed();
}

function answerError({ context }: RequestHandlers, exchange: Exchange, error: unknown): void {
	const apiError = error instanceof ApiError ? error : internalError(error);
	if (apiError.status.code >= 500 && apiError.status.code !== 501 && apiError.status.code !== 504) {
		const { method, path, auditId } = exchange;
		context.logger.error({ err: error, method, path, auditId }, "a request failed");
	}
	if (exchange.answered) exchange.abort();
	else exchange.sendError(apiError);
}
