import type { KubeObject } from "../../../kinds/object.ts";

/** Someone who follows one resource. */
export interface Watcher {
	readonly plural: string;
	readonly matches: (object: KubeObject) => boolean;
	send(type: string, object: unknown): void;
	end(): void;
}

/** Objects, their versions and their history, as the fake server keeps them. */
export class FakeStore {
	readonly watchers = new Set<Watcher>();
	readonly lookers = new Set<() => void>();
	version = 10;
	oldestVersion = 0;
	readonly #objects = new Map<string, KubeObject>();
	readonly #history: { plural: string; version: number; type: string; object: KubeObject }[] = [];

	get(plural: string, name: string, namespace?: string): KubeObject | undefined {
		return this.#objects.get(keyOf(plural, name, namespace));
	}

	all(plural: string): KubeObject[] {
		return [...this.#objects].filter(([at]) => at.startsWith(`${plural}|`)).map(([, object]) => object);
	}

	/** Stores a new version and tells the watchers; what is the same as before is left alone. */
	put(plural: string, object: KubeObject): KubeObject {
		const at = keyOf(plural, object.metadata.name ?? "", object.metadata.namespace);
		const old = this.#objects.get(at);
		if (old && withoutVersion(old) === withoutVersion(object)) return old;
		const next = structuredClone(object);
		next.metadata.resourceVersion = String(++this.version);
		this.#objects.set(at, next);
		this.#publish(old ? "MODIFIED" : "ADDED", plural, next);
		return next;
	}

	erase(plural: string, object: KubeObject): KubeObject {
		this.#objects.delete(keyOf(plural, object.metadata.name ?? "", object.metadata.namespace));
		const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.version) } };
		this.#publish("DELETED", plural, last);
		return last;
	}

	/** What a watch from `fromVersion` has missed. */
	since(plural: string, fromVersion: number): { type: string; object: KubeObject }[] {
		return this.#history.filter((past) => past.plural === plural && past.version > fromVersion);
	}

	#publish(type: string, plural: string, object: KubeObject): void {
		this.#history.push({ plural, version: this.version, type, object });
		for (const watcher of this.watchers)
			if (watcher.plural === plural && watcher.matches(object)) watcher.send(type, object);
		for (const look of [...this.lookers]) look();
	}
}

function keyOf(plural: string, name: string, namespace: string | undefined): string {
	return `${plural}|${namespace ?? ""}|${name}`;
}

function withoutVersion(object: KubeObject): string {
	const { resourceVersion: _, ...metadata } = object.metadata;
	return JSON.stringify({ ...object, metadata });
}
