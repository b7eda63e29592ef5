import { type Problem, ProblemError, problem } from "../../../lib/problem.ts";
import { type DiscoverySource, sourceKey } from "../../../xds/config-source.ts";
import type { TypedExtensionConfig } from "../../../xds/generated/envoy/config/core/v3/extension_pb.ts";
import type { ResourceUpdate, UpdateResult } from "../../xdsclient/resource-update.ts";
import type { Wanted } from "./config-sources.ts";
import { ownerOf } from "./owner.ts";

/** A filter whose configuration is discovered, in one listener. */
export interface FilterUser {
	/** Compiles a configuration; the answer puts it into force. Throws ProblemError. */
	prepare(config: TypedExtensionConfig, path: string): () => void;
	/** There is no configuration of this name any more. */
	onRemoved(): void;
}

interface Shelf {
	readonly name: string;
	readonly source: DiscoverySource;
	readonly users: Set<FilterUser>;
	last: TypedExtensionConfig | undefined;
}

/** The filter configurations of ECDS, by source and name. */
export class FilterBook {
	readonly #shelves = new Map<string, Shelf>();
	readonly #onWanted: () => void;

	/** `onWanted`: `wanted` has changed. */
	constructor(onWanted: () => void) {
		this.#onWanted = onWanted;
	}

	/** Begins to want a configuration for a filter; one that is there already is put into force, if it fits. The answer ends it. */
	use(source: DiscoverySource, name: string, user: FilterUser): () => void {
		const key = keyOf(sourceKey(source), name);
		let shelf = this.#shelves.get(key);
		if (!shelf) {
			shelf = { name, source, users: new Set(), last: undefined };
			this.#shelves.set(key, shelf);
		}
		const own = shelf;
		own.users.add(user);
		if (own.last) commitAll([user], own.last, []);
		this.#onWanted();
		return () => {
			own.users.delete(user);
			if (own.users.size > 0 || this.#shelves.get(key) !== own) return;
			this.#shelves.delete(key);
			this.#onWanted();
		};
	}

	wanted(): Wanted[] {
		return [...this.#shelves.values()].map(({ name, source }) => ({ name, source, ...ownerOf(source) }));
	}

	/** Takes configurations, each when it fits every filter that uses it. */
	apply({ added, removed, owner = sourceKey({ kind: "ads" }) }: ResourceUpdate): UpdateResult {
		const problems: Problem[] = [];
		const rejected = new Set<string>();
		for (const { name, message } of added) {
			const shelf = this.#shelves.get(keyOf(owner, name));
			if (!shelf) continue;
			const config = message as TypedExtensionConfig;
			if (commitAll(shelf.users, config, problems)) shelf.last = config;
			else rejected.add(name);
		}
		for (const name of removed) this.#remove(keyOf(owner, name));
		return { problems, rejected };
	}

	#remove(key: string): void {
		const shelf = this.#shelves.get(key);
		if (!shelf) return;
		shelf.last = undefined;
		for (const user of shelf.users) user.onRemoved();
	}
}

/** All users take it or none; false: none. */
function commitAll(users: Iterable<FilterUser>, config: TypedExtensionConfig, problems: Problem[]): boolean {
	const commits: (() => void)[] = [];
	try {
		if (!config.typedConfig) throw new ProblemError([problem("LTN3554", config.name, "there is no typed_config")]);
		for (const user of users) commits.push(user.prepare(config, config.name));
	} catch (error) {
		if (!(error instanceof ProblemError)) throw error;
		problems.push(...error.problems);
		return false;
	}
	for (const commit of commits) commit();
	return true;
}

function keyOf(owner: string, name: string): string {
	return `${owner} ${name}`;
}
