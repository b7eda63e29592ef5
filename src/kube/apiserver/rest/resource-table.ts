import type { KindDefinition } from "../../../kinds/definition.ts";
import { type ServedResource, servedResource } from "./served-resource.ts";

/** One group with its kinds; versions preferred first. */
export interface ServedGroup {
	readonly name: string;
	readonly versions: readonly string[];
	readonly kinds: readonly KindDefinition[];
}

/** What the server serves right now: Kubernetes' own kinds, then those of CustomResourceDefinitions. */
export class ResourceTable {
	readonly #builtin: readonly KindDefinition[];
	readonly #custom = new Map<string, KindDefinition>();
	/** Which state of which CRD a custom kind was made from. */
	readonly #sources = new Map<string, string>();
	readonly #resources = new Map<string, ServedResource>();
	#groups: readonly ServedGroup[] | undefined;
	#generation = 0;

	constructor(builtin: readonly KindDefinition[]) {
		this.#builtin = builtin;
		for (const kind of builtin) this.#index(kind);
	}

	/** Changes whenever what is served changes; caches of documents hang on it. */
	get generation(): number {
		return this.#generation;
	}

	find(group: string, version: string, plural: string): ServedResource | undefined {
		return this.#resources.get(pathOf(group, version, plural));
	}

	/** The resource in its preferred version. */
	findPreferred(group: string, plural: string): ServedResource | undefined {
		const kind = this.#kinds().find((k) => k.group === group && k.plural === plural);
		return kind && this.find(group, kind.versions[0]!, plural);
	}

	/** Kubernetes' own kinds of a group. */
	builtinKinds(group: string): readonly KindDefinition[] {
		return this.#builtin.filter((kind) => kind.group === group);
	}

	/**
	 * Adds or replaces the kind of a CustomResourceDefinition, named by uid and generation: a CRD whose spec has not changed
	 * changes nothing.
	 */
	putCustom(kind: KindDefinition, uid: string, generation: number): void {
		const name = `${kind.plural}.${kind.group}`;
		const source = `${uid}/${generation}`;
		if (this.#sources.get(name) === source) return;
		this.removeCustom(kind.group, kind.plural);
		this.#sources.set(name, source);
		this.#custom.set(name, kind);
		this.#index(kind);
		this.#changed();
	}

	removeCustom(group: string, plural: string): void {
		const old = this.#custom.get(`${plural}.${group}`);
		if (!old) return;
		this.#custom.delete(`${plural}.${group}`);
		this.#sources.delete(`${plural}.${group}`);
		for (const version of old.versions) this.#resources.delete(pathOf(group, version, plural));
		this.#changed();
	}

	/**
	 * Groups in the order of precedence of bare names: Kubernetes' own as listed, then custom ones by name (so that
	 * `gateway` means gateway.networking.k8s.io before networking.istio.io, as with kube-aggregator).
	 */
	groups(): readonly ServedGroup[] {
		this.#groups ??= this.#collectGroups();
		return this.#groups;
	}

	group(name: string): ServedGroup | undefined {
		return this.groups().find((group) => group.name === name);
	}

	#kinds(): KindDefinition[] {
		return [...this.#builtin, ...this.#custom.values()];
	}

	#collectGroups(): ServedGroup[] {
		const custom = [...this.#custom.values()].sort((a, b) => compare(a.group, b.group) || compare(a.plural, b.plural));
		const byGroup = Map.groupBy([...this.#builtin, ...custom], (kind) => kind.group);
		return [...byGroup].map(([name, kinds]) => ({
			name,
			kinds,
			versions: [...new Set(kinds.flatMap((kind) => kind.versions))].sort(compareVersions),
		}));
	}

	#index(kind: KindDefinition): void {
		for (const version of kind.versions) {
			this.#resources.set(pathOf(kind.group, version, kind.plural), servedResource(kind, version));
		}
	}

	#changed(): void {
		this.#generation++;
		this.#groups = undefined;
	}
}

function pathOf(group: string, version: string, plural: string): string {
	return `${group}/${version}/${plural}`;
}

function compare(a: string, b: string): number {
	return a < b ? -1 : Number(a > b);
}

const STABILITY = { "": 2, beta: 1, alpha: 0 } as const;

/** Kubernetes' order of versions: stable before beta before alpha, then the higher number first. */
export function compareVersions(a: string, b: string): number {
	const [left, right] = [parseVersion(a), parseVersion(b)];
	if (!left || !right) return Number(Boolean(right)) - Number(Boolean(left)) || compare(a, b);
	return right.stability - left.stability || right.major - left.major || right.minor - left.minor;
}

function parseVersion(text: string): { stability: number; major: number; minor: number } | undefined {
	const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text);
	if (!match) return undefined;
	const stability = STABILITY[(match[2] ?? "") as keyof typeof STABILITY];
	return { stability, major: Number(match[1]), minor: Number(match[3] ?? 0) };
}
