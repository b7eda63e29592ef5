import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import type { ReadableStream as WebStream } from "node:stream/web";
import type { KubeObject } from "../../kinds/object.ts";
import { systemClock } from "../../lib/clock.ts";
import { systemRandom } from "../../lib/random.ts";
import { apiError, readText } from "./answer-body.ts";
import type { ClientConfig } from "./client-config.ts";
import { connectTransport } from "./connect-transport.ts";
import { KubeApiError, type KubeClient, type ListOptions, type ResourceRef } from "./kube-client.ts";
import { silentLog } from "./log.ts";
import { createReflector } from "./reflector.ts";
import { resourcePath, selectorQuery, withQuery } from "./resource-path.ts";
import type { ApiAnswer, ApiRequest } from "./transport.ts";

const REQUEST_TIMEOUT_MS = 60_000;
const PAGE_SIZE = 500;
const MAX_THROTTLED_TRIES = 5;
const MAX_BROKEN_OFF_TRIES = 3;
const ANSWER_BROKE_OFF = "AnswerBrokeOff";
const JSON_TYPE = "application/json";

interface Call {
	readonly method: string;
	readonly path: string;
	readonly body?: unknown;
	readonly contentType?: string;
}

/** A client of one API server. Nothing is sent before the first call; `close` ends its connections and informers. */
export function createKubeClient(config: ClientConfig): KubeClient {
	const clock = config.clock ?? systemClock;
	const random = config.random ?? systemRandom;
	const transport = connectTransport(config);
	const authorization = authorizationSource(config);
	const stops = new Set<() => void>();

	async function send(request: ApiRequest): Promise<ApiAnswer> {
		const headers: Record<string, string> = { "user-agent": config.userAgent ?? "lateen", ...request.headers };
		const credentials = authorization(false);
		if (credentials !== undefined) headers.authorization = credentials;
		const answer = await transport.request({ ...request, headers });
		if (answer.status !== 401 || config.tokenFile === undefined) return answer;
		answer.body.destroy();
		return transport.request({ ...request, headers: { ...headers, authorization: authorization(true) ?? "" } });
	}

	async function call<T>(request: Call): Promise<T> {
		for (let tries = 1; ; tries++) {
			const answer = await exchange(send, request).catch((error: unknown) => {
				// A read changes nothing: when its connection broke off, it is asked again on a new one (client-go does the same).
				if (request.method !== "GET" || !isBrokenOff(error) || tries >= MAX_BROKEN_OFF_TRIES) throw error;
				return undefined;
			});
			if (!answer) continue;
			const { status, headers, text } = answer;
			if (status < 400) return JSON.parse(text) as T;
			if (status !== 429 || headers["retry-after"] === undefined || tries === MAX_THROTTLED_TRIES)
				throw apiError(status, text);
			// The server says when it wants to hear from us again (priority and fairness, disruption budgets).
			const delayMs = Math.min(30, Number(headers["retry-after"]) || 1) * 1000;
			await new Promise<void>((resolve) => void clock.after(delayMs, resolve));
		}
	}

	const client: KubeClient = {
		server: config.server.replace(/\/$/, ""),
		list: (ref, options = {}) => listAll(call, ref, options),
		get: (ref, name, namespace) => call({ method: "GET", path: resourcePath(ref, namespace, name) }),
		create: (ref, object) => call({ method: "POST", path: resourcePath(ref, object.metadata.namespace), body: object }),
		update: (ref, object) => call({ method: "PUT", path: pathOf(ref, object), body: object }),
		updateStatus: (ref, object) => call({ method: "PUT", path: pathOf(ref, object, "status"), body: object }),
		patch: (ref, name, patch, options = {}) =>
			call({
				method: "PATCH",
				path: resourcePath(ref, options.namespace, name, options.subresource),
				body: patch,
				contentType: "application/merge-patch+json",
			}),
		async delete(ref, name, { namespace, preconditionUid, ...options } = {}) {
			const preconditions = preconditionUid === undefined ? {} : { preconditions: { uid: preconditionUid } };
			const body = { kind: "DeleteOptions", apiVersion: "v1", ...options, ...preconditions };
			await call({ method: "DELETE", path: resourcePath(ref, namespace, name), body });
		},
		createSubresource: (ref, name, subresource, body, namespace) =>
			call<KubeObject>({ method: "POST", path: resourcePath(ref, namespace, name, subresource), body }),
		informer: (ref, options = {}) => {
			const reflector = createReflector({
				list: () => client.list(ref, options),
				watch: (query, signal) => openWatch(send, ref, options, query, signal),
				clock,
				random,
				log: config.log ?? silentLog,
				name: ref.plural,
			});
			stops.add(reflector.stop);
			return reflector as never; // the cache holds what the server sent for this resource: T by the caller's word
		},
		fetch: async (path, init = {}) => response(await send({ method: "GET", headers: {}, ...init, path })),
		close() {
			for (const stop of stops) stop();
			transport.close();
		},
	};
	return client;
}

function isBrokenOff(error: unknown): boolean {
	return error instanceof KubeApiError && error.reason === ANSWER_BROKE_OFF;
}

function pathOf(ref: ResourceRef, object: KubeObject, subresource?: string): string {
	return resourcePath(ref, object.metadata.namespace, object.metadata.name ?? "", subresource);
}

async function exchange(send: (request: ApiRequest) => Promise<ApiAnswer>, request: Call) {
	const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
	const headers: Record<string, string> = { accept: JSON_TYPE };
	if (request.body !== undefined) headers["content-type"] = request.contentType ?? JSON_TYPE;
	const body = request.body === undefined ? undefined : JSON.stringify(request.body);
	const answer = await send({ method: request.method, path: request.path, headers, body, signal });
	const text = await readText(answer.body).catch((cause: unknown) => {
		throw new KubeApiError(
			0,
			ANSWER_BROKE_OFF,
			`the server's answer broke off: ${(cause as Error).message}`,
			undefined,
			{ cause },
		);
	});
	return { status: answer.status, headers: answer.headers, text };
}

interface ListPage<T> {
	readonly kind?: string;
	readonly apiVersion?: string;
	readonly items?: T[] | null;
	readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

/** All pages of a list; a page token that expired starts the list again, in one piece. */
async function listAll<T extends KubeObject>(
	call: <A>(request: Call) => Promise<A>,
	ref: ResourceRef,
	options: ListOptions,
): Promise<{ items: T[]; resourceVersion: string }> {
	const items: T[] = [];
	const path = resourcePath(ref, options.namespace);
	const page = (query: { limit?: number; continue?: string }) =>
		call<ListPage<T>>({ method: "GET", path: withQuery(path, { ...selectorQuery(options), ...query }) });
	let token: string | undefined;
	let answer: ListPage<T>;
	do {
		answer = await page({ limit: PAGE_SIZE, continue: token }).catch((error: unknown) => {
			if (token === undefined || !(error instanceof KubeApiError) || error.code !== 410) throw error;
			items.length = 0;
			return page({});
		});
		// A list's items come without their own kind; whoever handles an object wants to know what it is.
		const typed = { apiVersion: answer.apiVersion, kind: answer.kind?.replace(/List$/, "") };
		for (const item of answer.items ?? []) items.push({ ...typed, ...item });
		token = answer.metadata?.continue || undefined;
	} while (token !== undefined);
	return { items, resourceVersion: answer.metadata?.resourceVersion ?? "" };
}

async function openWatch(
	send: (request: ApiRequest) => Promise<ApiAnswer>,
	ref: ResourceRef,
	options: ListOptions,
	query: { resourceVersion: string; timeoutSeconds: number },
	signal: AbortSignal,
): Promise<Readable> {
	const path = withQuery(resourcePath(ref, options.namespace), {
		watch: true,
		allowWatchBookmarks: true,
		...selectorQuery(options),
		...query,
	});
	const answer = await send({ method: "GET", path, headers: { accept: JSON_TYPE }, signal });
	if (answer.status >= 400) throw apiError(answer.status, await readText(answer.body));
	return answer.body;
}

/** The value of the Authorization header; `refresh` reads the token file again. */
function authorizationSource(config: ClientConfig): (refresh: boolean) => string | undefined {
	let fromFile: string | undefined;
	return (refresh) => {
		if (config.tokenFile !== undefined) {
			if (refresh || fromFile === undefined) fromFile = readFileSync(config.tokenFile, "utf8").trim();
			return `Bearer ${fromFile}`;
		}
		if (config.token !== undefined) return `Bearer ${config.token}`;
		if (config.username === undefined) return undefined;
		return `Basic ${Buffer.from(`${config.username}:${config.password ?? ""}`).toString("base64")}`;
	};
}

function response(answer: ApiAnswer): Response {
	const hasBody = answer.status !== 204 && answer.status !== 304;
	if (!hasBody) answer.body.resume();
	const body = hasBody ? (Readable.toWeb(answer.body) as WebStream<Uint8Array>) : null;
	return new Response(body as ReadableStream<Uint8Array> | null, { status: answer.status, headers: answer.headers });
}
