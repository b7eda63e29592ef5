import type { KubeObject } from "../../kinds/object.ts";

/** Names a resource on the wire. */
export interface ResourceRef {
	readonly group: string;
	readonly version: string;
	readonly plural: string;
	readonly namespaced: boolean;
}

export interface ListOptions {
	readonly namespace?: string;
	readonly labelSelector?: string;
	readonly fieldSelector?: string;
}

/** A failed API call: the server's Status, or `code` 0 when no answer came (`cause` says why). */
export class KubeApiError extends Error {
	readonly code: number;
	readonly reason: string;
	readonly status: unknown;
	constructor(code: number, reason: string, message: string, status?: unknown, options?: ErrorOptions) {
		super(message, options);
		this.name = "KubeApiError";
		this.code = code;
		this.reason = reason;
		this.status = status;
	}
}

/** The Kubernetes API, as far as Lateen's own parts use it. Works against any conformant server. */
export interface KubeClient {
	list<T extends KubeObject>(ref: ResourceRef, options?: ListOptions): Promise<{ items: T[]; resourceVersion: string }>;
	get<T extends KubeObject>(ref: ResourceRef, name: string, namespace?: string): Promise<T>;
	create<T extends KubeObject>(ref: ResourceRef, object: T): Promise<T>;
	/** PUT; `object.metadata.resourceVersion` makes it conditional (409 Conflict). */
	update<T extends KubeObject>(ref: ResourceRef, object: T): Promise<T>;
	updateStatus<T extends KubeObject>(ref: ResourceRef, object: T): Promise<T>;
	/** RFC 7386 merge patch. */
	patch<T extends KubeObject>(
		ref: ResourceRef,
		name: string,
		patch: unknown,
		options?: { namespace?: string; subresource?: string },
	): Promise<T>;
	delete(
		ref: ResourceRef,
		name: string,
		options?: {
			namespace?: string;
			gracePeriodSeconds?: number;
			propagationPolicy?: "Background" | "Foreground" | "Orphan";
			preconditionUid?: string;
		},
	): Promise<void>;
	/** POST to a subresource (`binding`, `eviction`, `token`). */
	createSubresource(
		ref: ResourceRef,
		name: string,
		subresource: string,
		body: unknown,
		namespace?: string,
	): Promise<KubeObject>;
	/** A cached, always resuming view of a resource: list, then watch, with bookmarks, 410 and back-off handled. */
	informer<T extends KubeObject>(ref: ResourceRef, options?: ListOptions): Informer<T>;
	/** The server's base URL and what a raw request needs (for exec, logs and proxies). */
	readonly server: string;
	fetch(
		path: string,
		init?: { method?: string; headers?: Record<string, string>; body?: string | Uint8Array; signal?: AbortSignal },
	): Promise<Response>;
	close(): void;
}

export interface Informer<T extends KubeObject> {
	/** Begins listing; `synced` resolves when the first list is in the cache. */
	start(): void;
	readonly synced: Promise<void>;
	get(name: string, namespace?: string): T | undefined;
	/** Frozen objects; never change them. */
	list(): readonly T[];
	/** Called for every change after the cache was changed; the returned function unsubscribes. */
	onChange(handler: (change: Change<T>) => void): () => void;
	stop(): void;
}

export type Change<T> =
	| { readonly type: "added"; readonly object: T }
	| { readonly type: "updated"; readonly object: T; readonly old: T }
	| { readonly type: "deleted"; readonly object: T };
