import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { KubeObject } from "../../../kinds/object.ts";
import { fakeDiscovery } from "./fake-discovery.ts";
import { FakeStore } from "./fake-store.ts";
import { FakeVerbs, Refusal, selector, type Target } from "./fake-verbs.ts";

/**
 * A small in-memory server that speaks enough of the Kubernetes API for the tests of the rooms under `kube/` (the real
 * one lives in a room that they may not see): CRUD, merge patch, status, binding, finalizers, graceful pod deletion,
 * watch with bookmarks and 410.
 */
export interface FakeApiServer {
	readonly url: string;
	/** Every request so far, as `METHOD path?query`. */
	readonly requests: string[];
	/** Connections accepted so far. */
	readonly connections: () => number;
	/** Puts an object straight into the store (created or replaced) and tells the watchers. */
	put(plural: string, object: Partial<KubeObject> & { metadata: KubeObject["metadata"] }): KubeObject;
	get(plural: string, name: string, namespace?: string): KubeObject | undefined;
	all(plural: string): KubeObject[];
	remove(plural: string, name: string, namespace?: string): void;
	/** Resolves with what `look` returns as soon as that is not undefined; looks again at every write and request. */
	until<T>(look: () => T | undefined, what: string, timeoutMs?: number): Promise<T>;
	/** Ends all watches; with `expire`, resuming from any older version answers 410. */
	breakWatches(options?: { expire?: boolean }): void;
	/** Requests for which this returns a status get that status instead. */
	failWith: ((method: string, path: string) => number | undefined) | undefined;
	bookmark(): void;
	close(): Promise<void>;
}

/** Plain HTTP/1.1, or HTTP/2 over TLS when given a key and certificate. */
export async function startFakeApiServer(
	tls?: { key: string; cert: string; token?: string },
	port = 0,
): Promise<FakeApiServer> {
	const store = new FakeStore();
	const verbs = new FakeVerbs(store);
	const requests: string[] = [];
	const listener = (request: IncomingMessage, answer: ServerResponse) => {
		handle({ store, verbs, server, token: tls?.token }, request, answer).catch((error: unknown) => {
			answer.destroy(error instanceof Error ? error : undefined);
		});
	};
	const http = tls ? createSecureServer({ ...tls }, listener as never) : createServer(listener);
	const sockets = new Set<{ destroy(): void }>();
	http.on(tls ? "secureConnection" : "connection", (socket) => sockets.add(socket));
	await new Promise<void>((resolve) => (http as Server).listen(port, "127.0.0.1", resolve));
	const server: FakeApiServer = {
		url: `${tls ? "https" : "http"}://127.0.0.1:${(http.address() as AddressInfo).port}`,
		requests,
		connections: () => sockets.size,
		failWith: undefined,
		put(plural, object) {
			const { name = "", namespace } = object.metadata;
			const old = store.get(plural, name, namespace)?.metadata;
			const { uid = randomUUID(), creationTimestamp = new Date().toISOString() } = old ?? {};
			const metadata = { creationTimestamp, generation: 1, uid, ...object.metadata };
			return store.put(plural, { apiVersion: "v1", kind: "Object", ...object, metadata });
		},
		get: (plural, name, namespace) => store.get(plural, name, namespace),
		all: (plural) => store.all(plural),
		remove(plural, name, namespace) {
			const object = store.get(plural, name, namespace);
			if (object) store.erase(plural, object);
		},
		until: (look, what, timeoutMs = 5000) => until(store, look, what, timeoutMs),
		breakWatches(options = {}) {
			if (options.expire) store.oldestVersion = ++store.version;
			for (const watcher of [...store.watchers]) watcher.end();
			store.watchers.clear();
		},
		bookmark() {
			const metadata = { resourceVersion: String(++store.version) };
			for (const watcher of store.watchers) watcher.send("BOOKMARK", { metadata });
		},
		close: () =>
			new Promise((resolve) => {
				for (const watcher of [...store.watchers]) watcher.end();
				http.close(() => resolve());
				for (const socket of sockets) socket.destroy();
			}),
	};
	return server;
}

interface Serving {
	readonly store: FakeStore;
	readonly verbs: FakeVerbs;
	readonly server: FakeApiServer;
	readonly token: string | undefined;
}

async function handle(serving: Serving, request: IncomingMessage, answer: ServerResponse): Promise<void> {
	const method = request.method ?? "";
	const url = new URL(request.url ?? "", "http://fake");
	serving.server.requests.push(`${method} ${url.pathname}${url.search}`);
	for (const look of [...serving.store.lookers]) look();
	let text = "";
	for await (const chunk of request as AsyncIterable<Buffer>) text += chunk;
	const finish = (status: number, value: unknown) => {
		answer.writeHead(status, { "content-type": "application/json" });
		answer.end(JSON.stringify(value));
	};
	try {
		const forced = serving.server.failWith?.(method, url.pathname);
		if (forced !== undefined) throw new Refusal(forced, "Forced", `the test wants ${forced}`);
		if (serving.token !== undefined && request.headers.authorization !== `Bearer ${serving.token}`)
			throw new Refusal(401, "Unauthorized", "Unauthorized");
		const discovery = fakeDiscovery(url.pathname);
		if (discovery !== undefined) return finish(200, discovery);
		const target = parseTarget(url);
		if (target.query.get("watch") === "true") watch(serving.store, target, answer);
		else finish(200, serving.verbs.respond(method, target, (text === "" ? {} : JSON.parse(text)) as KubeObject));
	} catch (error) {
		const { code = 500, reason = "InternalError", message } = error as Refusal;
		finish(code, { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", code, reason, message });
	}
}

function watch(store: FakeStore, target: Target, answer: ServerResponse): void {
	answer.writeHead(200, { "content-type": "application/json" });
	const send = (type: string, object: unknown) => void answer.write(`${JSON.stringify({ type, object })}\n`);
	const from = Number(target.query.get("resourceVersion") ?? 0);
	if (from < store.oldestVersion) {
		const message = `too old resource version: ${from} (${store.oldestVersion})`;
		send("ERROR", { kind: "Status", code: 410, reason: "Expired", message, metadata: {} });
		answer.end();
		return;
	}
	answer.flushHeaders?.(); // HTTP/2 sends them anyway
	const matches = selector(target);
	for (const past of store.since(target.plural, from)) if (matches(past.object)) send(past.type, past.object);
	const watcher = { plural: target.plural, matches, send, end: () => void answer.end() };
	store.watchers.add(watcher);
	answer.on("close", () => store.watchers.delete(watcher));
}

function until<T>(store: FakeStore, look: () => T | undefined, what: string, timeoutMs: number): Promise<T> {
	return new Promise((resolve, reject) => {
		const end = (settle: () => void) => {
			clearTimeout(timer);
			store.lookers.delete(check);
			settle();
		};
		const timer = setTimeout(() => end(() => reject(new Error(`waited ${timeoutMs} ms for ${what}`))), timeoutMs);
		function check() {
			const found = look();
			if (found !== undefined) end(() => resolve(found));
		}
		store.lookers.add(check);
		check();
	});
}

function parseTarget(url: URL): Target {
	const [, api, ...rest] = url.pathname.split("/").map(decodeURIComponent);
	const apiVersion = api === "api" ? (rest.shift() ?? "") : `${rest.shift()}/${rest.shift()}`;
	const isScoped = rest[0] === "namespaces" && rest.length > 2 && rest[2] !== "finalize" && rest[2] !== "status";
	const [namespace, parts] = isScoped ? [rest[1], rest.slice(2)] : [undefined, rest];
	const [plural = "", name, subresource] = parts;
	return { apiVersion, namespace, plural, name, subresource, query: url.searchParams };
}
