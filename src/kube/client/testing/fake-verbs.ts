import { randomUUID } from "node:crypto";
import type { KubeObject } from "../../../kinds/object.ts";
import type { FakeStore } from "./fake-store.ts";

/** What one request is about. */
export interface Target {
	readonly apiVersion: string;
	readonly namespace: string | undefined;
	readonly plural: string;
	readonly name: string | undefined;
	readonly subresource: string | undefined;
	readonly query: URLSearchParams;
}

/** Becomes a Status. */
export class Refusal extends Error {
	readonly code: number;
	readonly reason: string;
	constructor(code: number, reason: string, message: string) {
		super(message);
		this.code = code;
		this.reason = reason;
	}
}

/** The verbs of the fake server, over its store. */
export class FakeVerbs {
	readonly #store: FakeStore;
	constructor(store: FakeStore) {
		this.#store = store;
	}

	respond(method: string, target: Target, body: KubeObject): unknown {
		if (method === "GET") return target.name === undefined ? this.#list(target) : this.#find(target);
		if (method === "POST" && target.subresource === "binding") return this.#bind(target, body);
		if (method === "POST") return this.#create(target, body);
		if (method === "PUT") return this.#update(target, body);
		if (method === "DELETE") return this.#remove(target, body);
		return this.#update(target, mergePatch(this.#find(target), body) as KubeObject);
	}

	#find({ plural, name = "", namespace }: Target): KubeObject {
		const object = this.#store.get(plural, name, namespace);
		if (!object) throw new Refusal(404, "NotFound", `${plural} "${name}" not found`);
		return object;
	}

	#list(target: Target): unknown {
		const items = this.#store.all(target.plural).filter(selector(target));
		const kind = `${items[0]?.kind ?? "Object"}List`;
		const metadata = { resourceVersion: String(this.#store.version) };
		return { kind, apiVersion: target.apiVersion, metadata, items };
	}

	#create(target: Target, body: KubeObject): KubeObject {
		const namespace = target.namespace ?? body.metadata.namespace;
		const name = body.metadata.name ?? `${body.metadata.generateName}${randomUUID().slice(0, 5)}`;
		if (this.#store.get(target.plural, name, namespace))
			throw new Refusal(409, "AlreadyExists", `${target.plural} "${name}" already exists`);
		const metadata = {
			...body.metadata,
			name,
			...(namespace === undefined ? {} : { namespace }),
			uid: randomUUID(),
			generation: 1,
			creationTimestamp: new Date().toISOString().replace(/\.\d+/, ""),
		};
		return this.#store.put(target.plural, { ...body, apiVersion: target.apiVersion, metadata });
	}

	#update(target: Target, body: KubeObject): KubeObject {
		const old = this.#find(target);
		const sent = body.metadata.resourceVersion;
		if (sent !== undefined && sent !== old.metadata.resourceVersion)
			throw new Refusal(
				409,
				"Conflict",
				`Operation cannot be fulfilled on ${target.plural} "${target.name}": modified`,
			);
		const next = target.subresource === "status" ? { ...old, status: body.status } : { ...body, status: old.status };
		next.metadata = ownedMetadata(old, next);
		const stored = this.#store.put(target.plural, next);
		return isReleased(target.plural, stored) ? this.#store.erase(target.plural, stored) : stored;
	}

	#remove(target: Target, options: Record<string, unknown>): KubeObject {
		const object = this.#find(target);
		const uid = (options.preconditions as { uid?: string } | undefined)?.uid;
		if (uid !== undefined && uid !== object.metadata.uid)
			throw new Refusal(409, "Conflict", `Precondition failed: UID ${uid} is not ${object.metadata.uid}`);
		const next = structuredClone(object);
		next.metadata.deletionTimestamp ??= new Date().toISOString();
		const extra = { Foreground: "foregroundDeletion", Orphan: "orphan" }[String(options.propagationPolicy)];
		const finalizers = [...new Set([...(object.metadata.finalizers ?? []), ...(extra ? [extra] : [])])];
		if (finalizers.length > 0) next.metadata.finalizers = finalizers;
		const grace = podGrace(target.plural, object, options);
		if (grace === 0) delete next.metadata.deletionGracePeriodSeconds;
		else if (grace !== undefined) next.metadata.deletionGracePeriodSeconds = grace;
		if (target.plural === "namespaces") next.status = { phase: "Terminating" };
		return isReleased(target.plural, next)
			? this.#store.erase(target.plural, next)
			: this.#store.put(target.plural, next);
	}

	#bind(target: Target, body: KubeObject): KubeObject {
		const pod = this.#find(target);
		const spec = { ...(pod.spec as object), nodeName: (body.target as { name: string }).name };
		const conditions = [{ type: "PodScheduled", status: "True" }];
		return this.#store.put("pods", { ...pod, spec, status: { ...(pod.status as object), conditions } });
	}
}

/** Whether an object is in the namespace and matches the equality selectors of a request. */
export function selector(target: Target): (object: KubeObject) => boolean {
	const terms = (name: string) => (target.query.get(name) ?? "").split(",").filter(Boolean);
	const fields = terms("fieldSelector").map((term) => term.split("="));
	const labels = terms("labelSelector").map((term) => term.split("="));
	return (object) =>
		(target.namespace === undefined || object.metadata.namespace === target.namespace) &&
		labels.every(([name = "", value]) => object.metadata.labels?.[name] === value) &&
		fields.every(([path = "", value = ""]) => (fieldAt(object, path) ?? "") === value);
}

function fieldAt(object: KubeObject, path: string): unknown {
	return path.split(".").reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], object);
}

/** Metadata after a write: what the server owns stays as it was. */
function ownedMetadata(old: KubeObject, next: KubeObject): KubeObject["metadata"] {
	const { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, name, namespace } = old.metadata;
	const generation = (old.metadata.generation ?? 1) + (JSON.stringify(old.spec) === JSON.stringify(next.spec) ? 0 : 1);
	const owned = { uid, creationTimestamp, deletionTimestamp, deletionGracePeriodSeconds, name, namespace, generation };
	const defined = Object.entries(owned).filter(([, value]) => value !== undefined);
	return { ...next.metadata, ...Object.fromEntries(defined) };
}

/** Seconds that a pod on a node still gets; 0 means at once, undefined that the object is no such pod. */
function podGrace(plural: string, object: KubeObject, options: Record<string, unknown>): number | undefined {
	const spec = object.spec as { nodeName?: string; terminationGracePeriodSeconds?: number } | undefined;
	if (plural !== "pods" || spec?.nodeName === undefined) return undefined;
	return Number(options.gracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30);
}

function isReleased(plural: string, object: KubeObject): boolean {
	if (object.metadata.deletionTimestamp === undefined || (object.metadata.finalizers?.length ?? 0) > 0) return false;
	if (plural === "namespaces") return ((object.spec as { finalizers?: string[] })?.finalizers?.length ?? 0) === 0;
	return plural !== "pods" || object.metadata.deletionGracePeriodSeconds === undefined;
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
	if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
	const isMap = typeof target === "object" && target !== null && !Array.isArray(target);
	const result: Record<string, unknown> = isMap ? { ...target } : {};
	for (const [name, value] of Object.entries(patch))
		if (value === null) delete result[name];
		else result[name] = mergePatch(result[name], value);
	return result;
}
